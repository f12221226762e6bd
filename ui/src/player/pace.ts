/**
 * Decides how fast a live picture runs, so that it stays close behind the newest one without starving.
 *
 * The measure is headroom: the least that was buffered ahead of the playhead within the last second. It is least
 * just before a unit arrives, so its value does not depend on the frame rate, as the mean does.
 *
 * What does not belong here: the video element. Times are arguments; nothing is remembered but what was measured.
 */

export interface PaceLimits {
  /** Headroom wanted at first; measured: below 80 ms Chromium runs dry on a busy machine. */
  readonly startTargetS: number;
  readonly maxTargetS: number;
  /** Later than this behind the edge is not caught up but jumped over. */
  readonly jumpS: number;
  readonly maxRate: number;
  /** Where jumping has just been tried. */
  readonly hurryRate: number;
  readonly minRate: number;
}

export const LIVE_LIMITS: PaceLimits = {
  startTargetS: 0.1,
  maxTargetS: 0.6,
  jumpS: 1,
  // At 1.1 a start 0.3 s late took six seconds to catch up (measured). That 1.3 is bearable is a guess: it is mute.
  maxRate: 1.3,
  hurryRate: 1.5,
  minRate: 0.94,
};

/** With sound: what is played faster is heard (guesses), so that being late is sooner jumped over. */
export const HEARD_LIMITS: PaceLimits = {
  ...LIVE_LIMITS,
  jumpS: 0.5,
  maxRate: 1.1,
  hurryRate: 1.1,
  minRate: 0.97,
};

export interface PaceDecision {
  readonly rate: number;
  /** Where to go at once, if running faster would take too long. */
  readonly jumpToS: number | null;
}

const WINDOW_MS = 1000;
/** After a jump, being late again is first answered by hurrying. */
const AGAIN_MS = 5000;
const HOPELESS_S = 5;
const STARVED_STEP_S = 0.05;
const CALM_MS = 10_000;
const CALM_STEP_S = 0.01;
/** Within this of the target nothing is changed. */
const SLACK_S = 0.03;

export class Pace {
  private readonly limits: PaceLimits;
  private samples: { readonly atMs: number; readonly lagS: number }[] = [];
  private wantedS: number;
  private calmSinceMs = 0;
  private resetAtMs = Number.NEGATIVE_INFINITY;

  constructor(limits: PaceLimits = LIVE_LIMITS) {
    this.limits = limits;
    this.wantedS = limits.startTargetS;
  }

  get targetS(): number {
    return this.wantedS;
  }

  /** Forgets what was measured: the playhead has moved, or another run began. */
  reset(nowMs: number): void {
    this.samples = [];
    this.calmSinceMs = nowMs;
    this.resetAtMs = nowMs;
  }

  /** How far the playhead is behind the edge now; best told just before a unit is appended. */
  measure(nowMs: number, lagS: number): void {
    this.samples.push({ atMs: nowMs, lagS });
    while (this.samples.length > 1 && (this.samples[0]?.atMs ?? nowMs) < nowMs - WINDOW_MS)
      this.samples.shift();
  }

  /** The picture stood still for want of data: more headroom from now on. */
  starved(nowMs: number): void {
    this.wantedS = Math.min(this.limits.maxTargetS, this.wantedS + STARVED_STEP_S);
    this.calmSinceMs = nowMs;
  }

  decide(nowMs: number, positionS: number, edgeS: number): PaceDecision {
    if (nowMs - this.calmSinceMs >= CALM_MS) {
      this.wantedS = Math.max(this.limits.startTargetS, this.wantedS - CALM_STEP_S);
      this.calmSinceMs = nowMs;
    }
    const lateS = edgeS - positionS - this.wantedS;
    if (lateS > this.limits.jumpS) {
      // A jump decodes the whole GOP again. Where that takes longer than the jump was for, jumping never arrives.
      const hasJustJumped = nowMs - this.resetAtMs < AGAIN_MS;
      if (hasJustJumped && lateS < HOPELESS_S) return { rate: this.limits.hurryRate, jumpToS: null };
      return { rate: 1, jumpToS: edgeS - this.wantedS };
    }
    const headroomS = Math.min(...this.samples.map((sample) => sample.lagS));
    if (!Number.isFinite(headroomS)) return { rate: 1, jumpToS: null };
    const excessS = headroomS - this.wantedS;
    if (excessS > SLACK_S) return { rate: round(Math.min(this.limits.maxRate, 1 + excessS)), jumpToS: null };
    if (excessS < -2 * SLACK_S) {
      return { rate: round(Math.max(this.limits.minRate, 1 + excessS / 2)), jumpToS: null };
    }
    return { rate: 1, jumpToS: null };
  }
}

function round(rate: number): number {
  return Math.round(rate * 100) / 100;
}
