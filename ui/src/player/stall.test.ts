import { expect, it } from "vitest";
import { Stall } from "./stall";

function stalledAfterMs(everyMs: number, pictures: number): number {
  const stall = new Stall();
  const lastMs = (pictures - 1) * everyMs;
  for (let i = 0; i < pictures; i += 1) stall.picture(i * everyMs);
  let waitedMs = 0;
  while (!stall.isStalled(lastMs + waitedMs)) waitedMs += 100;
  return waitedMs;
}

it("waits as long as the camera's pace asks for", () => {
  expect(stalledAfterMs(40, 100), "25 pictures a second").toBe(1500);
  expect(stalledAfterMs(200, 100), "5 a second").toBe(2000);
  expect(stalledAfterMs(3000, 10), "one in three seconds").toBe(8000);
  expect(stalledAfterMs(40, 1), "the pace is not known yet").toBe(8000);
});

it("does not blame a way for what nobody sees, nor before its first picture", () => {
  const stall = new Stall();
  expect(stall.isStalled(99_000)).toBe(false);
  stall.picture(0);
  stall.picture(40);
  stall.excuse(60_000);
  expect(stall.isStalled(61_000)).toBe(false);
  expect(stall.isStalled(61_500)).toBe(true);
});
