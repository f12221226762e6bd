import { expect, it } from "vitest";
import { bitrate, bytes, duration, moment } from "./format";

it("writes sizes in decimal units", () => {
  expect([0, 999, 1500, 14.2e6, 720e9, 2e12].map((value) => bytes(value, "en"))).toEqual([
    "0 B",
    "999 B",
    "1.50 kB",
    "14.2 MB",
    "720 GB",
    "2.00 TB",
  ]);
  expect(bitrate(4.1e6, "en")).toBe("4.1 Mbit/s");
});

it("writes how long", () => {
  expect([500, 61_000, 7_200_000, 90_000_000, 200_000_000].map(duration)).toEqual([
    "1 s",
    "1 min 1 s",
    "2 h",
    "25 h",
    "2 d 7 h",
  ]);
});

it("names the day only when it is another", () => {
  const now = Date.UTC(2026, 10, 21, 20);
  expect(moment(now - 60_000, "UTC", "en-GB", now)).toBe("19:59");
  expect(moment(now - 86_400_000, "UTC", "en-GB", now)).toBe("20 Nov 20:00");
});
