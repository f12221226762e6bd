/**
 * Brain: a stretch of time that somebody chooses on the timeline.
 *
 * What does not belong here: pointers (`surface`), and what is done with it.
 */

import { spanMs, toMs, toX, type View } from "./scale";

/** `[startMs, endMs)`, in whole seconds. */
export interface Selection {
  readonly startMs: number;
  readonly endMs: number;
}

const SECOND_MS = 1000;
const SHORTEST_FIRST_MS = 10_000;

/** Between two moments, whichever comes first; at least a second, and never of the future. */
export function between(a: number, b: number, nowMs: number): Selection {
  const latest = Math.floor(nowMs / SECOND_MS) * SECOND_MS;
  const whole = (ms: number): number => Math.min(latest, Math.round(ms / SECOND_MS) * SECOND_MS);
  const [startMs, endMs] = [whole(Math.min(a, b)), whole(Math.max(a, b))];
  return endMs > startMs ? { startMs, endMs } : { startMs: endMs - SECOND_MS, endMs };
}

/** What is offered first: a fifth of what is in sight, around what plays. */
export function offered(view: View, playheadMs: number, nowMs: number): Selection {
  const length = Math.max(SHORTEST_FIRST_MS, spanMs(view) / 5);
  const endMs = Math.min(nowMs, playheadMs + length / 2);
  return between(endMs - length, endMs, nowMs);
}

/** The end that stays where it is when a pointer goes down there: the far one at an edge, a new one elsewhere. */
export function anchorAt(
  view: View,
  width: number,
  selection: Selection | null,
  x: number,
  reachPx: number,
): number {
  if (selection) {
    const toStart = Math.abs(toX(view, width, selection.startMs) - x);
    const toEnd = Math.abs(toX(view, width, selection.endMs) - x);
    if (Math.min(toStart, toEnd) <= reachPx) return toStart < toEnd ? selection.endMs : selection.startMs;
  }
  return toMs(view, width, x);
}

/** One of its ends put elsewhere. An end that would come before the beginning takes that along. */
export function withEnd(
  selection: Selection | null,
  end: "start" | "end",
  ms: number,
  nowMs: number,
): Selection {
  const other = end === "start" ? selection?.endMs : selection?.startMs;
  const isOrdered = other !== undefined && (end === "start" ? ms < other : ms > other);
  if (isOrdered) return between(ms, other, nowMs);
  return end === "start"
    ? between(ms, ms + SHORTEST_FIRST_MS, nowMs)
    : between(ms - SHORTEST_FIRST_MS, ms, nowMs);
}
