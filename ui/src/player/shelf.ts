/**
 * What is known of a camera's past: playlists of ten minutes each, fetched when the playhead comes near, and again
 * while they still grow.
 *
 * What does not belong here: the pictures themselves.
 */

import { merge } from "./plan";
import { parsePlaylist, type PastPart } from "./playlist";

const CHUNK_MS = 600_000;
const REFRESH_MS = 2000;

interface Chunk {
  readonly parts: readonly PastPart[];
  readonly fetchedAtMs: number;
  /** Nothing will be added to it any more. */
  readonly isFinal: boolean;
}

export type FetchPlaylist = (fromUtcMs: number, toUtcMs: number) => Promise<string>;

export class Shelf {
  private readonly fetchPlaylist: FetchPlaylist;
  private readonly nowUtcMs: () => number;
  private readonly chunks = new Map<number, Chunk>();
  private readonly asked = new Set<number>();
  private all: readonly PastPart[] = [];

  constructor(fetchPlaylist: FetchPlaylist, nowUtcMs: () => number) {
    this.fetchPlaylist = fetchPlaylist;
    this.nowUtcMs = nowUtcMs;
  }

  get parts(): readonly PastPart[] {
    return this.all;
  }

  /** Whether everything between the two moments is known, so that a hole there is a hole in the footage. */
  knows(fromUtcMs: number, toUtcMs: number): boolean {
    for (let i = index(fromUtcMs); i <= index(Math.min(toUtcMs, this.nowUtcMs())); i += 1) {
      if (!this.chunks.has(i)) return false;
    }
    return true;
  }

  /** Fetches what is missing or has grown old between the two moments. True if something new is known. */
  async ensure(fromUtcMs: number, toUtcMs: number): Promise<boolean> {
    const nowMs = this.nowUtcMs();
    const missing: number[] = [];
    for (let i = index(fromUtcMs); i <= index(Math.min(toUtcMs, nowMs)); i += 1) {
      const chunk = this.chunks.get(i);
      const isFresh = chunk && (chunk.isFinal || nowMs - chunk.fetchedAtMs < REFRESH_MS);
      if (!isFresh && !this.asked.has(i)) missing.push(i);
    }
    if (missing.length === 0) return false;
    await Promise.all(missing.map((i) => this.load(i)));
    this.all = [...this.chunks.values()].reduce<PastPart[]>((parts, chunk) => merge(parts, chunk.parts), []);
    return true;
  }

  private async load(i: number): Promise<void> {
    this.asked.add(i);
    try {
      const fromMs = i * CHUNK_MS;
      const text = await this.fetchPlaylist(fromMs, fromMs + CHUNK_MS);
      const { parts, isComplete } = parsePlaylist(text);
      const fetchedAtMs = this.nowUtcMs();
      // A closed file may still be followed by another until well after the chunk's end.
      const isFinal = isComplete && fetchedAtMs > fromMs + CHUNK_MS + 60_000;
      this.chunks.set(i, { parts, fetchedAtMs, isFinal });
    } finally {
      this.asked.delete(i);
    }
  }
}

function index(utcMs: number): number {
  return Math.floor(utcMs / CHUNK_MS);
}
