/**
 * Decides when a WebRTC session is more than the connection carries. The hub sends it one stream as it is: what does not
 * fit is lost on the way, or waits there.
 *
 * What does not belong here: pictures that end although nothing is lost (`stall`), what is done then (`choose`).
 */

/** Lost pictures are asked for again once; so long without one is more (guess). */
const LATE_MS = 400;
/** The first one comes with a whole GOP. */
const FIRST_LATE_MS = 1200;
/** A wireless network loses less, or only for a moment (guess). */
const LOST_SHARE = 0.1;
const WINDOW_MS = 1000;
/** So much later than the quickest one ever: they wait in a queue on the way. */
const QUEUED_MS = 700;
const QUEUED_PICTURES = 5;

interface Count {
  readonly atMs: number;
  readonly received: number;
  readonly lost: number;
}

export class Narrow {
  private counts: Count[] = [];
  private sinceMs: number | null = null;
  private hasPicture = false;
  private quickestMs = Number.POSITIVE_INFINITY;
  private ages: number[] = [];

  /** A picture is shown; how old it is then, if that is known. */
  picture(nowMs: number, ageMs: number | null): void {
    this.sinceMs = nowMs;
    this.hasPicture = true;
    if (ageMs === null) return;
    this.quickestMs = Math.min(this.quickestMs, ageMs);
    this.ages.push(ageMs);
    if (this.ages.length > QUEUED_PICTURES) this.ages.shift();
  }

  /** How many packets have come, and how many have not, since the beginning. */
  packets(nowMs: number, received: number, lost: number): void {
    if (received > 0) this.sinceMs ??= nowMs;
    this.counts.push({ atMs: nowMs, received, lost });
    while (this.counts.length > 2 && nowMs - (this.counts[1]?.atMs ?? nowMs) >= WINDOW_MS)
      this.counts.shift();
  }

  /** Nobody sees it: browsers then show nothing. */
  excuse(nowMs: number): void {
    if (this.sinceMs !== null) this.sinceMs = nowMs;
    this.ages = [];
  }

  /** Whether a picture is late: then packets are to be counted more often. */
  isLate(nowMs: number): boolean {
    return this.sinceMs !== null && nowMs - this.sinceMs >= (this.hasPicture ? LATE_MS : FIRST_LATE_MS);
  }

  isNarrow(nowMs: number): boolean {
    const isQueued =
      this.ages.length === QUEUED_PICTURES && Math.min(...this.ages) - this.quickestMs >= QUEUED_MS;
    return isQueued || (this.isLate(nowMs) && this.lostShare >= LOST_SHARE);
  }

  private get lostShare(): number {
    const [first, last] = [this.counts[0], this.counts.at(-1)];
    if (!first || !last) return 0;
    // What began within the window has no count before it.
    const from = this.counts.length === 1 ? { received: 0, lost: 0 } : first;
    const lost = Math.max(0, last.lost - from.lost);
    const all = lost + Math.max(0, last.received - from.received);
    return all === 0 ? 0 : lost / all;
  }
}
