/**
 * One camera's past in a video element: any moment at once, across files without a seam, over gaps with a word.
 *
 * `video.currentTime` is the wall clock less `epochUtcMs`, because each file is placed by its own start. What to fetch
 * is decided in `plan`, what is known is in `shelf`; this file carries it out.
 * What does not belong here: fetching itself (handed in), and anything that is drawn.
 */

import { pictureTicks, tracksOf } from "./boxes";
import { MediaPipe } from "./pipe";
import { groundAt, neighbour, wanted } from "./plan";
import type { ByteRange, PastFile, PastPart } from "./playlist";
import { Shelf } from "./shelf";

/** Where the past comes from. */
export interface PastSource {
  playlist(fromUtcMs: number, toUtcMs: number): Promise<string>;
  bytes(uri: string, range: ByteRange, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
  nowUtcMs(): number;
}

export type PastState =
  | { readonly kind: "loading" }
  | { readonly kind: "playing" }
  | { readonly kind: "paused" }
  /** There is no later footage, and the newest is old. */
  | { readonly kind: "ended"; readonly lastUtcMs: number | null }
  | { readonly kind: "failed"; readonly why: string };

export type PastEvent =
  | { readonly kind: "state"; readonly state: PastState }
  | { readonly kind: "position"; readonly utcMs: number }
  | { readonly kind: "skipped"; readonly fromUtcMs: number; readonly toUtcMs: number }
  /** The playhead is where live begins. */
  | { readonly kind: "reached_live" };

export interface PastPlayerOptions {
  readonly video: HTMLVideoElement;
  readonly host: HTMLElement;
  readonly source: PastSource;
  readonly on: (event: PastEvent) => void;
}

const AHEAD_MS = 12_000;
const BEHIND_MS = 30_000;
/** How far back and forth one media source reaches. Beyond it another is made. */
const EPOCH_BACK_MS = 6 * 3_600_000;
const EPOCH_SPAN_S = 24 * 3600;
/** Footage that ends later than this before now goes on live. */
const LIVE_WITHIN_MS = 20_000;
/** Browsers stand still a little before the end of what is buffered, the earlier the faster they play. */
const STALLED_S = 1.5;
/** A part's length as written and as buffered differ by less. */
const ROUNDING_MS = 100;
const TICK_MS = 100;
const REVERSE_TICK_MS = 200;
const FETCHES = 3;

interface Init {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly trackId: number;
  readonly ticksPerSecond: number;
}

export class PastPlayer {
  private readonly o: PastPlayerOptions;
  private readonly shelf: Shelf;
  private pipe: MediaPipe | null = null;
  private epochUtcMs = 0;
  private targetUtcMs: number | null = null;
  private wantsPlay = true;
  private speed = 1;
  private reverseSpeed = 0;
  private state: PastState = { kind: "loading" };
  private readonly loaded = new Map<string, { part: PastPart; pictures: number[] }>();
  private readonly fetching = new Map<string, AbortController>();
  private readonly inits = new Map<number, Promise<Init>>();
  private runFile: number | null = null;
  private failures = 0;
  private retryAtMs = 0;
  private lastPictureS: number | null = null;
  private ticker: ReturnType<typeof setInterval> | null = null;
  private reverseAtMs = 0;
  private frameHandle = 0;
  private hasReachedLive = false;

  constructor(options: PastPlayerOptions) {
    this.o = options;
    this.shelf = new Shelf(
      (from, to) => options.source.playlist(from, to),
      () => options.source.nowUtcMs(),
    );
  }

  /** The moment under the playhead. */
  get positionUtcMs(): number {
    return this.targetUtcMs ?? this.epochUtcMs + this.o.video.currentTime * 1000;
  }

  get isPlaying(): boolean {
    return this.wantsPlay;
  }

  start(utcMs: number): void {
    this.ticker = setInterval(this.tick, TICK_MS);
    this.watchPictures();
    this.seek(utcMs);
  }

  stop(): void {
    if (this.ticker !== null) clearInterval(this.ticker);
    this.ticker = null;
    if ("cancelVideoFrameCallback" in this.o.video) this.o.video.cancelVideoFrameCallback(this.frameHandle);
    this.abortFetches();
    this.pipe?.close();
    this.pipe = null;
  }

  seek(utcMs: number): void {
    this.hasReachedLive = false;
    this.reverseSpeed = 0;
    this.targetUtcMs = Math.min(utcMs, this.o.source.nowUtcMs());
    this.lastPictureS = null;
    this.failures = 0;
    this.retryAtMs = 0;
    const atS = (this.targetUtcMs - this.epochUtcMs) / 1000;
    if (!this.pipe || atS < 0 || atS > EPOCH_SPAN_S) this.rebuild(this.targetUtcMs);
    // What is on its way for another place must not keep this one waiting.
    for (const [key, abort] of this.fetching) {
      const part = this.shelf.parts.find((candidate) => candidate.key === key);
      const isUseful =
        part && part.endUtcMs > this.targetUtcMs && part.startUtcMs < this.targetUtcMs + AHEAD_MS;
      if (!isUseful) abort.abort();
    }
    this.o.video.pause();
    this.enter({ kind: "loading" });
    this.tick();
  }

  play(): void {
    this.wantsPlay = true;
    this.reverseSpeed = 0;
    if (this.targetUtcMs === null) this.resume();
  }

  pause(): void {
    this.wantsPlay = false;
    this.reverseSpeed = 0;
    this.o.video.pause();
    if (this.targetUtcMs === null) this.enter({ kind: "paused" });
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    this.reverseSpeed = 0;
    this.o.video.playbackRate = speed;
  }

  /** Backwards, by showing earlier pictures several times a second: browsers do not decode backwards. */
  reverse(speed: number): void {
    this.o.video.pause();
    this.wantsPlay = false;
    this.reverseSpeed = speed;
    this.reverseAtMs = performance.now();
  }

  /** The next picture, or the one before. */
  step(direction: 1 | -1): void {
    this.pause();
    const shownS = this.lastPictureS ?? this.o.video.currentTime;
    const pictures: number[] = [];
    for (const { pictures: some } of this.loaded.values()) pictures.push(...some);
    pictures.sort((a, b) => a - b);
    const next = neighbour(pictures, shownS * 1000, direction);
    if (next === null) {
      // Beyond what is buffered: an ordinary seek fetches it.
      this.seek(this.epochUtcMs + shownS * 1000 + direction * 40);
      this.wantsPlay = false;
      return;
    }
    // A quarter of a millisecond inside the picture, so that rounding cannot show its neighbour.
    this.o.video.currentTime = (next + 0.25) / 1000;
    this.lastPictureS = next / 1000;
  }

  private rebuild(aroundUtcMs: number): void {
    this.abortFetches();
    this.pipe?.close();
    this.loaded.clear();
    this.runFile = null;
    this.epochUtcMs = Math.floor(aroundUtcMs / 1000) * 1000 - EPOCH_BACK_MS;
    this.pipe = new MediaPipe(this.o.video, EPOCH_SPAN_S, {
      drained: this.tick,
      failed: (why) => {
        this.o.host.dataset["lastFailure"] = why;
        this.failures += 1;
        if (this.failures > 3) {
          this.enter({ kind: "failed", why });
          return;
        }
        const at = this.positionUtcMs;
        this.rebuild(at);
        this.targetUtcMs = at;
      },
    });
  }

  private abortFetches(): void {
    for (const abort of this.fetching.values()) abort.abort();
    this.fetching.clear();
  }

  private readonly tick = (): void => {
    if (!this.pipe || this.state.kind === "failed") return;
    const playhead = this.positionUtcMs;
    this.o.host.dataset["positionUtcMs"] = playhead.toFixed(0);
    this.look(playhead);
    this.fetchAhead(playhead);
    this.forget(playhead);
    if (this.targetUtcMs !== null) this.arrive(this.targetUtcMs);
    else if (this.reverseSpeed > 0) this.stepBack();
    else this.crossGap(playhead);
    this.o.on({ kind: "position", utcMs: this.positionUtcMs });
  };

  /** Learns what footage there is around the playhead. */
  private look(playhead: number): void {
    if (performance.now() < this.retryAtMs) return;
    const aheadMs = AHEAD_MS * Math.max(1, this.speed) + 60_000;
    this.shelf.ensure(playhead - BEHIND_MS, playhead + aheadMs).then(
      (isNew) => {
        this.failures = isNew ? 0 : this.failures;
        if (isNew) this.tick();
      },
      () => {
        this.retryAtMs = performance.now() + 1000;
      },
    );
  }

  private fetchAhead(playhead: number): void {
    const aheadMs = Math.min(AHEAD_MS * Math.max(1, this.speed), 60_000);
    const limit = this.speed > 2 ? FETCHES : 1;
    const from = this.reverseSpeed > 0 ? playhead - 8000 : playhead;
    const free = limit - this.fetching.size;
    if (free <= 0 || performance.now() < this.retryAtMs) return;
    const has = (part: PastPart): boolean =>
      this.fetching.has(part.key) || (this.loaded.get(part.key)?.part.range.length ?? 0) >= part.range.length;
    for (const part of wanted(this.shelf.parts, from, aheadMs, has, free)) void this.fetchPart(part);
  }

  private async fetchPart(part: PastPart): Promise<void> {
    const abort = new AbortController();
    const epoch = this.epochUtcMs;
    this.fetching.set(part.key, abort);
    try {
      const [init, bytes] = await Promise.all([
        this.initOf(part.file),
        this.o.source.bytes(part.uri, part.range, abort.signal),
      ]);
      if (this.epochUtcMs === epoch && this.pipe && !abort.signal.aborted) this.put(part, init, bytes);
    } catch {
      if (!abort.signal.aborted) this.retryAtMs = performance.now() + 500;
    } finally {
      if (this.fetching.get(part.key) === abort) this.fetching.delete(part.key);
      this.tick();
    }
  }

  private initOf(file: PastFile): Promise<Init> {
    const known = this.inits.get(file.startUtcMs);
    if (known) return known;
    const fetched = this.o.source
      .bytes(file.initUri, file.initRange, new AbortController().signal)
      .then((bytes): Init => {
        const video = tracksOf(bytes).find((track) => track.isVideo);
        return { bytes, trackId: video?.id ?? 1, ticksPerSecond: video?.ticksPerSecond ?? 90_000 };
      });
    fetched.catch(() => this.inits.delete(file.startUtcMs));
    this.inits.set(file.startUtcMs, fetched);
    return fetched;
  }

  private put(part: PastPart, init: Init, bytes: Uint8Array<ArrayBuffer>): void {
    const pipe = this.pipe;
    if (!pipe) return;
    const offsetS = (part.file.startUtcMs - this.epochUtcMs) / 1000;
    if (this.runFile !== part.file.startUtcMs) {
      pipe.run(part.file.mime, { kind: "at", offsetS });
      pipe.append(init.bytes);
      this.runFile = part.file.startUtcMs;
    }
    pipe.append(bytes);
    const pictures = pictureTicks(bytes, init.trackId).map(
      (ticks) => (offsetS + ticks / init.ticksPerSecond) * 1000,
    );
    this.loaded.set(part.key, { part, pictures });
  }

  private forget(playhead: number): void {
    if (!this.pipe?.isIdle) return;
    for (const [key, { part }] of this.loaded) {
      const isBehind = part.endUtcMs < playhead - BEHIND_MS;
      const isFarAhead = part.startUtcMs > playhead + 120_000;
      if (!isBehind && !isFarAhead) continue;
      this.loaded.delete(key);
      this.pipe.remove((part.startUtcMs - this.epochUtcMs) / 1000, (part.endUtcMs - this.epochUtcMs) / 1000);
    }
  }

  /** Goes to the wanted moment as soon as its picture is buffered. */
  private arrive(utcMs: number): void {
    if (!this.shelf.knows(utcMs, utcMs)) return;
    const ground = groundAt(this.shelf.parts, utcMs);
    if (ground.kind === "gap") {
      this.o.on({ kind: "skipped", fromUtcMs: utcMs, toUtcMs: ground.nextUtcMs });
      this.targetUtcMs = ground.nextUtcMs;
      return;
    }
    if (ground.kind === "end") {
      this.reachEnd(utcMs, ground.lastUtcMs);
      return;
    }
    if (!this.loaded.has(ground.part.key)) return;
    const atS = (Math.max(utcMs, ground.part.startUtcMs) - this.epochUtcMs) / 1000;
    const place = this.bufferedFrom(atS);
    if (place === null) return;
    this.targetUtcMs = null;
    this.o.video.currentTime = place;
    this.o.video.playbackRate = this.speed;
    if (this.wantsPlay) this.resume();
    else this.enter({ kind: "paused" });
  }

  /** `atS` itself if it is buffered, or the start of what is buffered right behind it. */
  private bufferedFrom(atS: number): number | null {
    const ranges = this.pipe?.ranges;
    if (!ranges) return null;
    for (let i = 0; i < ranges.length; i += 1) {
      if (ranges.end(i) <= atS + 0.01 || ranges.start(i) > atS + 0.5) continue;
      return Math.max(atS, ranges.start(i) + 0.001);
    }
    return null;
  }

  private resume(): void {
    if (this.o.video.paused) {
      this.o.video.play().catch(() => {
        if (!this.o.video.muted) this.o.video.muted = true;
      });
    }
    this.enter({ kind: "playing" });
  }

  /** Nothing buffered under the playhead: step over a seam, jump over a gap, wait for bytes, or come to the end. */
  private crossGap(playhead: number): void {
    if (!this.wantsPlay || this.o.video.seeking) return;
    const atS = this.o.video.currentTime;
    const ranges = this.pipe?.ranges;
    if (!ranges) return;
    const hasStalled = this.o.video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    let endS = atS;
    for (let i = 0; i < ranges.length; i += 1) {
      if (ranges.start(i) <= atS + 0.01 && ranges.end(i) > atS) {
        endS = ranges.end(i);
      } else if (hasStalled && ranges.start(i) > atS && ranges.start(i) < atS + 0.5) {
        this.o.video.currentTime = ranges.start(i) + 0.001;
        return;
      }
    }
    if (!hasStalled) {
      if (this.state.kind !== "playing" || this.o.video.paused) this.resume();
      return;
    }
    // With plenty ahead it waits for its decoder, not for us.
    if (endS - atS > STALLED_S) return;
    const endUtcMs = this.epochUtcMs + endS * 1000;
    if (!this.shelf.knows(playhead, endUtcMs + 1000)) return;
    const ground = groundAt(this.shelf.parts, endUtcMs + ROUNDING_MS);
    if (ground.kind === "gap") {
      if (!this.pipe?.isIdle || !this.shelf.knows(playhead, ground.nextUtcMs)) return;
      this.o.on({ kind: "skipped", fromUtcMs: playhead, toUtcMs: ground.nextUtcMs });
      this.targetUtcMs = ground.nextUtcMs;
      this.enter({ kind: "loading" });
    } else if (ground.kind === "end") {
      this.reachEnd(playhead, ground.lastUtcMs);
    } else if (this.state.kind !== "loading") {
      this.enter({ kind: "loading" });
    }
  }

  private reachEnd(playhead: number, lastUtcMs: number | null): void {
    const now = this.o.source.nowUtcMs();
    if (now - playhead <= LIVE_WITHIN_MS) {
      if (!this.hasReachedLive) {
        this.hasReachedLive = true;
        this.o.on({ kind: "reached_live" });
      }
      return;
    }
    // The next footage may be far away; look there before calling it the end.
    const knownTo = this.searchedTo(playhead);
    if (knownTo < now) {
      this.shelf.ensure(knownTo, knownTo + 3_600_000).then(
        () => {
          this.tick();
        },
        () => {
          this.retryAtMs = performance.now() + 1000;
        },
      );
      return;
    }
    if (this.state.kind !== "ended") this.enter({ kind: "ended", lastUtcMs });
  }

  /** Up to where, from `utcMs` on, the shelf has no unknown stretch. */
  private searchedTo(utcMs: number): number {
    const now = this.o.source.nowUtcMs();
    let at = utcMs;
    while (at < now && this.shelf.knows(at, at)) at += 600_000;
    return at;
  }

  private stepBack(): void {
    const now = performance.now();
    if (this.o.video.seeking || now - this.reverseAtMs < REVERSE_TICK_MS) return;
    const backS = ((now - this.reverseAtMs) / 1000) * this.reverseSpeed;
    this.reverseAtMs = now;
    const atS = this.o.video.currentTime - backS;
    const place = this.bufferedFrom(atS);
    if (place !== null && place <= this.o.video.currentTime) {
      this.o.video.currentTime = place;
      return;
    }
    const speed = this.reverseSpeed;
    this.seek(this.epochUtcMs + atS * 1000);
    this.reverseSpeed = speed;
  }

  private watchPictures(): void {
    const video = this.o.video;
    if (!("requestVideoFrameCallback" in video)) return;
    const shown = (_now: number, facts: VideoFrameCallbackMetadata): void => {
      this.lastPictureS = facts.mediaTime;
      this.o.host.dataset["pictureUtcMs"] = (this.epochUtcMs + facts.mediaTime * 1000).toFixed(0);
      this.frameHandle = video.requestVideoFrameCallback(shown);
    };
    this.frameHandle = video.requestVideoFrameCallback(shown);
  }

  private enter(state: PastState): void {
    const isSame = this.state.kind === state.kind;
    this.state = state;
    this.o.host.dataset["state"] = state.kind;
    if (!isSame) this.o.on({ kind: "state", state });
  }
}
