/** How long to wait before the next attempt to reach the hub. Chance is an argument. */

const FIRST_MS = 250;
const LAST_MS = 5000;

/** `attempt` counts from 0; `chance` is in [0, 1) and spreads many players over a fifth of the delay. */
export function backoffMs(attempt: number, chance: number): number {
  const whole = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(whole * (0.8 + 0.2 * chance));
}
