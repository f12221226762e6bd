/**
 * One camera, live, by whichever of two ways is the better, or with its sound: carries out what `choose` and `hearing`
 * decide. By WebRTC it is the stream that is wanted; by the other way the hub may show less, as the connection takes it.
 *
 * Each player has a video element of its own in `place`; the one that is seen lies over the others. While the one with
 * sound is seen, there is no other. What does not belong here: playing (`live`, `rtc`), another stream (`switch`).
 */

import type { LiveStream } from "../hub/generated/LiveStream";
import type { Stream } from "../hub/generated/Stream";
import { Choose, type Choice, type Happening, type Way } from "./choose";
import { Hearing, type SoundState } from "./hearing";
import {
  LivePlayer,
  type LiveFacts,
  type LivePlayerOptions,
  type LiveState,
  type OpenLiveLink,
} from "./live";
import { comeIn, handOver, isUnseen } from "./outside";
import { hasRtc, rtcMayTakeMore, RtcPlayer, type OpenRtcDoor } from "./rtc";
import { isConverted } from "./rung";

export interface LivePairOptions {
  /** Gets the video elements. */
  readonly place: HTMLElement;
  /** Gets `data-way`, `data-delay-ms` and so on, for tests and benchmarks. */
  readonly host: HTMLElement;
  /** What is wanted at first. */
  readonly stream: Stream;
  readonly openMse: OpenLiveLink;
  readonly openRtc: (stream: LiveStream) => OpenRtcDoor;
  readonly clockOffsetMs: () => number;
  readonly onState: (state: LiveState) => void;
  readonly onFacts: (facts: LiveFacts) => void;
  readonly onSound: (state: SoundState) => void;
}

/** The player with sound takes the way of `mse`. */
type Lane = Way | "sound";

interface Playing {
  readonly video: HTMLVideoElement;
  readonly player: LivePlayer | RtcPlayer;
  /** What it shows, and whether nothing better would be of use; at first, what it was asked for. */
  stream: LiveStream;
  isBest: boolean;
}

const TICK_MS = 100;
/** A window hidden for longer takes no pictures. */
const HIDDEN_MS = 3000;
/** Who comes after WebRTC was too much begins with less. */
const NARROW_MS = 30_000;

export class LivePair {
  private readonly o: LivePairOptions;
  private wanted: Stream;
  /** WebRTC may take the camera's own pictures where MSE does not. */
  private mayTakeOwn = rtcMayTakeMore();
  /** Until when the connection counts as narrow, if nothing better is heard of it. */
  private narrowUntilMs = 0;
  private choose: Choose | null = null;
  private readonly hearing = new Hearing();
  private readonly lanes = new Map<Lane, Playing>();
  private seen: Lane = "mse";
  /** What was seen last of a way that is over: it stays until there is another picture. */
  private still: HTMLVideoElement | null = null;
  private mseState: LiveState = { kind: "connecting" };
  private soundState: LiveState = { kind: "connecting" };
  private toldSound: SoundState = "off";
  private isHushed = false;
  private startedAtMs = 0;
  private firstPictureMs: number | null = null;
  private ticker: ReturnType<typeof setInterval> | null = null;
  private hide: ReturnType<typeof setTimeout> | null = null;

  constructor(options: LivePairOptions) {
    this.o = options;
    this.wanted = options.stream;
  }

  start(): void {
    this.startedAtMs = performance.now();
    document.addEventListener("visibilitychange", this.visibilityChanged);
    this.ticker = setInterval(() => {
      this.handle({ kind: "tick" });
      this.hearing.tick(performance.now());
      this.obeyHearing();
    }, TICK_MS);
    this.setOut();
    this.obeyHearing();
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.visibilityChanged);
    if (this.ticker !== null) clearInterval(this.ticker);
    if (this.hide !== null) clearTimeout(this.hide);
    this.ticker = this.hide = null;
    this.choose = null;
    this.end("sound");
    this.end("webrtc");
    this.end("mse");
    this.dropStill();
  }

  setMuted(isMuted: boolean): void {
    this.isHushed = false;
    this.hearing.want(!isMuted);
    if (this.ticker !== null) this.obeyHearing();
  }

  /** Goes over to another stream, without a new connection; false where there must be one. */
  want(stream: Stream): boolean {
    if (this.lanes.has("webrtc")) return false;
    this.wanted = stream;
    this.mayTakeOwn = rtcMayTakeMore();
    for (const playing of this.lanes.values()) {
      if (playing.player instanceof LivePlayer) playing.player.setBest(stream);
      playing.isBest ||= playing.stream === stream;
    }
    if (!this.isNarrow()) this.handle({ kind: "level", isBest: true });
    this.handle({ kind: "other" });
    return true;
  }

  /** Which stream is seen. */
  get stream(): LiveStream {
    return this.lanes.get(this.seen)?.stream ?? this.wanted;
  }

  /** It is about to end: nothing is heard of it from now on. */
  hush(): void {
    this.isHushed = true;
    this.obeyHearing();
  }

  /** The video whose picture is seen. */
  get video(): HTMLVideoElement | null {
    return this.still ?? this.lanes.get(this.seen)?.video ?? null;
  }

  private setOut(): void {
    this.choose = new Choose(performance.now(), hasRtc(), this.isNarrow() ? "narrow" : "unknown");
    if (!this.lanes.has("sound")) this.seen = "mse";
    this.obey(this.choose.choice);
  }

  private obeyHearing(): void {
    const sounding = this.lanes.get("sound");
    const { isOn, state } = this.hearing;
    if (isOn && !sounding) {
      this.begin("sound");
    } else if (isOn && this.seen === "sound" && this.choose && this.soundState.kind === "playing") {
      this.picture("sound");
    } else if (!isOn && sounding && this.seen !== "sound") {
      this.end("sound");
    } else if (!isOn && sounding && !this.choose) {
      // It is seen, though not heard, until there is another picture.
      this.setOut();
    }
    if (sounding) sounding.video.muted = this.isHushed || !isOn;
    if (state === this.toldSound) return;
    this.toldSound = state;
    this.o.onSound(state);
  }

  private handle(happening: Happening): void {
    if (this.choose) this.obey(this.choose.handle(performance.now(), happening));
  }

  private obey(choice: Choice): void {
    if (this.seen !== "sound") this.seen = choice.shown;
    // WebRTC first: MSE may say at once that it cannot, and then it matters whether the other one tries.
    for (const [way, isOn] of [["webrtc", choice.webrtc] as const, ["mse", choice.mse] as const]) {
      if (!isOn) this.end(way);
      else if (!this.lanes.has(way)) this.begin(way);
    }
  }

  private begin(lane: Lane): void {
    const video = document.createElement("video");
    video.muted = lane !== "sound";
    video.playsInline = true;
    video.tabIndex = -1;
    video.setAttribute("aria-hidden", "true");
    video.addEventListener("leavepictureinpicture", this.cameIn);
    // Behind what is seen until it has something to show.
    this.o.place.prepend(video);
    const { stream } = this;
    // What is converted for MSE is converted for WebRTC too, once it is known that it cannot be had as it is.
    const asked = lane === "webrtc" && isConverted(stream) && !this.mayTakeOwn ? stream : this.wanted;
    const player = this.make(lane, video, asked);
    this.lanes.set(lane, { video, player, stream: asked, isBest: true });
    player.start();
  }

  private end(lane: Lane): void {
    const playing = this.lanes.get(lane);
    if (!playing) return;
    // First of all, so that what it says at its end is not listened to.
    this.lanes.delete(lane);
    if (lane === this.seen && lane === "webrtc" && this.choose) {
      playing.player.stop();
      this.dropStill();
      this.still = playing.video;
    } else {
      const end = (): void => {
        playing.player.stop();
        drop(playing.video);
      };
      handOver(playing.video, () => this.video, end);
    }
  }

  private make(lane: Lane, video: HTMLVideoElement, stream: LiveStream): LivePlayer | RtcPlayer {
    switch (lane) {
      case "webrtc":
        return this.makeRtc(video, stream);
      case "mse":
        return this.makeMse(video);
      case "sound":
        return this.makeSound(video);
    }
  }

  private makeMse(video: HTMLVideoElement): LivePlayer {
    this.mseState = { kind: "connecting" };
    return new LivePlayer({
      ...this.common("mse", video),
      onState: (state) => {
        if (state.kind === "stopped") return;
        this.mseState = state;
        if (state.kind === "playing") this.picture("mse");
        if (state.kind === "unsupported") this.handle({ kind: "noMse" });
        this.tellMse();
      },
    });
  }

  private makeSound(video: HTMLVideoElement): LivePlayer {
    this.soundState = { kind: "connecting" };
    const lost = (): void => {
      this.hearing.lost(performance.now());
      this.obeyHearing();
    };
    return new LivePlayer({
      ...this.common("sound", video),
      sound: {
        onLost: lost,
        onRefused: () => {
          this.hearing.refused();
          this.obeyHearing();
        },
      },
      onState: (state) => {
        if (state.kind === "stopped") return;
        this.soundState = state;
        if (state.kind === "playing") this.picture("sound");
        if (state.kind === "unsupported") lost();
        else if (this.seen === "sound") this.o.onState(state);
      },
    });
  }

  private common(lane: Lane, video: HTMLVideoElement): Omit<LivePlayerOptions, "onState"> {
    const host = document.createElement("span");
    return {
      video,
      host,
      best: this.wanted,
      isNarrow: this.isNarrow,
      onStream: (stream, isBest) => {
        this.moved(lane, stream, isBest);
      },
      open: this.o.openMse,
      clockOffsetMs: this.o.clockOffsetMs,
      onFacts: (facts) => {
        const { lastFailure } = host.dataset;
        if (lastFailure !== undefined) this.o.host.dataset["lastFailure"] = lastFailure;
        if (this.seen === lane) this.tell(facts);
      },
    };
  }

  /** The hub shows another stream: the connection takes no more, or more again. */
  private moved(lane: Lane, stream: LiveStream, isBest: boolean): void {
    const playing = this.lanes.get(lane);
    if (!playing) return;
    const isAnother = playing.stream !== stream;
    Object.assign(playing, { stream, isBest });
    this.narrowUntilMs = 0;
    this.handle({ kind: "level", isBest });
    if (isAnother && isConverted(stream)) this.handle({ kind: "other" });
    const state = lane === "sound" ? this.soundState : this.mseState;
    if (isAnother && lane === this.seen && state.kind === "playing") this.o.onState(state);
  }

  private readonly isNarrow = (): boolean => {
    const isLess = [...this.lanes.values()].some(({ isBest }) => !isBest);
    return isLess || performance.now() < this.narrowUntilMs;
  };

  private makeRtc(video: HTMLVideoElement, stream: LiveStream): RtcPlayer {
    return new RtcPlayer({
      video,
      open: this.o.openRtc(stream),
      clockOffsetMs: this.o.clockOffsetMs,
      onPicture: () => {
        this.picture("webrtc");
        this.o.onState({ kind: "playing" });
      },
      onLost: (why) => {
        if (why === "narrow") this.narrowUntilMs = performance.now() + NARROW_MS;
        this.handle({ kind: "lost", why });
        if (why === "final" && !isConverted(stream)) {
          this.mayTakeOwn = false;
          // The converted one may have come meanwhile.
          if (isConverted(this.stream)) this.handle({ kind: "other" });
        }
        this.tellMse();
      },
      onFacts: (facts) => {
        this.tell({ ...facts, firstPictureMs: this.firstPictureMs });
      },
    });
  }

  private picture(lane: Lane): void {
    this.firstPictureMs ??= performance.now() - this.startedAtMs;
    if (lane === "sound") {
      if (!this.hearing.isOn) return;
      this.hearing.picture(performance.now());
      this.seen = "sound";
      this.choose = null;
      this.end("webrtc");
      this.end("mse");
    } else {
      if (this.seen === "sound") this.seen = lane;
      this.handle({ kind: "picture", way: lane });
    }
    this.obeyHearing();
    if (lane !== this.seen) return;
    this.dropStill();
    this.o.host.dataset["way"] = lane;
  }

  /** What MSE says counts unless WebRTC is what is seen; that it cannot, only when WebRTC does not try either. */
  private tellMse(): void {
    const hasRtcNow = this.lanes.has("webrtc");
    if (this.seen === "sound" || (this.seen === "webrtc" && hasRtcNow)) return;
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
    // What is heard goes on behind other windows.
    if (this.seen === "sound" && this.hearing.isOn) return;
    if (isUnseen(this.video)) {
      this.hide = setTimeout(() => {
        if (!isUnseen(this.video)) return;
        this.end("webrtc");
        this.choose = null;
      }, HIDDEN_MS);
    } else if (!this.choose) {
      this.setOut();
    }
  };

  /** Behind other windows, nobody sees it any more. */
  private readonly cameIn = (): void => {
    if (document.hidden && this.ticker !== null) this.visibilityChanged();
  };

  private dropStill(): void {
    const { still } = this;
    this.still = null;
    if (!still) return;
    const end = (): void => {
      drop(still);
    };
    handOver(still, () => this.video, end);
  }
}

function drop(video: HTMLVideoElement): void {
  comeIn(video);
  video.srcObject = null;
  video.remove();
}
