import { describe, expect, it } from "vitest";
import { HEARD_LIMITS, LIVE_LIMITS, Pace } from "./pace";

/** Units every 40 ms; `lagAt` is the headroom just before each. Returns the last decision. */
function run(pace: Pace, fromMs: number, lags: readonly number[]) {
  let decision = pace.decide(fromMs, 0, 0);
  lags.forEach((lagS, i) => {
    pace.measure(fromMs + i * 40, lagS);
    decision = pace.decide(fromMs + i * 40, 10, 10 + lagS + 0.04);
  });
  return decision;
}

describe("pace", () => {
  it("leaves a picture alone that is where it should be", () => {
    expect(run(new Pace(), 0, Array(25).fill(0.1))).toEqual({ rate: 1, jumpToS: null });
  });

  it("catches up, but no faster than people can bear", () => {
    expect(run(new Pace(), 0, Array(25).fill(0.2)).rate, "a tenth of a second too late").toBe(1.1);
    expect(run(new Pace(), 0, Array(25).fill(0.9)).rate, "at most").toBe(1.3);
  });

  it("never hurries what is heard, and jumps sooner", () => {
    const lags = [0.12, 0.2, 0.4, 0.55].map((lagS) => run(new Pace(HEARD_LIMITS), 0, Array(25).fill(lagS)));
    expect(lags.map(({ rate }) => rate)).toEqual([1, 1.1, 1.1, 1.1]);
    expect(run(new Pace(HEARD_LIMITS), 0, [0.6]).jumpToS).toBeCloseTo(10.54, 5);
    const pace = new Pace(HEARD_LIMITS);
    pace.reset(0);
    expect(run(pace, 0, [1.5]), "twice in a row").toEqual({ rate: 1.1, jumpToS: null });
  });

  it("jumps when it is too late to catch up", () => {
    const decision = run(new Pace(), 0, [1.5]);
    expect(decision.jumpToS).toBeCloseTo(11.54 - LIVE_LIMITS.startTargetS, 5);
  });

  it("hurries instead of jumping twice in a row, where decoding is slow", () => {
    const pace = new Pace();
    pace.reset(0);
    expect(run(pace, 0, [1.5])).toEqual({ rate: 1.5, jumpToS: null });
    expect(run(pace, 5000, [1.5]).jumpToS, "when that does not help either").not.toBeNull();
    pace.reset(6000);
    expect(run(pace, 6000, [9]).jumpToS, "or would take too long").not.toBeNull();
  });

  it("slows down a little before it runs dry", () => {
    expect(run(new Pace(), 0, Array(25).fill(0.01)).rate).toBeLessThan(1);
  });

  it("counts the worst moment of a second, not the mean", () => {
    const lags = [...Array<number>(12).fill(0.4), 0.1, ...Array<number>(12).fill(0.4)];
    expect(run(new Pace(), 0, lags).rate, "one late unit is what the headroom is for").toBe(1);
  });

  it("wants more headroom after it starved, and less again in calm", () => {
    const pace = new Pace();
    pace.starved(0);
    pace.starved(10);
    expect(pace.targetS).toBeCloseTo(0.2);
    for (let at = 0; at <= 200_000; at += 100) pace.decide(at, 0, 0.1);
    expect(pace.targetS, "never below where it began").toBeCloseTo(LIVE_LIMITS.startTargetS);
  });
});
