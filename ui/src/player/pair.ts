/**
 * One stream, live, by whichever of two ways is the better: carries out what `choose` decides.
 *
 * Each way has a video element of its own in `place`; the one that is seen lies over the other. What does not belong
 * here: playing (`live`, `rtc`), another stream (`switch`).
 */

import { Choose, type Choice, type Happening, type Way } from "./choose";
import { LivePlayer, type LiveFacts, type LiveState, type OpenLiveLink } from "./live";
import { hasRtc, RtcPlayer, type OpenRtcDoor } from "./rtc";

export interface LivePairOptions {
  /** Gets the video elements. */
  readonly place: HTMLElement;
  /** Gets `data-way`, `data-delay-ms` and so on, for tests and benchmarks. */
  readonly host: HTMLElement;
  readonly openMse: OpenLiveLink;
  readonly openRtc: OpenRtcDoor;
  readonly clockOffsetMs: () => number;
  readonly onState: (state: LiveState) => void;
  readonly onFacts: (facts: LiveFacts) => void;
}

interface Playing {
  readonly video: HTMLVideoElement;
  readonly player: LivePlayer | RtcPlayer;
}

const TICK_MS = 100;
/** A window hidden for longer takes no pictures. */
const HIDDEN_MS = 3000;

export class LivePair {
  private readonly o: LivePairOptions;
  private choose: Choose | null = null;
  private readonly ways = new Map<Way, Playing>();
  private seen: Way = "mse";
  /** What was seen last of a way that is over: it stays until there is another picture. */
  private still: HTMLVideoElement | null = null;
  private mseState: LiveState = { kind: "connecting" };
  private isMuted = true;
  private startedAtMs = 0;
  private firstPictureMs: number | null = null;
  private ticker: ReturnType<typeof setInterval> | null = null;
  private hide: ReturnType<typeof setTimeout> | null = null;

  constructor(options: LivePairOptions) {
    this.o = options;
  }

  start(): void {
    this.startedAtMs = performance.now();
    document.addEventListener("visibilitychange", this.visibilityChanged);
    this.ticker = setInterval(() => {
      this.handle({ kind: "tick" });
    }, TICK_MS);
    this.setOut();
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.visibilityChanged);
    if (this.ticker !== null) clearInterval(this.ticker);
    if (this.hide !== null) clearTimeout(this.hide);
    this.ticker = this.hide = null;
    this.choose = null;
    this.end("webrtc");
    this.end("mse");
    this.dropStill();
  }

  setMuted(isMuted: boolean): void {
    this.isMuted = isMuted;
    const shown = this.ways.get(this.seen);
    if (shown) shown.video.muted = isMuted;
  }

  private setOut(): void {
    this.choose = new Choose(performance.now(), hasRtc());
    this.seen = "mse";
    this.obey(this.choose.choice);
  }

  private handle(happening: Happening): void {
    if (this.choose) this.obey(this.choose.handle(performance.now(), happening));
  }

  private obey(choice: Choice): void {
    const hasChanged = choice.shown !== this.seen;
    this.seen = choice.shown;
    for (const [way, isOn] of [["mse", choice.mse] as const, ["webrtc", choice.webrtc] as const]) {
      if (!isOn) this.end(way);
      else if (!this.ways.has(way)) this.begin(way);
    }
    if (hasChanged) this.setMuted(this.isMuted);
  }

  private begin(way: Way): void {
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.tabIndex = -1;
    video.setAttribute("aria-hidden", "true");
    // Behind what is seen until it has something to show.
    this.o.place.prepend(video);
    const player = way === "webrtc" ? this.makeRtc(video) : this.makeMse(video);
    this.ways.set(way, { video, player });
    player.start();
  }

  private end(way: Way): void {
    const playing = this.ways.get(way);
    if (!playing) return;
    // First of all, so that what it says at its end is not listened to.
    this.ways.delete(way);
    playing.player.stop();
    if (way === this.seen && way === "webrtc" && this.choose) {
      this.dropStill();
      this.still = playing.video;
    } else {
      drop(playing.video);
    }
  }

  private makeMse(video: HTMLVideoElement): LivePlayer {
    const host = document.createElement("span");
    this.mseState = { kind: "connecting" };
    return new LivePlayer({
      video,
      host,
      open: this.o.openMse,
      clockOffsetMs: this.o.clockOffsetMs,
      onState: (state) => {
        if (state.kind === "stopped") return;
        this.mseState = state;
        if (state.kind === "playing") this.picture("mse");
        if (state.kind === "unsupported") this.handle({ kind: "noMse" });
        this.tellMse();
      },
      onFacts: (facts) => {
        const { lastFailure } = host.dataset;
        if (lastFailure !== undefined) this.o.host.dataset["lastFailure"] = lastFailure;
        if (this.seen === "mse") this.tell(facts);
      },
    });
  }

  private makeRtc(video: HTMLVideoElement): RtcPlayer {
    return new RtcPlayer({
      video,
      open: this.o.openRtc,
      clockOffsetMs: this.o.clockOffsetMs,
      onPicture: () => {
        this.picture("webrtc");
        this.o.onState({ kind: "playing" });
      },
      onLost: (isFinal) => {
        this.handle({ kind: "lost", isFinal });
        this.tellMse();
      },
      onFacts: (facts) => {
        this.tell({ ...facts, firstPictureMs: this.firstPictureMs });
      },
    });
  }

  private picture(way: Way): void {
    this.firstPictureMs ??= performance.now() - this.startedAtMs;
    this.handle({ kind: "picture", way });
    if (way !== this.seen) return;
    this.dropStill();
    this.o.host.dataset["way"] = way;
  }

  /** What MSE says counts unless WebRTC is what is seen; that it cannot, only when WebRTC does not try either. */
  private tellMse(): void {
    const hasRtcNow = this.ways.has("webrtc");
    if (this.seen === "webrtc" && hasRtcNow) return;
    const mayCome = this.mseState.kind === "unsupported" && hasRtcNow;
    this.o.onState(mayCome ? { kind: "connecting" } : this.mseState);
  }

  private tell(facts: LiveFacts): void {
    const data = this.o.host.dataset;
    if (this.firstPictureMs !== null) data["firstPictureMs"] = this.firstPictureMs.toFixed(0);
    if (facts.delayMs !== null) data["delayMs"] = facts.delayMs.toFixed(0);
    data["dropped"] = String(facts.dropped);
    data["shown"] = String(facts.shown);
    this.o.onFacts({ ...facts, firstPictureMs: this.firstPictureMs });
  }

  /** A page that nobody sees takes no pictures by WebRTC either; MSE looks to that itself. */
  private readonly visibilityChanged = (): void => {
    if (this.hide !== null) clearTimeout(this.hide);
    this.hide = null;
    if (document.hidden) {
      this.hide = setTimeout(() => {
        this.end("webrtc");
        this.choose = null;
      }, HIDDEN_MS);
    } else if (!this.choose) {
      this.setOut();
    }
  };

  private dropStill(): void {
    if (this.still) drop(this.still);
    this.still = null;
  }
}

function drop(video: HTMLVideoElement): void {
  video.srcObject = null;
  video.remove();
}
