/** A week in words. */

import type { ScheduledMode } from "../../hub/generated/ScheduledMode";
import { locale, t } from "../../i18n";
import type { RowProblem } from "./rows";
import { DAYS } from "./week";

/** 5 January 1970 was a Monday. */
const MONDAY_UTC_MS = 4 * 86_400_000;

function named(weekday: "long" | "short", index: number): string {
  const format = new Intl.DateTimeFormat(locale, { weekday, timeZone: "UTC" });
  return format.format(MONDAY_UTC_MS + (index % DAYS.length) * 86_400_000);
}

export const dayName = (index: number): string => named("long", index);
export const shortDayName = (index: number): string => named("short", index);

export function keptWords(mode: ScheduledMode | "mixed"): string {
  return t(`schedule.${mode}`);
}

export function problemWords(problem: RowProblem): string {
  switch (problem.kind) {
    case "missing":
      return t("schedule.problem.missing", { row: problem.row + 1 });
    case "empty":
      return t("schedule.problem.empty", { row: problem.row + 1 });
    case "overlap":
      return t("schedule.problem.overlap", { row: problem.row + 1, other: problem.other + 1 });
  }
}
