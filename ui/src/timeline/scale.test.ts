import { describe, expect, it } from "vitest";
import { bound, MAX_SPAN_MS, MIN_SPAN_MS, pinch, reveal, spanMs, toMs, toX, zoom, type View } from "./scale";

const hour: View = { startMs: 0, endMs: 3_600_000 };

it("maps there and back", () => {
  expect(toX(hour, 1000, 1_800_000)).toBe(500);
  expect(toMs(hour, 1000, 500)).toBe(1_800_000);
});

describe("zoom", () => {
  it("keeps what is under the pointer", () => {
    const near = zoom(hour, 900_000, 0.5);
    expect(toX(near, 1000, 900_000)).toBeCloseTo(toX(hour, 1000, 900_000));
    expect(spanMs(near)).toBe(1_800_000);
  });

  it("ends at seconds and at a year", () => {
    expect(spanMs(zoom(hour, 0, 1e-9))).toBe(MIN_SPAN_MS);
    expect(spanMs(zoom(hour, 0, 1e9))).toBe(MAX_SPAN_MS);
  });
});

it("does not leave now behind", () => {
  const ahead = { startMs: 10_000_000, endMs: 13_600_000 };
  expect(bound(ahead, 0)).toEqual({ startMs: -2_700_000, endMs: 900_000 });
  expect(bound(hour, 3_600_000)).toBe(hour);
});

it("moves only as far as it must to show a moment", () => {
  expect(reveal(hour, 1_800_000)).toBe(hour);
  const moved = reveal(hour, 7_200_000);
  expect(toX(moved, 1000, 7_200_000)).toBe(500);
});

it("leaves under two fingers what was under them", () => {
  const pinched = pinch(hour, 1000, [400, 600], [300, 800]);
  expect(toMs(pinched, 1000, 300)).toBeCloseTo(toMs(hour, 1000, 400));
  expect(toMs(pinched, 1000, 800)).toBeCloseTo(toMs(hour, 1000, 600));
});
