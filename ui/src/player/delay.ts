/**
 * How old a picture is when it is shown: maps media time to the moment at which the unit reached the recorder.
 *
 * What does not belong here: where these moments come from (`boxes`), and the clocks.
 */

interface Entry {
  readonly mediaS: number;
  readonly arrivedUnixMs: number;
}

const KEEP = 256;
/** Media times are told twice, rounded differently. */
const SAME_S = 0.004;
const SMOOTHING = 0.1;

const TURN = 2 ** 32;

/**
 * The hub's RTP time is the wall clock at which the picture reached the recorder, in ticks of 1/90 000 s, of which the
 * lowest 32 bits are sent: half a day goes into them.
 */
export function ageOfRtpMs(rtpTimestamp: number, shownUnixMs: number): number {
  const ticks = (shownUnixMs * 90 - rtpTimestamp) % TURN;
  const turned = ticks < 0 ? ticks + TURN : ticks;
  return (turned >= TURN / 2 ? turned - TURN : turned) / 90;
}

export class DelayMeter {
  private entries: Entry[] = [];
  private smoothedMs: number | null = null;

  get delayMs(): number | null {
    return this.smoothedMs;
  }

  arrived(mediaS: number, arrivedUnixMs: number): void {
    this.entries.push({ mediaS, arrivedUnixMs });
    if (this.entries.length > KEEP) this.entries.splice(0, this.entries.length - KEEP);
  }

  /** `shownUnixMs` by the recorder's clock. Returns the delay of this very picture, if its arrival is known. */
  shown(mediaS: number, shownUnixMs: number): number | null {
    for (let i = this.entries.length - 1; i >= 0; i -= 1) {
      const entry = this.entries[i];
      if (!entry || Math.abs(entry.mediaS - mediaS) > SAME_S) continue;
      const delay = shownUnixMs - entry.arrivedUnixMs;
      this.observe(delay);
      return delay;
    }
    return null;
  }

  /** The delay of a picture, however it is known. */
  observe(delayMs: number): void {
    this.smoothedMs =
      this.smoothedMs === null ? delayMs : this.smoothedMs + (delayMs - this.smoothedMs) * SMOOTHING;
  }

  reset(): void {
    this.entries = [];
    this.smoothedMs = null;
  }
}
