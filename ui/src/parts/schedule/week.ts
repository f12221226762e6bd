/**
 * Brain: a week of recording, day by day. What is painted later covers what was there.
 *
 * What does not belong here: what is typed (`rows`), where the pointer is (`cells`), and time zones: a week is told by
 * the clock on the recorder's wall.
 */

import type { Day } from "../../hub/generated/Day";
import type { ScheduledMode } from "../../hub/generated/ScheduledMode";
import type { ScheduleSpan } from "../../hub/generated/ScheduleSpan";

export const DAYS = [
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
  "sunday",
] as const satisfies readonly Day[];

export const DAY_MINUTES = 1440;
/** The most spans that the hub takes. */
export const MOST_SPANS = 100;

/** `[from, to)` in minutes since midnight, within one day. Where there is no run, nothing is kept. */
export interface Run {
  readonly from: number;
  readonly to: number;
  readonly mode: "continuous" | "on_event";
}

/** Ordered runs that neither overlap nor touch one of their own mode, for each day from Monday on. */
export type Week = readonly (readonly Run[])[];

export const NEVER: Week = DAYS.map(() => []);
export const ALWAYS: Week = DAYS.map(() => [{ from: 0, to: DAY_MINUTES, mode: "continuous" }]);

/** A day on which `[from, to)` is of that mode, whatever it was before. */
export function paintDay(
  runs: readonly Run[],
  from: number,
  to: number,
  mode: ScheduledMode,
): readonly Run[] {
  if (from >= to) return runs;
  const rest = runs.flatMap((run) => [
    { ...run, to: Math.min(run.to, from) },
    { ...run, from: Math.max(run.from, to) },
  ]);
  const all: Run[] = rest.filter((run) => run.from < run.to);
  if (mode !== "off") all.push({ from, to, mode });
  all.sort((a, b) => a.from - b.from);
  const joined: Run[] = [];
  for (const run of all) {
    const last = joined.at(-1);
    if (last?.to === run.from && last.mode === run.mode) joined.splice(-1, 1, { ...last, to: run.to });
    else joined.push(run);
  }
  return joined;
}

/** The same on one day of a week. `to` may lie behind midnight; then it is of the next morning. */
export function paint(week: Week, day: number, from: number, to: number, mode: ScheduledMode): Week {
  const today = withDay(week, day, paintDay(week[day] ?? [], from, Math.min(to, DAY_MINUTES), mode));
  if (to <= DAY_MINUTES) return today;
  const next = (day + 1) % DAYS.length;
  return withDay(today, next, paintDay(today[next] ?? [], 0, to - DAY_MINUTES, mode));
}

export function withDay(week: Week, day: number, runs: readonly Run[]): Week {
  return week.map((old, index) => (index === day ? runs : old));
}

export function isNever(week: Week): boolean {
  return week.every((runs) => runs.length === 0);
}

export function hasEvents(week: Week): boolean {
  return week.some((runs) => runs.some((run) => run.mode === "on_event"));
}

/** What the hub's list comes down to: the later of two that overlap counts. */
export function weekOf(spans: readonly ScheduleSpan[]): Week {
  let week = NEVER;
  for (const span of spans) {
    const from = minutesOf(span.from);
    const to = minutesOf(span.to);
    if (from === null || to === null) continue;
    const end = to <= from ? to + DAY_MINUTES : to;
    for (const day of span.days) week = paint(week, DAYS.indexOf(day), from, end, span.mode);
  }
  return week;
}

/** The shortest list that says the same: nights in one piece, days that are alike together. */
export function spansOf(week: Week): ScheduleSpan[] {
  const spans: (ScheduleSpan & { from: string; to: string })[] = [];
  DAYS.forEach((day, index) => {
    for (const run of week[index] ?? []) {
      if (isMorningOf(week, index, run)) continue;
      const from = clockOf(run.from);
      const to = clockOf(morningAfter(week, index, run)?.to ?? run.to);
      const known = spans.find((span) => span.from === from && span.to === to && span.mode === run.mode);
      if (known) known.days.push(day);
      else spans.push({ days: [day], from, to, mode: run.mode });
    }
  });
  return spans;
}

/** The run of the next morning that goes on with this one, if both together are shorter than a day. */
export function morningAfter(week: Week, day: number, run: Run): Run | null {
  if (run.to !== DAY_MINUTES) return null;
  const next = week[(day + 1) % DAYS.length]?.[0];
  return next?.from === 0 && next.mode === run.mode && next.to < run.from ? next : null;
}

function isMorningOf(week: Week, day: number, run: Run): boolean {
  const before = (day + DAYS.length - 1) % DAYS.length;
  const last = week[before]?.at(-1);
  return last !== undefined && morningAfter(week, before, last) === run;
}

/** `07:30`; the end of a day is `24:00`. */
export function clockOf(minutes: number): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

export function minutesOf(clock: string): number | null {
  const [, hours, minutes] = /^(\d{2}):(\d{2})$/.exec(clock) ?? [];
  if (hours === undefined || minutes === undefined || Number(minutes) > 59) return null;
  const all = Number(hours) * 60 + Number(minutes);
  return all <= DAY_MINUTES ? all : null;
}
