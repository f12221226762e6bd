import { expect, it } from "vitest";
import { anchorAt, between, offered, withEnd } from "./select";

const NOW = 1_000_000_500;
const view = { startMs: NOW - 100_000, endMs: NOW };

it("is of whole seconds, at least one, and never of the future", () => {
  expect(between(61_600, 10_400, NOW)).toEqual({ startMs: 10_000, endMs: 62_000 });
  expect(between(10_000, 10_000, NOW)).toEqual({ startMs: 9000, endMs: 10_000 });
  expect(between(NOW - 5000, NOW + 60_000, NOW)).toEqual({ startMs: 999_996_000, endMs: 1_000_000_000 });
});

it("offers a stretch around what plays, that ends now when it is live", () => {
  expect(offered(view, NOW, NOW)).toEqual({ startMs: 999_981_000, endMs: 1_000_000_000 });
  const past = offered(view, NOW - 50_500, NOW);
  expect(past).toEqual({ startMs: 999_940_000, endMs: 999_960_000 });
});

it("moves the edge that was taken, and begins anew elsewhere", () => {
  const selection = { startMs: view.startMs + 20_000, endMs: view.startMs + 60_000 };
  const anchor = (x: number): number => anchorAt(view, 1000, selection, x, 8) - view.startMs;
  expect(anchor(205)).toBe(60_000);
  expect(anchor(593)).toBe(20_000);
  expect(anchor(400)).toBe(40_000);
  expect(anchorAt(view, 1000, null, 205, 8) - view.startMs).toBe(20_500);
});

it("takes marks in any order", () => {
  expect(withEnd(null, "start", 50_000, NOW)).toEqual({ startMs: 50_000, endMs: 60_000 });
  expect(withEnd({ startMs: 50_000, endMs: 60_000 }, "end", 90_000, NOW)).toEqual({
    startMs: 50_000,
    endMs: 90_000,
  });
  expect(withEnd({ startMs: 50_000, endMs: 60_000 }, "end", 40_000, NOW)).toEqual({
    startMs: 30_000,
    endMs: 40_000,
  });
});
