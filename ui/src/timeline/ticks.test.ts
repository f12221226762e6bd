import { expect, it } from "vitest";
import { ticks } from "./ticks";
import { Zone } from "./zone";

const H = 3_600_000;
const berlin = new Zone("Europe/Berlin");
const labels = (startMs: number, endMs: number, zone = berlin, width = 1000): string[] =>
  ticks({ startMs, endMs }, width, zone, "en-GB").map((tick) => tick.label);

it("writes whole hours of local time across a day", () => {
  const start = berlin.utc(2026, 6, 10);
  expect(labels(start, start + 24 * H)).toEqual([
    "Wed 10 Jun",
    "03:00",
    "06:00",
    "09:00",
    "12:00",
    "15:00",
    "18:00",
    "21:00",
  ]);
});

it("leaves out the hour that summer time skips", () => {
  const start = berlin.utc(2026, 3, 29);
  const view = { startMs: start, endMs: start + 6 * H };
  const found = ticks(view, 1000, berlin, "en-GB");
  expect(found.map((tick) => tick.label)).toEqual([
    "Sun 29 Mar",
    "01:00",
    "03:00",
    "04:00",
    "05:00",
    "06:00",
  ]);
  expect(new Set(found.map((tick) => tick.utcMs)).size, "no two in one place").toBe(found.length);
});

it("writes days at midnight on both sides of the change", () => {
  const start = berlin.utc(2026, 10, 24);
  const days = ticks({ startMs: start, endMs: berlin.utc(2026, 10, 28) }, 400, berlin, "en-GB");
  expect(days.map((tick) => berlin.local(tick.utcMs).hour)).toEqual([0, 0, 0, 0]);
});

it("writes minutes on local minutes where offsets are odd", () => {
  const nepal = new Zone("Asia/Kathmandu");
  const start = nepal.utc(2026, 6, 10, 12, 1);
  expect(labels(start, start + H, nepal).slice(0, 2)).toEqual(["12:10", "12:20"]);
});

it("writes tenths of seconds and years", () => {
  const start = berlin.utc(2026, 6, 10, 12);
  expect(labels(start, start + 2000)[1]).toBe("12:00:00.2");
  expect(labels(berlin.utc(2025, 1, 1), berlin.utc(2026, 2, 1))[0]).toBe("2025");
});

it("has room for every label", () => {
  for (let span = 2000; span < 400 * 24 * H; span *= 1.7) {
    const found = ticks({ startMs: 1.79e12, endMs: 1.79e12 + span }, 1000, berlin, "en-GB");
    expect(found.length, `${span} ms`).toBeLessThanOrEqual(14);
    expect(found.length, `${span} ms`).toBeGreaterThan(0);
  }
});
