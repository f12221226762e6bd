import { expect, it } from "vitest";
import { Receipt } from "./receipt";

it("tells of what came in a burst at once, and of a trickle ten times a second", () => {
  const receipt = new Receipt();
  expect(receipt.took(0, 100), "the first").toBe(true);
  expect(receipt.took(1, 30_000)).toBe(false);
  expect(receipt.took(2, 3000), "32 KiB").toBe(true);
  const told = Array.from({ length: 50 }, (_, n) => receipt.took(100 + n * 20, 500)).filter(Boolean);
  expect(told.length).toBe(10);
});

it("tells of the last message too, and then nothing", () => {
  const receipt = new Receipt();
  receipt.took(0, 100);
  receipt.took(50, 100);
  expect(receipt.isDue(90)).toBe(false);
  expect(receipt.isDue(100)).toBe(true);
  expect(receipt.isDue(500), "nothing has come since").toBe(false);
  expect(receipt.count).toBe(2);
});
