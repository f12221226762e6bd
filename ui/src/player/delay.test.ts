import { expect, it } from "vitest";
import { DelayMeter } from "./delay";

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
