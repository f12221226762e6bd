/**
 * Which stretch of time is seen, and where in it a moment lies. Pure: every change is a new view.
 *
 * What does not belong here: pixels of rows, and pointers.
 */

/** `[startMs, endMs)` of UTC across the width. */
export interface View {
  readonly startMs: number;
  readonly endMs: number;
}

/** Two seconds: single pictures can be told apart. */
export const MIN_SPAN_MS = 2000;
/** A little over a year. */
export const MAX_SPAN_MS = 400 * 86_400_000;

export function spanMs(view: View): number {
  return view.endMs - view.startMs;
}

export function toX(view: View, width: number, ms: number): number {
  return ((ms - view.startMs) / spanMs(view)) * width;
}

export function toMs(view: View, width: number, x: number): number {
  return view.startMs + (x / Math.max(1, width)) * spanMs(view);
}

/** `factor` > 1 shows more time. What is under `anchorMs` stays where it is. */
export function zoom(view: View, anchorMs: number, factor: number): View {
  const span = Math.min(MAX_SPAN_MS, Math.max(MIN_SPAN_MS, spanMs(view) * factor));
  const share = (anchorMs - view.startMs) / spanMs(view);
  const startMs = anchorMs - share * span;
  return { startMs, endMs: startMs + span };
}

export function pan(view: View, byMs: number): View {
  return { startMs: view.startMs + byMs, endMs: view.endMs + byMs };
}

/** Keeps now from leaving the screen to the left: there is nothing to see in the future. */
export function bound(view: View, nowMs: number): View {
  const latestEnd = nowMs + spanMs(view) * 0.25;
  return view.endMs > latestEnd ? pan(view, latestEnd - view.endMs) : view;
}

/** The same zoom with `ms` in the middle, if it was not in sight. */
export function reveal(view: View, ms: number): View {
  const margin = spanMs(view) * 0.05;
  if (ms >= view.startMs + margin && ms <= view.endMs - margin) return view;
  return pan(view, ms - (view.startMs + view.endMs) / 2);
}

export function around(ms: number, span: number): View {
  return { startMs: ms - span / 2, endMs: ms + span / 2 };
}

/** Where two fingers put the two moments that they hold. */
export function pinch(
  view: View,
  width: number,
  from: readonly [number, number],
  to: readonly [number, number],
): View {
  const held = [toMs(view, width, from[0]), toMs(view, width, from[1])] as const;
  const distance = to[1] - to[0];
  if (Math.abs(distance) < 8) return view;
  const perPixel = (held[1] - held[0]) / distance;
  const span = Math.min(MAX_SPAN_MS, Math.max(MIN_SPAN_MS, Math.abs(perPixel) * width));
  const startMs = held[0] - (to[0] / width) * span;
  return { startMs, endMs: startMs + span };
}
