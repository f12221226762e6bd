/**
 * The hands on a video element's media source: what is put in is appended in order, one operation at a time.
 *
 * What does not belong here: what to append and when (`live`, `past`).
 */

import { sourceClass } from "./codecs";

/** Where a run of media is placed: at a fixed offset, or behind everything that is buffered. */
export type RunPlace = { readonly kind: "at"; readonly offsetS: number } | { readonly kind: "behind" };

type Operation =
  | {
      readonly kind: "run";
      readonly mime: string;
      readonly place: RunPlace;
      readonly done: (offsetS: number) => void;
    }
  | { readonly kind: "append"; readonly bytes: Uint8Array<ArrayBuffer>; readonly done?: () => void }
  | { readonly kind: "remove"; readonly fromS: number; readonly toS: number };

export interface PipeEvents {
  /** Everything that was put in so far is buffered. */
  readonly drained: () => void;
  /** The source cannot be used any more; make another. */
  readonly failed: (why: string) => void;
}

const MERGED_BYTES = 1 << 20;

export class MediaPipe {
  private readonly video: HTMLVideoElement;
  private readonly events: PipeEvents;
  private readonly source: MediaSource;
  private readonly url: string;
  private buffer: SourceBuffer | null = null;
  private mime = "";
  private queue: Operation[] = [];
  private inFlight: (() => void)[] = [];
  /** Its length is set: a source says that it is open before it is told so itself. */
  private isReady = false;
  private isClosed = false;

  constructor(video: HTMLVideoElement, durationS: number, events: PipeEvents) {
    const Source = sourceClass();
    if (!Source) throw new Error("this browser has no media source");
    this.video = video;
    this.events = events;
    this.source = new Source();
    this.url = URL.createObjectURL(this.source);
    this.source.addEventListener(
      "sourceopen",
      () => {
        if (this.isClosed) return;
        this.source.duration = durationS;
        this.isReady = true;
        this.pump();
      },
      { once: true },
    );
    video.disableRemotePlayback = true;
    video.src = this.url;
  }

  /** Nothing is waiting to be appended. */
  get isIdle(): boolean {
    return this.queue.length === 0 && this.buffer?.updating !== true;
  }

  get ranges(): TimeRanges | null {
    // Reading `buffered` of a source that the browser has closed throws.
    return this.buffer && this.source.readyState !== "closed" ? this.buffer.buffered : null;
  }

  /** End of what is buffered; null when nothing is. */
  get edgeS(): number | null {
    const ranges = this.ranges;
    return ranges && ranges.length > 0 ? ranges.end(ranges.length - 1) : null;
  }

  /** Start of the last stretch that is buffered without a hole; null when nothing is. */
  get lastStartS(): number | null {
    const ranges = this.ranges;
    return ranges && ranges.length > 0 ? ranges.start(ranges.length - 1) : null;
  }

  /** The bytes that follow begin with an init segment and a media time of their own. */
  run(mime: string, place: RunPlace, done: (offsetS: number) => void = () => undefined): void {
    this.put({ kind: "run", mime, place, done });
  }

  append(bytes: Uint8Array<ArrayBuffer>, done?: () => void): void {
    this.put(done ? { kind: "append", bytes, done } : { kind: "append", bytes });
  }

  remove(fromS: number, toS: number): void {
    if (toS > fromS) this.put({ kind: "remove", fromS, toS });
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.queue = [];
    URL.revokeObjectURL(this.url);
    if (this.video.src === this.url) {
      this.video.removeAttribute("src");
      this.video.load();
    }
  }

  private put(operation: Operation): void {
    if (this.isClosed) return;
    this.queue.push(operation);
    this.pump();
  }

  private readonly pump = (): void => {
    try {
      while (
        !this.isClosed &&
        this.isReady &&
        this.source.readyState === "open" &&
        this.buffer?.updating !== true
      ) {
        const operation = this.queue.shift();
        if (!operation) return;
        this.act(operation);
      }
    } catch (error) {
      this.fail(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    }
  };

  private act(operation: Operation): void {
    switch (operation.kind) {
      case "run": {
        const buffer = this.bufferFor(operation.mime);
        const offsetS = operation.place.kind === "at" ? operation.place.offsetS : (this.edgeS ?? 0);
        if (buffer.timestampOffset !== offsetS) buffer.timestampOffset = offsetS;
        operation.done(offsetS);
        return;
      }
      case "append":
        this.appendMerged(operation);
        return;
      case "remove":
        this.buffer?.remove(Math.max(0, operation.fromS), operation.toS);
        return;
    }
  }

  private bufferFor(mime: string): SourceBuffer {
    if (!this.buffer) {
      this.buffer = this.source.addSourceBuffer(mime);
      this.buffer.mode = "segments";
      this.buffer.addEventListener("updateend", this.updated);
      this.buffer.addEventListener("error", () => {
        this.fail(this.video.error?.message ?? "the browser could not read the media");
      });
    } else {
      this.buffer.abort();
      if (mime !== this.mime) this.buffer.changeType(mime);
    }
    this.mime = mime;
    return this.buffer;
  }

  /** Small appends cost as much as large ones, so what waits in a row goes in one. */
  private appendMerged(first: Extract<Operation, { kind: "append" }>): void {
    const parts = [first];
    let bytes = first.bytes.byteLength;
    for (let next = this.queue[0]; next?.kind === "append" && bytes < MERGED_BYTES; next = this.queue[0]) {
      bytes += next.bytes.byteLength;
      parts.push(next);
      this.queue.shift();
    }
    let whole = first.bytes;
    if (parts.length > 1) {
      whole = new Uint8Array(bytes);
      let at = 0;
      for (const part of parts) {
        whole.set(part.bytes, at);
        at += part.bytes.byteLength;
      }
    }
    try {
      this.buffer?.appendBuffer(whole);
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "QuotaExceededError") throw error;
      // Full: give up what was already seen, then try once more.
      this.queue.unshift(...parts);
      const start = this.ranges?.length ? (this.ranges.start(0) ?? 0) : 0;
      const end = Math.max(start, this.video.currentTime - 1);
      if (end <= start) throw error;
      this.buffer?.remove(start, end);
      return;
    }
    this.inFlight = parts.flatMap((part) => (part.done ? [part.done] : []));
  }

  private readonly updated = (): void => {
    const done = this.inFlight;
    this.inFlight = [];
    for (const call of done) call();
    this.pump();
    if (!this.isClosed && this.isIdle) this.events.drained();
  };

  private fail(why: string): void {
    if (this.isClosed) return;
    this.queue = [];
    this.events.failed(why);
  }
}
