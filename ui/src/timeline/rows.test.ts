import { expect, it } from "vitest";
import { joined } from "./rows";

it("joins what two streams and many files say of one lock", () => {
  const spans = [
    { startMs: 20, endMs: 30 },
    { startMs: 0, endMs: 10 },
    { startMs: 10, endMs: 18 },
    { startMs: 2, endMs: 12 },
  ];
  expect(joined(spans)).toEqual([
    { startMs: 0, endMs: 18 },
    { startMs: 20, endMs: 30 },
  ]);
});
