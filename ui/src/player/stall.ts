/**
 * Decides when pictures that came at a pace come no more: a hub that was killed says no goodbye over WebRTC.
 *
 * What does not belong here: what is done then (`choose`).
 */

/** At least so long (guess: a hiccup of a wireless network is shorter). */
const LEAST_MS = 1500;
/** A camera may send one picture in several seconds. */
const MOST_MS = 8000;
const PICTURES = 10;
const SMOOTHING = 0.1;

export class Stall {
  private lastAtMs: number | null = null;
  private everyMs: number | null = null;

  picture(nowMs: number): void {
    if (this.lastAtMs !== null) {
      const tookMs = nowMs - this.lastAtMs;
      this.everyMs = this.everyMs === null ? tookMs : this.everyMs + (tookMs - this.everyMs) * SMOOTHING;
    }
    this.lastAtMs = nowMs;
  }

  /** Nobody sees it: browsers then show nothing. */
  excuse(nowMs: number): void {
    if (this.lastAtMs !== null) this.lastAtMs = nowMs;
  }

  isStalled(nowMs: number): boolean {
    if (this.lastAtMs === null) return false;
    const patienceMs =
      this.everyMs === null ? MOST_MS : Math.min(MOST_MS, Math.max(LEAST_MS, this.everyMs * PICTURES));
    return nowMs - this.lastAtMs >= patienceMs;
  }
}
