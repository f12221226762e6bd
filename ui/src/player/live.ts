/**
 * One camera, live, in a video element: from the hub's socket into the media source, close behind the newest picture, and
 * back by itself after whatever stops it. Which of the camera's streams it is, the hub decides by what has arrived.
 *
 * Decisions are made in `pace`, `watch`, `silence`, `backoff`, `delay` and `receipt`; this file carries them out.
 * What does not belong here: opening sockets (handed in), and anything that is drawn over the picture.
 */

import type { LiveStream } from "../hub/generated/LiveStream";
import type { MseMessage } from "../hub/generated/MseMessage";
import type { MseReport } from "../hub/generated/MseReport";
import type { MseRequest } from "../hub/generated/MseRequest";
import type { Problem } from "../hub/generated/Problem";
import type { ProblemCode } from "../hub/generated/ProblemCode";
import type { Stream } from "../hub/generated/Stream";
import { backoffMs } from "./backoff";
import { arrivalOf, tracksOf, type Arrival, type TrackInfo } from "./boxes";
import type { Way } from "./choose";
import { canPlay, playableCodecs, refusedFamilies, sourceClass } from "./codecs";
import { DelayMeter } from "./delay";
import { isUnseen } from "./outside";
import { HEARD_LIMITS, LIVE_LIMITS, Pace } from "./pace";
import { MediaPipe } from "./pipe";
import { Receipt } from "./receipt";
import { Silence } from "./silence";
import { Watch } from "./watch";

/** An open socket to the hub's live stream. */
export interface LiveLink {
  send(text: string): void;
  close(): void;
}

export interface LiveLinkEvents {
  readonly opened: () => void;
  readonly text: (text: string) => void;
  readonly binary: (bytes: ArrayBuffer) => void;
  readonly closed: () => void;
}

export type OpenLiveLink = (events: LiveLinkEvents) => LiveLink;

export type LiveState =
  | { readonly kind: "stopped" }
  | { readonly kind: "connecting" }
  | { readonly kind: "playing" }
  /** The hub has no pictures now; they follow by themselves. */
  | { readonly kind: "waiting"; readonly problem: Problem }
  /** Nothing will follow: this browser cannot show it, or it may not be shown. */
  | { readonly kind: "unsupported"; readonly problem: Problem | null };

export interface LiveFacts {
  readonly way: Way;
  /** From the unit's arrival at the recorder to the screen. */
  readonly delayMs: number | null;
  /** From `start` to the first picture on the screen. */
  readonly firstPictureMs: number | null;
  readonly bufferedMs: number;
  readonly targetMs: number;
  readonly rate: number;
  readonly shown: number;
  readonly dropped: number;
  readonly skippedByHub: number;
  readonly width: number;
  readonly height: number;
  readonly bitrateBps: number;
}

/** What is told of the sound by a player that plays with it. */
export interface SoundEvents {
  /** None comes, or it holds the pictures up. */
  readonly onLost: () => void;
  /** The browser plays nothing that is heard without a click; it goes on mute. */
  readonly onRefused: () => void;
}

export interface LivePlayerOptions {
  readonly video: HTMLVideoElement;
  /** Nothing better is of use at first. */
  readonly best: Stream;
  /** Whether the connection has just proved narrow: then the hub begins with less. */
  readonly isNarrow: () => boolean;
  /** Pictures of that stream are seen from now on. */
  readonly onStream: (stream: LiveStream, isBest: boolean) => void;
  /** Gets `data-state`, `data-delay-ms` and so on, for tests and benchmarks. */
  readonly host: HTMLElement;
  readonly open: OpenLiveLink;
  /** The recorder's clock less ours. */
  readonly clockOffsetMs: () => number;
  readonly onState: (state: LiveState) => void;
  readonly onFacts?: (facts: LiveFacts) => void;
  /** Present: the sound is played too. */
  readonly sound?: SoundEvents;
}

const TICK_MS = 100;
const FACTS_MS = 500;
/** A unit younger than this is not from the stored GOP. */
const BURST_AGE_MS = 300;
/** Clocks may differ; after this the burst is over in any case (guess: ten times what it takes on this machine). */
const BURST_MS = 150;
const KEEP_BEHIND_S = 8;
const TRIM_AT_S = 20;
/** Of what comes later than that, more headroom is no help. */
const LATE_MS = 1000;
/** What another connection may not meet: a token that ended while the machine slept is a new one then. */
const PASSING: readonly ProblemCode[] = ["stopping", "internal", "unauthorized"];
/** A window hidden for longer takes no pictures. */
const HIDDEN_MS = 3000;

type InitMessage = Extract<MseMessage, { kind: "init" }>;

export class LivePlayer {
  private readonly o: LivePlayerOptions;
  private readonly pace: Pace;
  private readonly watch = new Watch();
  private readonly delay = new DelayMeter();
  private readonly silence = new Silence();
  private pipe: MediaPipe | null = null;
  /** The next connection needs another media source, whoever opens it: this one plays nothing any more. */
  private mustRebuild = false;
  private link: LiveLink | null = null;
  private receipt = new Receipt();
  private best: Stream;
  /** Of codecs, which this browser turned out not to play. */
  private readonly refused = new Set<string>();
  private state: LiveState = { kind: "stopped" };
  private isStarted = false;
  private startedAtMs = 0;
  private firstPictureMs: number | null = null;
  private attempt = 0;
  private pictures = 0;
  private bytes = 0;
  private skipped = 0;
  private bitrate = { atMs: 0, bytes: 0, bps: 0 };
  /** The tracks of the run that is being received. */
  private video: TrackInfo | null = null;
  private audio: TrackInfo | null = null;
  private awaitsInit: InitMessage | null = null;
  /** Of the run that is being received, until it is seen. */
  private coming: InitMessage | null = null;
  /** Where the current run lies; null until it is placed. What arrived before is kept until then. */
  private runOffsetS: number | null = null;
  private unplaced: { mediaS: number; unixMs: number }[] = [];
  private runBeganMs = 0;
  /** When the newest unit reached the recorder, by its clock. */
  private newestUnixMs = 0;
  /** Go to the edge as soon as everything received is buffered. */
  private mustJump = false;
  private ticker: ReturnType<typeof setInterval> | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private hide: ReturnType<typeof setTimeout> | null = null;
  private factsAtMs = 0;
  private frameHandle = 0;

  constructor(options: LivePlayerOptions) {
    this.o = options;
    this.best = options.best;
    this.pace = new Pace(options.sound ? HEARD_LIMITS : LIVE_LIMITS);
  }

  start(): void {
    if (this.isStarted) return;
    this.isStarted = true;
    this.startedAtMs = performance.now();
    this.firstPictureMs = null;
    document.addEventListener("visibilitychange", this.visibilityChanged);
    this.o.video.addEventListener("waiting", this.starved);
    this.o.video.addEventListener("pause", this.paused);
    this.o.video.addEventListener("leavepictureinpicture", this.cameIn);
    if (!sourceClass()) {
      this.enter({ kind: "unsupported", problem: null });
      return;
    }
    this.connect();
    this.build();
    this.watchPictures();
    this.ticker = setInterval(this.tick, TICK_MS);
  }

  stop(): void {
    if (!this.isStarted) return;
    this.isStarted = false;
    document.removeEventListener("visibilitychange", this.visibilityChanged);
    this.o.video.removeEventListener("waiting", this.starved);
    this.o.video.removeEventListener("pause", this.paused);
    this.o.video.removeEventListener("leavepictureinpicture", this.cameIn);
    if (this.ticker !== null) clearInterval(this.ticker);
    if (this.retry !== null) clearTimeout(this.retry);
    if (this.hide !== null) clearTimeout(this.hide);
    this.ticker = this.retry = this.hide = null;
    if ("cancelVideoFrameCallback" in this.o.video) this.o.video.cancelVideoFrameCallback(this.frameHandle);
    this.disconnect();
    this.pipe?.close();
    this.pipe = null;
    this.enter({ kind: "stopped" });
  }

  /** From now on nothing better than that is of use. */
  setBest(best: Stream): void {
    if (best === this.best) return;
    this.best = best;
    if (this.receipt.count > 0) this.report();
  }

  private build(): void {
    this.mustRebuild = false;
    this.pipe?.close();
    this.delay.reset();
    this.pipe = new MediaPipe(this.o.video, Number.POSITIVE_INFINITY, {
      drained: this.drained,
      failed: (why) => {
        this.o.host.dataset["lastFailure"] = why;
        // Not at once: a stream that fails each time must not turn into a storm of attempts.
        this.disconnect();
        this.reconnectLater("rebuild");
      },
    });
  }

  private connect(): void {
    this.disconnect();
    if (this.mustRebuild) this.build();
    if (this.state.kind !== "waiting") this.enter({ kind: "connecting" });
    this.receipt = new Receipt();
    let isCurrent = true;
    const mine = (act: () => void): void => {
      if (isCurrent) act();
    };
    const link = this.o.open({
      opened: () => {
        mine(() => {
          const request: MseRequest = {
            codecs: playableCodecs(this.refused),
            sound: this.o.sound !== undefined,
            reports: true,
            best: this.best,
            is_narrow: this.o.isNarrow(),
          };
          link.send(JSON.stringify(request));
        });
      },
      text: (text) => {
        mine(() => {
          this.took(text.length);
          this.told(text);
        });
      },
      binary: (bytes) => {
        mine(() => {
          this.took(bytes.byteLength);
          this.received(new Uint8Array(bytes));
        });
      },
      closed: () => {
        mine(() => {
          this.link = null;
          if (this.isStarted && this.state.kind !== "unsupported") this.reconnectLater("keep");
        });
      },
    });
    this.link = {
      send: (text) => {
        link.send(text);
      },
      close: () => {
        isCurrent = false;
        link.close();
      },
    };
  }

  private disconnect(): void {
    this.link?.close();
    this.link = null;
    this.awaitsInit = null;
  }

  private took(bytes: number): void {
    if (this.receipt.took(performance.now(), bytes)) this.report();
  }

  private report(): void {
    const report: MseReport = { received: this.receipt.count, best: this.best };
    this.link?.send(JSON.stringify(report));
  }

  private reconnectLater(source: "keep" | "rebuild"): void {
    this.mustRebuild ||= source === "rebuild";
    if (!this.isStarted || this.retry !== null) return;
    if (this.state.kind !== "waiting") this.enter({ kind: "connecting" });
    this.retry = setTimeout(
      () => {
        this.retry = null;
        if (this.isStarted) this.connect();
      },
      backoffMs(this.attempt, Math.random()),
    );
    this.attempt += 1;
  }

  private told(text: string): void {
    const message = JSON.parse(text) as MseMessage;
    switch (message.kind) {
      case "init":
        if (!canPlay(message.mime)) {
          this.refuse(message.mime);
          return;
        }
        this.awaitsInit = message;
        // Pictures are on their way: from now on the watch may rebuild a media source that hangs on the way to them.
        if (this.state.kind === "waiting") this.enter({ kind: "connecting" });
        return;
      case "waiting":
        this.enter({ kind: "waiting", problem: message.problem });
        return;
      case "skipped":
        this.skipped += message.units;
        return;
      case "probe":
        return;
      case "ended":
        this.disconnect();
        if (PASSING.includes(message.problem.code)) {
          this.reconnectLater("keep");
        } else {
          this.enter({ kind: "unsupported", problem: message.problem });
        }
        return;
    }
  }

  /** Asks for it in another coding; the hub converts where there is no such stream. */
  private refuse(mime: string): void {
    const families = refusedFamilies(mime).filter((family) => !this.refused.has(family));
    for (const family of families) this.refused.add(family);
    if (families.length > 0) {
      this.connect();
    } else {
      this.disconnect();
      this.enter({ kind: "unsupported", problem: null });
    }
  }

  private received(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes += bytes.byteLength;
    const pipe = this.pipe;
    if (!pipe) return;
    if (this.awaitsInit) {
      this.beginRun(pipe, this.awaitsInit.mime, bytes);
      this.coming = this.awaitsInit;
      this.awaitsInit = null;
      return;
    }
    const arrival = arrivalOf(bytes);
    if (arrival) this.arrived(arrival);
    const edgeS = pipe.edgeS;
    if (edgeS !== null && pipe.isIdle) this.pace.measure(performance.now(), edgeS - this.o.video.currentTime);
    pipe.append(bytes);
  }

  private arrived({ trackId, mediaTicks, unixMs }: Arrival): void {
    if (trackId === this.audio?.id) {
      this.silence.sound(mediaTicks / this.audio.ticksPerSecond);
    } else if (trackId === this.video?.id) {
      this.newestUnixMs = unixMs;
      const mediaS = mediaTicks / this.video.ticksPerSecond;
      this.silence.picture(mediaS);
      if (this.runOffsetS === null) this.unplaced.push({ mediaS, unixMs });
      else this.delay.arrived(this.runOffsetS + mediaS, unixMs);
    }
  }

  private beginRun(pipe: MediaPipe, mime: string, init: Uint8Array<ArrayBuffer>): void {
    const tracks = tracksOf(init);
    this.video = tracks.find((track) => track.isVideo) ?? null;
    this.audio = tracks.find((track) => !track.isVideo) ?? null;
    this.silence.begin(performance.now());
    this.runOffsetS = null;
    this.unplaced = [];
    this.runBeganMs = performance.now();
    this.newestUnixMs = 0;
    pipe.run(mime, { kind: "behind" }, (offsetS) => {
      this.runOffsetS = offsetS;
      for (const entry of this.unplaced) this.delay.arrived(offsetS + entry.mediaS, entry.unixMs);
      this.unplaced = [];
      this.mustJump = true;
    });
    pipe.append(init);
  }

  private readonly drained = (): void => {
    const edgeS = this.pipe?.edgeS ?? null;
    if (edgeS === null || !this.mustJump || this.runOffsetS === null || edgeS <= this.runOffsetS) return;
    // The last GOP comes in one burst. Going to the edge before its end would mean going there twice.
    const isBurstOver = this.newestAgeMs < BURST_AGE_MS || performance.now() - this.runBeganMs > BURST_MS;
    if (!isBurstOver) return;
    this.mustJump = false;
    this.jump(Math.max(this.runOffsetS, edgeS - this.pace.targetS));
  };

  /** How long ago the newest unit reached the recorder. */
  private get newestAgeMs(): number {
    return Date.now() + this.o.clockOffsetMs() - this.newestUnixMs;
  }

  private jump(toS: number): void {
    this.pace.reset(performance.now());
    this.o.video.playbackRate = 1;
    // Sound begins a little later than its pictures; before it nothing plays.
    this.o.video.currentTime = Math.max(toS, this.pipe?.lastStartS ?? toS);
    this.play();
  }

  private play(): void {
    this.o.video.play().catch((error: unknown) => {
      // A hidden window refuses too, and is asked again on show; without sound no click is wanted.
      const isForSound = error instanceof DOMException && error.name === "NotAllowedError";
      if (!isForSound || this.o.video.muted || !this.isStarted) return;
      this.o.video.muted = true;
      this.o.sound?.onRefused();
      if (this.isStarted) this.play();
    });
  }

  private readonly starved = (): void => {
    const isLate = this.newestAgeMs >= LATE_MS;
    if (this.state.kind === "playing" && !this.o.video.seeking && !isLate)
      this.pace.starved(performance.now());
  };

  private readonly paused = (): void => {
    if (this.isStarted && !document.hidden && this.pipe) this.play();
  };

  private readonly visibilityChanged = (): void => {
    if (this.hide !== null) clearTimeout(this.hide);
    this.hide = null;
    // What is heard goes on behind other windows.
    if (this.o.sound && this.link) return;
    if (document.hidden) {
      if (!isUnseen(this.o.video)) return;
      this.hide = setTimeout(() => {
        if (!isUnseen(this.o.video)) return;
        this.disconnect();
        if (this.retry !== null) clearTimeout(this.retry);
        this.retry = null;
      }, HIDDEN_MS);
      return;
    }
    if (this.state.kind === "unsupported") return;
    const edgeS = this.pipe?.edgeS ?? null;
    if (!this.link) {
      if (this.retry !== null) clearTimeout(this.retry);
      this.retry = null;
      this.attempt = 0;
      this.connect();
    } else if (edgeS !== null) {
      this.jump(edgeS - this.pace.targetS);
    }
  };

  /** Behind other windows, nobody sees it any more. */
  private readonly cameIn = (): void => {
    if (document.hidden) this.visibilityChanged();
  };

  private watchPictures(): void {
    const video = this.o.video;
    if (!("requestVideoFrameCallback" in video)) return;
    const shown = (_now: number, facts: VideoFrameCallbackMetadata): void => {
      if (!this.isStarted) return;
      this.sawPicture();
      const shownUnixMs = performance.timeOrigin + facts.expectedDisplayTime + this.o.clockOffsetMs();
      this.delay.shown(facts.mediaTime, shownUnixMs);
      this.frameHandle = video.requestVideoFrameCallback(shown);
    };
    this.frameHandle = video.requestVideoFrameCallback(shown);
  }

  private sawPicture(): void {
    this.pictures += 1;
    if (this.firstPictureMs === null) {
      this.firstPictureMs = performance.now() - this.startedAtMs;
      this.o.host.dataset["firstPictureMs"] = this.firstPictureMs.toFixed(0);
    }
    // A picture of the old run is no sign that the new connection works.
    if (
      this.link &&
      this.runOffsetS !== null &&
      this.o.video.currentTime >= this.runOffsetS &&
      !this.mustJump
    ) {
      this.attempt = 0;
      if (this.coming) this.o.onStream(this.coming.stream, this.coming.is_best);
      this.coming = null;
      if (this.state.kind !== "playing") this.enter({ kind: "playing" });
    }
  }

  private readonly tick = (): void => {
    const nowMs = performance.now();
    const video = this.o.video;
    if (this.receipt.isDue(nowMs)) this.report();
    if (!("requestVideoFrameCallback" in video)) this.countPictures();
    const verdict = this.watch.handle({
      nowMs,
      pictures: this.pictures,
      bytes: this.bytes,
      isWaiting: this.state.kind === "waiting" || this.state.kind === "unsupported",
      isConnected: this.link !== null,
      isHidden: document.hidden,
    });
    if (verdict !== "fine") {
      if (this.state.kind === "waiting") {
        // Most likely the line is good: then nothing is missed.
        this.connect();
        return;
      }
      this.disconnect();
      this.reconnectLater(verdict === "rebuild" ? "rebuild" : "keep");
      return;
    }
    if (this.o.sound && this.runOffsetS !== null && (!this.audio || this.silence.isSilent(nowMs))) {
      this.o.sound.onLost();
      return;
    }
    const edgeS = this.pipe?.edgeS ?? null;
    const isAsleep = isUnseen(this.o.video) && !this.o.sound;
    if (edgeS !== null && !this.mustJump && !video.seeking && !isAsleep) {
      const decision = this.pace.decide(nowMs, video.currentTime, edgeS);
      if (decision.jumpToS !== null) this.jump(decision.jumpToS);
      else if (this.isBeforeHole()) this.jump(edgeS - this.pace.targetS);
      else if (video.playbackRate !== decision.rate) video.playbackRate = decision.rate;
    }
    const start = this.pipe?.ranges?.length ? this.pipe.ranges.start(0) : null;
    const oldest = isAsleep ? edgeS : video.currentTime;
    if (start !== null && oldest !== null && oldest - start > TRIM_AT_S && this.pipe?.isIdle) {
      this.pipe.remove(start, oldest - KEEP_BEHIND_S);
    }
    if (nowMs - this.factsAtMs >= FACTS_MS) this.tell(nowMs, edgeS);
  };

  /** Sound that was lost on the way leaves a hole, at which the pictures stand still as well. */
  private isBeforeHole(): boolean {
    const { video } = this.o;
    const isStuck = video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    return this.audio !== null && isStuck && video.currentTime < (this.pipe?.lastStartS ?? 0);
  }

  /** For browsers without a callback for each picture. */
  private countPictures(): void {
    const total = this.o.video.getVideoPlaybackQuality().totalVideoFrames;
    if (total > this.pictures) {
      this.sawPicture();
      this.pictures = total;
    }
  }

  private tell(nowMs: number, edgeS: number | null): void {
    const video = this.o.video;
    const quality = video.getVideoPlaybackQuality();
    if (nowMs - this.bitrate.atMs >= 2000) {
      const spanS = (nowMs - this.bitrate.atMs) / 1000;
      const bps = this.bitrate.atMs === 0 ? 0 : ((this.bytes - this.bitrate.bytes) * 8) / spanS;
      this.bitrate = { atMs: nowMs, bytes: this.bytes, bps };
    }
    this.factsAtMs = nowMs;
    const facts: LiveFacts = {
      way: "mse",
      delayMs: this.delay.delayMs,
      firstPictureMs: this.firstPictureMs,
      bufferedMs: edgeS === null ? 0 : (edgeS - video.currentTime) * 1000,
      targetMs: this.pace.targetS * 1000,
      rate: video.playbackRate,
      shown: this.pictures,
      dropped: quality.droppedVideoFrames,
      skippedByHub: this.skipped,
      width: video.videoWidth,
      height: video.videoHeight,
      bitrateBps: this.bitrate.bps,
    };
    const data = this.o.host.dataset;
    if (facts.delayMs !== null) data["delayMs"] = facts.delayMs.toFixed(0);
    data["dropped"] = String(facts.dropped);
    data["shown"] = String(facts.shown);
    this.o.onFacts?.(facts);
  }

  private enter(state: LiveState): void {
    const isSame = state.kind === this.state.kind && !("problem" in state);
    this.state = state;
    this.o.host.dataset["state"] = state.kind;
    if (!isSame) this.o.onState(state);
  }
}
