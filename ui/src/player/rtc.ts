/**
 * One WebRTC session of a camera's stream in a video element: one attempt, from the offer to the first reason to end.
 *
 * What does not belong here: asking the hub (handed in), when pictures are missing (`stall`, `narrow`), trying again
 * (`choose`).
 */

import { canPlay } from "./codecs";
import { ageOfRtpMs, DelayMeter } from "./delay";
import type { LiveFacts } from "./live";
import { Narrow } from "./narrow";
import { Stall } from "./stall";

/** The hub's end of a session; or that there is none, and if `isFinal` never will be for this stream and this viewer. */
export type RtcDoor =
  | { readonly kind: "open"; readonly answer: string; readonly close: () => void }
  | { readonly kind: "refused"; readonly isFinal: boolean };

/** Why nothing will come any more. */
export type RtcEnd =
  /** There is none for this stream and this viewer. */
  | "final"
  /** It is more than the connection carries. */
  | "narrow"
  /** Another attempt may be better. */
  | "over";

export type OpenRtcDoor = (offer: string, signal: AbortSignal) => Promise<RtcDoor>;

export interface RtcPlayerOptions {
  readonly video: HTMLVideoElement;
  readonly open: OpenRtcDoor;
  /** The recorder's clock less ours. */
  readonly clockOffsetMs: () => number;
  readonly onPicture: () => void;
  /** Nothing will come any more. */
  readonly onLost: (why: RtcEnd) => void;
  readonly onFacts: (facts: Omit<LiveFacts, "firstPictureMs">) => void;
}

const TICK_MS = 100;
const FACTS_MS = 500;
/** Where a picture is late, to know soon why. */
const HASTY_FACTS_MS = 200;

/** Whether this browser has WebRTC. WebKitGTK has not. */
export function hasRtc(): boolean {
  return "RTCPeerConnection" in globalThis && "requestVideoFrameCallback" in HTMLVideoElement.prototype;
}

/**
 * Whether WebRTC may take the camera's own pictures where Media Source does not. H.265 by WebRTC is for those whose hardware
 * decodes it; most that take AV1 take it both ways.
 */
export function rtcMayTakeMore(): boolean {
  if (!("RTCRtpReceiver" in globalThis)) return false;
  const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const takes = (type: string): boolean => codecs.some(({ mimeType }) => mimeType.toLowerCase() === type);
  return takes("video/h265") || (takes("video/av1") && !canPlay('video/mp4; codecs="av01.0.04M.08"'));
}

export class RtcPlayer {
  private readonly o: RtcPlayerOptions;
  private readonly peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  private readonly abort = new AbortController();
  private readonly delay = new DelayMeter();
  private closeDoor: (() => void) | null = null;
  private isOver = false;
  private pictures = 0;
  private readonly stall = new Stall();
  private readonly narrow = new Narrow();
  private askedAtMs = 0;
  private frameHandle = 0;
  private ticker: ReturnType<typeof setInterval> | null = null;
  private rate = { atMs: 0, bytes: 0, bps: 0 };

  constructor(options: RtcPlayerOptions) {
    this.o = options;
  }

  start(): void {
    const { receiver } = this.peer.addTransceiver("video", { direction: "recvonly" });
    // The hub sends each picture when it has it; what is waited for here is delay.
    if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
    this.peer.addEventListener("track", ({ track }) => {
      this.o.video.srcObject = new MediaStream([track]);
      this.play();
    });
    this.peer.addEventListener("connectionstatechange", () => {
      if (this.peer.connectionState === "failed" || this.peer.connectionState === "closed") this.lose("over");
    });
    this.frameHandle = this.o.video.requestVideoFrameCallback(this.shown);
    this.ticker = setInterval(this.tick, TICK_MS);
    this.o.video.addEventListener("pause", this.paused);
    this.connect().catch(() => {
      // Of offers and answers only a bug can be wrong; the other way shows the picture meanwhile.
      this.lose("over");
    });
  }

  /** The last picture stays in the video element. */
  stop(): void {
    this.isOver = true;
    this.abort.abort();
    if (this.ticker !== null) clearInterval(this.ticker);
    this.ticker = null;
    this.o.video.cancelVideoFrameCallback(this.frameHandle);
    this.o.video.removeEventListener("pause", this.paused);
    this.peer.close();
    this.closeDoor?.();
    this.closeDoor = null;
  }

  /** The hub has one address, which is in its answer, and answers to where it is asked from: no candidate is sent. */
  private async connect(): Promise<void> {
    await this.peer.setLocalDescription(await this.peer.createOffer());
    const door = await this.o.open(this.peer.localDescription?.sdp ?? "", this.abort.signal);
    if (door.kind === "refused") {
      this.lose(door.isFinal ? "final" : "over");
      return;
    }
    if (this.isOver) {
      door.close();
      return;
    }
    this.closeDoor = door.close;
    await this.peer.setRemoteDescription({ type: "answer", sdp: door.answer });
  }

  private play(): void {
    this.o.video.play().catch(() => {
      // A hidden window refuses; it begins anew when it is shown.
    });
  }

  private readonly paused = (): void => {
    if (!this.isOver && !document.hidden) this.play();
  };

  private lose(why: RtcEnd): void {
    if (this.isOver) return;
    this.stop();
    this.o.onLost(why);
  }

  private readonly shown = (_now: number, facts: VideoFrameCallbackMetadata): void => {
    if (this.isOver) return;
    this.pictures += 1;
    const nowMs = performance.now();
    const shownUnixMs = performance.timeOrigin + facts.expectedDisplayTime + this.o.clockOffsetMs();
    const ageMs = facts.rtpTimestamp === undefined ? null : ageOfRtpMs(facts.rtpTimestamp, shownUnixMs);
    if (ageMs !== null) this.delay.observe(ageMs);
    this.stall.picture(nowMs);
    this.narrow.picture(nowMs, ageMs);
    if (this.pictures === 1) this.o.onPicture();
    this.frameHandle = this.o.video.requestVideoFrameCallback(this.shown);
  };

  private readonly tick = (): void => {
    const nowMs = performance.now();
    if (document.hidden) {
      this.stall.excuse(nowMs);
      this.narrow.excuse(nowMs);
    }
    if (this.narrow.isNarrow(nowMs)) {
      this.lose("narrow");
      return;
    }
    if (this.stall.isStalled(nowMs)) {
      this.lose("over");
      return;
    }
    if (nowMs - this.askedAtMs < (this.narrow.isLate(nowMs) ? HASTY_FACTS_MS : FACTS_MS)) return;
    this.askedAtMs = nowMs;
    void this.tell(nowMs);
  };

  private async tell(nowMs: number): Promise<void> {
    const reports = await this.peer.getStats();
    if (this.isOver) return;
    let inbound: RTCInboundRtpStreamStats | undefined;
    for (const report of reports.values() as Iterable<RTCStats>) {
      if (report.type === "inbound-rtp") inbound = report as RTCInboundRtpStreamStats;
    }
    this.narrow.packets(nowMs, inbound?.packetsReceived ?? 0, inbound?.packetsLost ?? 0);
    if (this.pictures === 0) return;
    const bytes = inbound?.bytesReceived ?? 0;
    if (nowMs - this.rate.atMs >= 2000) {
      const spanS = (nowMs - this.rate.atMs) / 1000;
      const bps = this.rate.atMs === 0 ? 0 : ((bytes - this.rate.bytes) * 8) / spanS;
      this.rate = { atMs: nowMs, bytes, bps };
    }
    const emitted = inbound?.jitterBufferEmittedCount ?? 0;
    this.o.onFacts({
      way: "webrtc",
      delayMs: this.delay.delayMs,
      bufferedMs: emitted > 0 ? ((inbound?.jitterBufferDelay ?? 0) / emitted) * 1000 : 0,
      targetMs: 0,
      rate: 1,
      shown: this.pictures,
      dropped: inbound?.framesDropped ?? 0,
      skippedByHub: 0,
      width: this.o.video.videoWidth,
      height: this.o.video.videoHeight,
      bitrateBps: this.rate.bps,
    });
  }
}
