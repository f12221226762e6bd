import { describe, expect, it } from "vitest";
import { Zone } from "./zone";

const berlin = new Zone("Europe/Berlin");
const H = 3_600_000;

describe("summer time", () => {
  const spring = Date.UTC(2026, 2, 29);
  const autumn = Date.UTC(2026, 9, 25);

  it("has a day of 23 hours and one of 25", () => {
    expect(berlin.utc(2026, 3, 30) - berlin.utc(2026, 3, 29)).toBe(23 * H);
    expect(berlin.utc(2026, 10, 26) - berlin.utc(2026, 10, 25)).toBe(25 * H);
  });

  it("moves a skipped time behind the skip", () => {
    const at = berlin.utc(2026, 3, 29, 2, 30);
    expect(berlin.local(at)).toMatchObject({ hour: 3, minute: 30 });
    expect(at).toBe(spring + 1.5 * H);
  });

  it("takes the first of a time that comes twice", () => {
    expect(berlin.utc(2026, 10, 25, 2, 30)).toBe(autumn + 0.5 * H);
    expect(berlin.local(autumn + 1.5 * H), "the second").toMatchObject({ hour: 2, minute: 30 });
  });
});

it("knows zones of three quarters of an hour", () => {
  const nepal = new Zone("Asia/Kathmandu");
  expect(nepal.offsetMs(0), "before 1986").toBe(5.5 * H);
  expect(nepal.utc(2026, 1, 1)).toBe(Date.UTC(2025, 11, 31, 18, 15));
});

it("is UTC where the name is unknown", () => {
  expect(new Zone("Nowhere/Land").utc(2026, 1, 1)).toBe(Date.UTC(2026, 0, 1));
});

it("writes a moment as fields of browsers hold it, and reads it back", () => {
  const zone = new Zone("Europe/Berlin");
  const moment = Date.UTC(2026, 6, 1, 18, 5, 9);
  expect(zone.written(moment)).toBe("2026-07-01T20:05:09");
  expect(zone.read("2026-07-01T20:05:09")).toBe(moment);
  expect(zone.read("2026-07-01T20:05"), "browsers leave out seconds that are 0").toBe(moment - 9000);
  expect(zone.read(""), "not filled").toBeNull();
});
