/**
 * Brain: the times of one day as they are typed, and what is wrong with them.
 *
 * What does not belong here: the words in which it is told.
 */

import { clockOf, DAY_MINUTES, minutesOf, paint, withDay, type Run, type Week } from "./week";

/** As the fields hold them. */
export interface TypedRun {
  readonly from: string;
  readonly to: string;
  readonly mode: Run["mode"];
}

export type RowProblem =
  | { readonly kind: "missing"; readonly row: number }
  | { readonly kind: "empty"; readonly row: number }
  | { readonly kind: "overlap"; readonly row: number; readonly other: number };

export function typedOf(runs: readonly Run[]): TypedRun[] {
  return runs.map((run) => ({ from: clockOf(run.from), to: clockOf(run.to), mode: run.mode }));
}

/** The minutes that a row means, its end behind midnight if it is not after its beginning. */
function meant(row: TypedRun): { from: number; to: number } | null {
  const from = minutesOf(row.from);
  const to = minutesOf(row.to);
  if (from === null || to === null || from === DAY_MINUTES) return null;
  return { from, to: to <= from ? to + DAY_MINUTES : to };
}

/** The first thing that is wrong with the rows of a day; null if there is none. */
export function wrongWith(rows: readonly TypedRun[]): RowProblem | null {
  const times: { from: number; to: number }[] = [];
  for (const [row, typed] of rows.entries()) {
    const time = meant(typed);
    if (!time) return { kind: "missing", row };
    // From midnight to midnight is a day; from seven to seven could be a day or nothing.
    if (time.to - time.from === DAY_MINUTES && time.from !== 0) return { kind: "empty", row };
    const other = times.findIndex((known) => known.from < time.to && known.to > time.from);
    if (other >= 0) return { kind: "overlap", row, other };
    times.push(time);
  }
  return null;
}

/** The week with one day as typed. Call it with rows that nothing is wrong with. */
export function applied(week: Week, day: number, rows: readonly TypedRun[]): Week {
  let typed = withDay(week, day, []);
  for (const row of rows) {
    const time = meant(row);
    if (time) typed = paint(typed, day, time.from, time.to, row.mode);
  }
  return typed;
}

/** A row that fits in: the longest time of the day that is free, or null when there is none. */
export function freeRow(runs: readonly Run[]): TypedRun | null {
  let best = { from: 0, to: 0 };
  let from = 0;
  for (const next of [...runs, { from: DAY_MINUTES, to: DAY_MINUTES }]) {
    if (next.from - from > best.to - best.from) best = { from, to: next.from };
    from = next.to;
  }
  if (best.from === best.to) return null;
  return { from: clockOf(best.from), to: clockOf(best.to), mode: "continuous" };
}
