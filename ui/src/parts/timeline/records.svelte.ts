/**
 * What the timeline knows of each camera: asked for at the zoom that is seen, a few at a time, again near now.
 *
 * What does not belong here: which stretch is asked for (`timeline/window`), and drawing.
 */

import { SvelteMap } from "svelte/reactivity";
import type { Timeline } from "../../hub/generated/Timeline";
import { hub } from "../../hub/store.svelte";
import { joined, lookOf, type Row } from "../../timeline/rows";
import type { View } from "../../timeline/scale";
import { isStale, spansFor, windowFor, type Fetched } from "../../timeline/window";

const AT_ONCE = 4;

export class Records {
  rows = new SvelteMap<string, Row>();
  // Bookkeeping that nothing on the screen depends on.
  /* eslint-disable svelte/prefer-svelte-reactivity */
  private readonly fetched = new Map<string, Fetched>();
  private readonly busy = new Set<string>();
  /* eslint-enable svelte/prefer-svelte-reactivity */
  private readonly changed: () => void;

  constructor(changed: () => void) {
    this.changed = changed;
  }

  /** Asks for what is missing in sight. Call it whenever the view moves, and now and then. */
  want(cameraIds: readonly string[], view: View, width: number): void {
    const nowMs = hub.nowUtcMs();
    for (const id of cameraIds) {
      if (this.busy.size >= AT_ONCE) return;
      if (!this.busy.has(id) && isStale(this.fetched.get(id), view, nowMs)) void this.load(id, view, width);
    }
  }

  /** What is known of a camera is out of date: it is asked for with the next `want`. */
  forget(id: string): void {
    this.fetched.delete(id);
  }

  private async load(id: string, view: View, width: number): Promise<void> {
    this.busy.add(id);
    const window = windowFor(view);
    try {
      const timeline = await hub.client.timeline(id, window.startMs, window.endMs, spansFor(view, width));
      this.rows.set(id, toRow(id, timeline));
      this.fetched.set(id, { ...window, atMs: hub.nowUtcMs() });
      this.changed();
    } catch {
      // What was known stays on the screen; it is asked again a little later.
      const known = this.fetched.get(id);
      this.fetched.set(id, { ...(known ?? window), atMs: hub.nowUtcMs() - 1000 });
    } finally {
      this.busy.delete(id);
    }
  }
}

function toRow(cameraId: string, timeline: Timeline): Row {
  const main = timeline.spans.filter((span) => span.stream === "main");
  const spans = main.length > 0 ? main : timeline.spans;
  return {
    cameraId,
    isLoading: false,
    spans: spans.map((span) => ({ startMs: span.start_utc_ms, endMs: span.end_utc_ms })),
    gaps: timeline.gaps.map((gap) => ({
      startMs: gap.start_utc_ms,
      endMs: gap.end_utc_ms,
      reason: gap.reason,
      look: lookOf(gap.reason),
    })),
    locks: joined(
      timeline.spans
        .filter((span) => span.locked)
        .map((span) => ({ startMs: span.start_utc_ms, endMs: span.end_utc_ms })),
    ),
    marks: timeline.events.map((event) => ({ atMs: event.utc_ms, title: event.title })),
  };
}
