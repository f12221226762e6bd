import { expect, it } from "vitest";
import { days, next, warning, type Names } from "./words";

const names: Names = {
  camera: (id) => id.toUpperCase(),
  tier: (id) => `disk ${id}`,
  zone: "Europe/Berlin",
  nowUtcMs: Date.parse("2026-11-25T12:00:00Z"),
};

it.each([
  [25.99, "25 days"],
  [2, "2 days"],
  [1.5, "36 hours"],
  [0.05, "1 hour"],
  [0, "0 hours"],
  [null, "for good"],
])("says %s days as %s and never more than there are", (value, text) => {
  expect(days(value)).toBe(text);
});

it("says what goes next, when and why", () => {
  const step = {
    tier: "a",
    camera_id: "gate",
    stream: "main",
    start_utc_ms: names.nowUtcMs - 60_000,
  } as const;
  const deleted = {
    ...step,
    when_utc_ms: names.nowUtcMs,
    what: { kind: "delete", why: "tier_full" },
  } as const;
  expect(next(deleted, names)).toBe("GATE, footage from 12:59: deleted now, to make room on the disk.");
  const moved = {
    ...step,
    when_utc_ms: names.nowUtcMs + 3_600_000,
    what: { kind: "move", to: "b" },
  } as const;
  expect(next(moved, names)).toBe("GATE, footage from 12:59: moves to disk b, 14:00.");
});

it("says what a promise that cannot be kept costs and what to do", () => {
  const about = {
    kind: "minimum_not_kept",
    camera_id: "gate",
    stream: "main",
    min_days: 30,
    days: 9.4,
  } as const;
  expect(warning(about, names)).toBe(
    "GATE is to be kept for 30 days, and there is room for 9 days only. Choose fewer days, or add a disk.",
  );
});
