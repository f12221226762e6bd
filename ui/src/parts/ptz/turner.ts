/**
 * A camera that is turned as long as something is held: a button, a key, two of them for a slant.
 *
 * The hub ends a turn a second after the last word, so it is asked again and again, and never while an answer is still on
 * its way. What does not belong here: what is held (`PtzPad`).
 */

export interface Speed {
  readonly pan: number;
  readonly tilt: number;
  readonly zoom: number;
}

export interface TurnerHands {
  readonly move: (speed: Speed) => Promise<unknown>;
  readonly stop: () => Promise<unknown>;
  readonly goTo: (preset: string) => Promise<unknown>;
  /** Null: it was turned again. */
  readonly onproblem: (error: unknown) => void;
}

/** Of what the hub allows, so that a turn never stutters. */
const AGAIN_MS = 400;
/** Slowly at first, to aim; then quickly, to get around. */
const SLOW = 0.35;
const FAST = 1;
const FAST_AFTER_MS = 1500;
/** So long a press lasts at least: a shorter one would be over before the camera has heard of it. */
const SHORTEST_MS = 250;

interface Held {
  readonly speed: Speed;
  readonly sinceMs: number;
  /** It was let go too early, and ends then. */
  ending: ReturnType<typeof setTimeout> | null;
}

export class Turner {
  private readonly held = new Map<string, Held>();
  private readonly hands: TurnerHands;
  private sinceMs = 0;
  private timer: ReturnType<typeof setInterval> | null = null;
  private isAsking = false;
  /** What was held has changed while an answer was on its way. */
  private isBehind = false;

  constructor(hands: TurnerHands) {
    this.hands = hands;
  }

  get isTurning(): boolean {
    return this.held.size > 0;
  }

  press(what: string, speed: Speed): void {
    const held = this.held.get(what);
    if (held) {
      if (held.ending !== null) clearTimeout(held.ending);
      held.ending = null;
      return;
    }
    const nowMs = performance.now();
    if (!this.isTurning) this.sinceMs = nowMs;
    this.held.set(what, { speed, sinceMs: nowMs, ending: null });
    this.timer ??= setInterval(() => {
      this.ask();
    }, AGAIN_MS);
    this.ask();
  }

  release(what: string): void {
    const held = this.held.get(what);
    if (!held || held.ending !== null) return;
    const leftMs = SHORTEST_MS - (performance.now() - held.sinceMs);
    if (leftMs <= 0) this.end(what);
    else
      held.ending = setTimeout(() => {
        this.end(what);
      }, leftMs);
  }

  /** The page is left, or covered, or nobody can say any more what is held. */
  releaseAll(): void {
    for (const what of [...this.held.keys()]) this.end(what);
  }

  private end(what: string): void {
    const held = this.held.get(what);
    if (!held) return;
    if (held.ending !== null) clearTimeout(held.ending);
    this.held.delete(what);
    if (!this.isTurning && this.timer !== null) {
      clearInterval(this.timer);
      this.timer = null;
    }
    this.ask();
  }

  /** To a position that the camera remembers. */
  async goTo(preset: string): Promise<void> {
    const { goTo, onproblem } = this.hands;
    try {
      await goTo(preset);
      onproblem(null);
    } catch (error) {
      onproblem(error);
    }
  }

  private speed(): Speed {
    const pace = performance.now() - this.sinceMs < FAST_AFTER_MS ? SLOW : FAST;
    const sum = (of: (speed: Speed) => number): number => {
      let all = 0;
      for (const { speed } of this.held.values()) all += of(speed);
      return Math.max(-1, Math.min(1, all)) * pace;
    };
    return { pan: sum((s) => s.pan), tilt: sum((s) => s.tilt), zoom: sum((s) => s.zoom) };
  }

  private ask(): void {
    // A stop overtakes what is on its way: the newest wins at the hub, too.
    if (this.isAsking && this.isTurning) {
      this.isBehind = true;
      return;
    }
    const { move, stop, onproblem } = this.hands;
    const isStop = !this.isTurning;
    this.isBehind = false;
    if (!isStop) this.isAsking = true;
    const asked = isStop ? stop() : move(this.speed());
    asked
      .then(
        () => {
          // That it stands still does not mean that it could be turned.
          if (!isStop) onproblem(null);
        },
        (error: unknown) => {
          onproblem(error);
        },
      )
      .finally(() => {
        if (isStop) return;
        this.isAsking = false;
        if (this.isBehind && this.isTurning) this.ask();
      });
  }
}
