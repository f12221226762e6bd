/**
 * Decides when a live player that believes itself connected must start anew.
 *
 * What does not belong here: closing and opening, which the player does.
 */

export interface WatchInput {
  readonly nowMs: number;
  /** Pictures shown so far; rises or the picture stands. */
  readonly pictures: number;
  /** Bytes received so far. */
  readonly bytes: number;
  /** The hub said that there is nothing to show now. */
  readonly isWaiting: boolean;
  readonly isConnected: boolean;
  /** Nobody can see it: browsers then decode nothing. */
  readonly isHidden: boolean;
}

export type WatchVerdict = "fine" | "reconnect" | "rebuild";

const PATIENCE_MS = 5000;
/** A hub that waits for its camera has nothing to say, and one that is gone neither: it is asked again. */
const WAITING_PATIENCE_MS = 30_000;

export class Watch {
  private pictures = -1;
  private bytes = -1;
  private isWaiting = false;
  private pictureAtMs = 0;
  private bytesAtMs = 0;

  handle(input: WatchInput): WatchVerdict {
    const isExcused = input.isHidden || !input.isConnected;
    if (input.pictures !== this.pictures || isExcused || input.isWaiting) {
      this.pictures = input.pictures;
      this.pictureAtMs = input.nowMs;
    }
    if (input.bytes !== this.bytes || isExcused || input.isWaiting !== this.isWaiting) {
      this.isWaiting = input.isWaiting;
      this.bytes = input.bytes;
      this.bytesAtMs = input.nowMs;
    }
    const patienceMs = input.isWaiting ? WAITING_PATIENCE_MS : PATIENCE_MS;
    if (input.nowMs - this.bytesAtMs >= patienceMs) return this.restart(input.nowMs, "reconnect");
    if (input.nowMs - this.pictureAtMs >= PATIENCE_MS) return this.restart(input.nowMs, "rebuild");
    return "fine";
  }

  private restart(nowMs: number, verdict: WatchVerdict): WatchVerdict {
    this.pictureAtMs = nowMs;
    this.bytesAtMs = nowMs;
    return verdict;
  }
}
