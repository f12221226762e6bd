/**
 * Decides which of two ways a live picture takes: WebRTC, or a socket into a media source (MSE).
 *
 * Both set out together. The first picture is shown, whichever brings it; if WebRTC's comes soon after, it stays and the
 * other goes, for it is the nearer to now. What fails is tried again later, beside the other, so that nobody notices.
 * The hub suits what goes by MSE to the connection, and sends by WebRTC what it is asked for: where the connection is
 * narrow, MSE stays alone until it shows the best again.
 * What does not belong here: playing (`live`, `rtc`), clocks.
 */

import type { RtcEnd } from "./rtc";

export type Way = "webrtc" | "mse";

export type Happening =
  /** The way shows its first picture since it set out. */
  | { readonly kind: "picture"; readonly way: Way }
  /** WebRTC brings nothing any more, and why. */
  | { readonly kind: "lost"; readonly why: RtcEnd }
  /** MSE shows the best that there is for this place, or, because of the connection, less. */
  | { readonly kind: "level"; readonly isBest: boolean }
  /** Another stream is wanted from now on: what WebRTC cannot do may be another matter there. */
  | { readonly kind: "other" }
  /** The browser, or the stream, cannot do MSE. */
  | { readonly kind: "noMse" }
  | { readonly kind: "tick" };

/** What is to be running, and what to be seen. */
export interface Choice {
  readonly webrtc: boolean;
  readonly mse: boolean;
  readonly shown: Way;
}

/**
 * So long after a picture of MSE may WebRTC's come: a busy machine, or a connection by TCP because UDP does not get through,
 * takes more than a second. Pictures are seen meanwhile; what it costs is that they come twice.
 */
const TRIAL_MS = 3000;
/** Who could not connect at all gives up after this, where there is no MSE to compare with. */
const ALONE_MS = 8000;
/** A session that lasted so long was a good one: what ended it was the hub or the camera. */
const GOOD_MS = 10_000;
/** The same for one that the connection ended. */
const GOOD_ON_NARROW_MS = 300_000;
/** So long must MSE show the best again. */
const CALM_MS = 10_000;
const FIRST_RETRY_MS = 2000;
const LAST_RETRY_MS = 300_000;

export class Choose {
  private isTrying: boolean;
  private isMseOn = true;
  private canMse = true;
  private readonly hasRtc: boolean;
  private canRtc: boolean;
  /** MSE shows less than the best, and until when WebRTC waits after that. */
  private isLess: boolean;
  private calmAtMs = 0;
  private shown: Way = "mse";
  /** When WebRTC set out, and since when it shows pictures. */
  private triedAtMs: number;
  private rtcSinceMs: number | null = null;
  private mseSinceMs: number | null = null;
  private retryAtMs: number | null = null;
  private failures = 0;

  constructor(nowMs: number, hasRtc: boolean, line: "unknown" | "narrow" = "unknown") {
    this.hasRtc = this.canRtc = hasRtc;
    this.isLess = line === "narrow";
    this.isTrying = hasRtc && !this.isLess;
    this.triedAtMs = nowMs;
    if (this.isLess) this.retryAtMs = nowMs;
  }

  get choice(): Choice {
    return { webrtc: this.isTrying, mse: this.isMseOn, shown: this.shown };
  }

  handle(nowMs: number, happening: Happening): Choice {
    switch (happening.kind) {
      case "picture":
        if (happening.way === "webrtc") this.rtcShows(nowMs);
        else this.mseShows(nowMs);
        break;
      case "lost":
        if (happening.why === "final") this.canRtc = false;
        if (this.isTrying) this.giveUp(nowMs, happening.why);
        break;
      case "level":
        this.isOnLevel(nowMs, happening.isBest);
        break;
      case "other":
        this.canRtc = this.hasRtc;
        this.failures = 0;
        if (!this.isTrying) this.retryAtMs = nowMs;
        break;
      case "noMse":
        this.canMse = false;
        this.isMseOn = false;
        break;
      case "tick":
        this.tick(nowMs);
        break;
    }
    return this.choice;
  }

  private rtcShows(nowMs: number): void {
    if (!this.isTrying) return;
    this.rtcSinceMs = nowMs;
    this.shown = "webrtc";
    this.isMseOn = false;
    this.mseSinceMs = null;
  }

  private mseShows(nowMs: number): void {
    if (!this.isMseOn) return;
    this.mseSinceMs = nowMs;
    this.shown = "mse";
  }

  private isOnLevel(nowMs: number, isBest: boolean): void {
    if (this.isLess && isBest) this.calmAtMs = nowMs + CALM_MS;
    this.isLess = !isBest;
    // It would only take from MSE what there is.
    if (this.isLess && this.isTrying && this.rtcSinceMs === null) this.giveUp(nowMs, "narrow");
  }

  /** The picture that is seen stays until another is there. */
  private giveUp(nowMs: number, why: RtcEnd): void {
    const lastedMs = this.rtcSinceMs === null ? 0 : nowMs - this.rtcSinceMs;
    const wasGood = lastedMs >= (why === "narrow" ? GOOD_ON_NARROW_MS : GOOD_MS);
    this.failures = wasGood ? 0 : this.failures + 1;
    this.isTrying = false;
    this.rtcSinceMs = null;
    this.isMseOn = this.canMse;
    const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 4 ** Math.max(0, this.failures - 1));
    this.retryAtMs = this.failures === 0 ? nowMs : nowMs + waitMs;
  }

  private tick(nowMs: number): void {
    if (this.isTrying && this.rtcSinceMs === null) {
      const isLate =
        this.mseSinceMs === null
          ? !this.isMseOn && nowMs - this.triedAtMs >= ALONE_MS
          : nowMs - Math.max(this.mseSinceMs, this.triedAtMs) >= TRIAL_MS;
      if (isLate) this.giveUp(nowMs, "over");
    }
    // Beside MSE, WebRTC sets out when there are pictures: before that it would only be told that there are none.
    const isCalm = !this.isLess && nowMs >= this.calmAtMs;
    const mayTry = !this.isMseOn || (this.mseSinceMs !== null && isCalm);
    if (!this.isTrying && this.canRtc && mayTry && this.retryAtMs !== null && nowMs >= this.retryAtMs) {
      this.isTrying = true;
      this.triedAtMs = nowMs;
      this.retryAtMs = null;
    }
  }
}
