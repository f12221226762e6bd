import { expect, it } from "vitest";
import { ageOfRtpMs, DelayMeter } from "./delay";

it("tells how old the picture on the screen is", () => {
  const meter = new DelayMeter();
  meter.arrived(1, 5000);
  meter.arrived(1.04, 5040);
  expect(meter.shown(1.0401, 5190), "rounded times are the same picture").toBe(150);
  expect(meter.shown(7, 9999), "an unknown picture tells nothing").toBeNull();
  expect(meter.delayMs).toBe(150);
});

it("moves slowly, so that the number can be read", () => {
  const meter = new DelayMeter();
  meter.arrived(0, 0);
  meter.arrived(1, 1000);
  meter.shown(0, 100);
  meter.shown(1, 1200);
  expect(meter.delayMs).toBeCloseTo(110);
});

it("forgets when told to", () => {
  const meter = new DelayMeter();
  meter.arrived(0, 0);
  meter.reset();
  expect(meter.shown(0, 10)).toBeNull();
});

it("tells the age of a picture from its RTP time, over the turn of its clock", () => {
  const unixMs = 1_795_205_700_000;
  const rtp = (ms: number): number => (ms * 90) % 2 ** 32;
  expect(ageOfRtpMs(rtp(unixMs - 42), unixMs)).toBeCloseTo(42, 3);
  expect(ageOfRtpMs(rtp(unixMs + 5), unixMs), "clocks may differ").toBeCloseTo(-5, 3);
  const turnMs = Math.ceil((Math.floor((unixMs * 90) / 2 ** 32) + 1) * (2 ** 32 / 90));
  expect(ageOfRtpMs(rtp(turnMs - 100), turnMs + 100)).toBeCloseTo(200, 3);
});
