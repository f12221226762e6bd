/**
 * Decides which stretch is asked of the hub for what is in sight, and when it must be asked again.
 *
 * What does not belong here: asking.
 */

import { spanMs, type View } from "./scale";

/** What was fetched, and when. */
export interface Fetched {
  readonly startMs: number;
  readonly endMs: number;
  readonly atMs: number;
}

const REFRESH_MS = 3000;
const FAR_REFRESH_MS = 30_000;

/** One screen more on either side, on a grid, so that neighbours ask for the same. */
export function windowFor(view: View): { readonly startMs: number; readonly endMs: number } {
  const grid = 2 ** Math.ceil(Math.log2(spanMs(view)));
  return {
    startMs: Math.floor((view.startMs - grid / 2) / grid) * grid,
    endMs: Math.ceil((view.endMs + grid / 2) / grid) * grid,
  };
}

/** Spans that are worth asking for: more than pixels cannot be told apart. */
export function spansFor(view: View, width: number): number {
  const window = windowFor(view);
  return Math.min(4000, Math.max(200, Math.ceil((width * (window.endMs - window.startMs)) / spanMs(view))));
}

export function isStale(fetched: Fetched | undefined, view: View, nowMs: number): boolean {
  if (!fetched) return true;
  const window = windowFor(view);
  if (fetched.startMs !== window.startMs || fetched.endMs !== window.endMs) return true;
  const reachesNow = window.endMs > nowMs - 60_000;
  return nowMs - fetched.atMs > (reachesNow ? REFRESH_MS : FAR_REFRESH_MS);
}
