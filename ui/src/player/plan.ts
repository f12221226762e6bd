/**
 * Decides what the player of the past fetches next, what it may forget, and where footage goes on.
 *
 * What does not belong here: fetching, appending, and the video element.
 */

import type { PastPart } from "./playlist";

/** Smaller holes are between two pictures, not between two recordings. */
export const SEAM_MS = 400;

export type Ground =
  | { readonly kind: "footage"; readonly part: PastPart }
  | { readonly kind: "gap"; readonly nextUtcMs: number }
  | { readonly kind: "end"; readonly lastUtcMs: number | null };

/** Index of the first part that ends behind `utcMs`. */
function firstEndingAfter(parts: readonly PastPart[], utcMs: number): number {
  let low = 0;
  let high = parts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((parts[middle]?.endUtcMs ?? 0) > utcMs) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** What lies under the playhead. */
export function groundAt(parts: readonly PastPart[], utcMs: number): Ground {
  const index = firstEndingAfter(parts, utcMs);
  const part = parts[index];
  if (!part) return { kind: "end", lastUtcMs: parts.at(-1)?.endUtcMs ?? null };
  if (part.startUtcMs <= utcMs + SEAM_MS) return { kind: "footage", part };
  return { kind: "gap", nextUtcMs: part.startUtcMs };
}

/** The parts to fetch, nearest first: all that begin within `aheadMs` and are not there yet. */
export function wanted(
  parts: readonly PastPart[],
  playheadUtcMs: number,
  aheadMs: number,
  has: (part: PastPart) => boolean,
  limit: number,
): PastPart[] {
  const found: PastPart[] = [];
  for (let i = firstEndingAfter(parts, playheadUtcMs); i < parts.length && found.length < limit; i += 1) {
    const part = parts[i];
    if (!part || part.startUtcMs > playheadUtcMs + aheadMs) break;
    if (!has(part)) found.push(part);
  }
  return found;
}

/** Merges a newer playlist into an older one; a part that has grown replaces its former self. */
export function merge(old: readonly PastPart[], newer: readonly PastPart[]): PastPart[] {
  const byKey = new Map<string, PastPart>();
  for (const part of old) byKey.set(part.key, part);
  for (const part of newer) byKey.set(part.key, part);
  return [...byKey.values()].sort((a, b) => a.startUtcMs - b.startUtcMs);
}

/** The picture before or after the one that is shown; null at the end of what is known. */
export function neighbour(pictures: readonly number[], shownMs: number, direction: 1 | -1): number | null {
  let low = 0;
  let high = pictures.length;
  // Half a millisecond of tolerance: times went through seconds and back.
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((pictures[middle] ?? 0) <= shownMs + 0.5) low = middle + 1;
    else high = middle;
  }
  // `low - 1` is the picture on the screen.
  const index = direction === 1 ? low : low - 2;
  return pictures[index] ?? null;
}
