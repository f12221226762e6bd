/**
 * What lies under a point of the timeline, and which spans are in sight.
 *
 * What does not belong here: drawing, and what a click does.
 */

import { toMs, toX, type View } from "./scale";
import type { Row, RowGap, RowMark } from "./rows";

export interface Hit {
  readonly row: number | null;
  readonly ms: number;
  readonly gap: RowGap | null;
  readonly mark: RowMark | null;
  readonly hasFootage: boolean;
  readonly isLocked: boolean;
}

const MARK_PX = 7;

/** Index of the first whose end lies behind `ms`; the list is ordered and does not overlap. */
export function firstEndingAfter(list: readonly { readonly endMs: number }[], ms: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle]?.endMs ?? 0) > ms) high = middle;
    else low = middle + 1;
  }
  return low;
}

function at<T extends { readonly startMs: number; readonly endMs: number }>(
  list: readonly T[],
  ms: number,
): T | null {
  const found = list[firstEndingAfter(list, ms)];
  return found && found.startMs <= ms ? found : null;
}

export function hit(
  view: View,
  width: number,
  rowHeight: number,
  rows: readonly Row[],
  x: number,
  y: number,
): Hit {
  const ms = toMs(view, width, x);
  const index = Math.floor(y / rowHeight);
  const row = y >= 0 ? rows[index] : undefined;
  if (!row) return { row: null, ms, gap: null, mark: null, hasFootage: false, isLocked: false };
  const mark =
    row.marks.find((candidate) => Math.abs(toX(view, width, candidate.atMs) - x) <= MARK_PX) ?? null;
  return {
    row: index,
    ms,
    gap: at(row.gaps, ms),
    mark,
    hasFootage: at(row.spans, ms) !== null,
    isLocked: at(row.locks, ms) !== null,
  };
}
