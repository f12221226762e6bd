/**
 * Decides which of two ways a live picture takes: WebRTC, or a socket into a media source (MSE).
 *
 * Both set out together. The first picture is shown, whichever brings it; if WebRTC's comes soon after, it stays and the
 * other goes, for it is the nearer to now. What fails is tried again later, beside the other, so that nobody notices.
 * What does not belong here: playing (`live`, `rtc`), clocks.
 */

export type Way = "webrtc" | "mse";

export type Happening =
  /** The way shows its first picture since it set out. */
  | { readonly kind: "picture"; readonly way: Way }
  /** WebRTC brings nothing any more; `isFinal` if it never will for this stream. */
  | { readonly kind: "lost"; readonly isFinal: boolean }
  /** The browser, or the stream, cannot do MSE. */
  | { readonly kind: "noMse" }
  | { readonly kind: "tick" };

/** What is to be running, and what to be seen. */
export interface Choice {
  readonly webrtc: boolean;
  readonly mse: boolean;
  readonly shown: Way;
}

/** So long after a picture of MSE may WebRTC's come. */
export const TRIAL_MS = 1000;
/** Who could not connect at all gives up after this, where there is no MSE to compare with. */
const ALONE_MS = 8000;
/** A session that lasted so long was a good one: what ended it was the hub or the camera. */
const GOOD_MS = 10_000;
const FIRST_RETRY_MS = 2000;
const LAST_RETRY_MS = 300_000;

export class Choose {
  private isTrying: boolean;
  private isMseOn = true;
  private canMse = true;
  private canRtc: boolean;
  private shown: Way = "mse";
  /** When WebRTC set out, and since when it shows pictures. */
  private triedAtMs: number;
  private rtcSinceMs: number | null = null;
  private mseSinceMs: number | null = null;
  private retryAtMs: number | null = null;
  private failures = 0;

  constructor(nowMs: number, canRtc: boolean) {
    this.canRtc = canRtc;
    this.isTrying = canRtc;
    this.triedAtMs = nowMs;
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
        if (happening.isFinal) this.canRtc = false;
        if (this.isTrying) this.giveUp(nowMs);
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

  /** The picture that is seen stays until another is there. */
  private giveUp(nowMs: number): void {
    const lastedMs = this.rtcSinceMs === null ? 0 : nowMs - this.rtcSinceMs;
    this.failures = lastedMs >= GOOD_MS ? 0 : this.failures + 1;
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
      if (isLate) this.giveUp(nowMs);
    }
    // Beside MSE, WebRTC sets out when there are pictures: before that it would only be told that there are none.
    const mayTry = !this.isMseOn || this.mseSinceMs !== null;
    if (!this.isTrying && this.canRtc && mayTry && this.retryAtMs !== null && nowMs >= this.retryAtMs) {
      this.isTrying = true;
      this.triedAtMs = nowMs;
      this.retryAtMs = null;
    }
  }
}
