/**
 * Decides when the hub is told how many of its messages have arrived: so often that it sees at once when a connection
 * becomes narrow, and no more often.
 *
 * What does not belong here: what the hub makes of it, and sending it.
 */

const EVERY_BYTES = 32 * 1024;
const EVERY_MS = 100;

export class Receipt {
  private received = 0;
  private told = 0;
  private bytes = 0;
  private toldAtMs = Number.NEGATIVE_INFINITY;

  /** How many messages have arrived. */
  get count(): number {
    return this.received;
  }

  /** A message has arrived; whether it is told now. Not by a clock alone: a page behind others has a slow one. */
  took(nowMs: number, bytes: number): boolean {
    this.received += 1;
    this.bytes += bytes;
    return this.bytes >= EVERY_BYTES ? this.tell(nowMs) : this.isDue(nowMs);
  }

  /** Time has passed; whether something is left to be told. */
  isDue(nowMs: number): boolean {
    return this.received !== this.told && nowMs - this.toldAtMs >= EVERY_MS && this.tell(nowMs);
  }

  private tell(nowMs: number): true {
    this.told = this.received;
    this.bytes = 0;
    this.toldAtMs = nowMs;
    return true;
  }
}
