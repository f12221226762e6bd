/**
 * Decides whether a live picture is played with its sound.
 *
 * The picture with sound is another player than the one without: it comes beside it, and is seen when it has something
 * to show. Sound that fails gives way to the picture without, and is tried again later.
 * What does not belong here: playing (`live`), what failing is (`silence`).
 */

export type SoundState =
  | "off"
  /** Wanted, and not heard yet. */
  | "coming"
  | "on"
  /** Wanted, but the camera sends none that can be played; it is tried again. */
  | "lost"
  /** The browser wants a click first. */
  | "refused";

/** What was heard for so long was good: what ended it was the camera's moment. */
const GOOD_MS = 60_000;
const FIRST_RETRY_MS = 10_000;
const LAST_RETRY_MS = 300_000;

export class Hearing {
  private current: SoundState = "off";
  private onSinceMs = 0;
  private retryAtMs = 0;
  private failures = 0;

  get state(): SoundState {
    return this.current;
  }

  /** A player with sound is to be running. */
  get isOn(): boolean {
    return this.current === "coming" || this.current === "on";
  }

  want(isWanted: boolean): void {
    if (!isWanted) this.current = "off";
    else if (this.current === "off") {
      this.current = "coming";
      this.failures = 0;
    }
  }

  /** The player with sound shows its first picture. */
  picture(nowMs: number): void {
    if (this.current !== "coming") return;
    this.current = "on";
    this.onSinceMs = nowMs;
  }

  lost(nowMs: number): void {
    if (!this.isOn) return;
    const wasGood = this.current === "on" && nowMs - this.onSinceMs >= GOOD_MS;
    this.failures = wasGood ? 1 : this.failures + 1;
    this.current = "lost";
    this.retryAtMs = nowMs + Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 3 ** (this.failures - 1));
  }

  refused(): void {
    if (this.isOn) this.current = "refused";
  }

  tick(nowMs: number): void {
    if (this.current === "lost" && nowMs >= this.retryAtMs) this.current = "coming";
  }
}
