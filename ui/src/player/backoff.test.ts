import { expect, it } from "vitest";
import { backoffMs } from "./backoff";

it("doubles from a quarter of a second to five", () => {
  expect([0, 1, 2, 3, 4, 5, 99].map((attempt) => backoffMs(attempt, 1))).toEqual([
    250, 500, 1000, 2000, 4000, 5000, 5000,
  ]);
});

it("spreads players over a fifth of the delay", () => {
  expect(backoffMs(2, 0)).toBe(800);
});
