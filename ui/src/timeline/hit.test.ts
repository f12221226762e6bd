import { expect, it } from "vitest";
import { hit } from "./hit";
import type { Row } from "./rows";

const row: Row = {
  cameraId: "a",
  isLoading: false,
  spans: [
    { startMs: 0, endMs: 400 },
    { startMs: 600, endMs: 1000 },
  ],
  gaps: [{ startMs: 400, endMs: 600, reason: "network", look: "lost" }],
  marks: [{ atMs: 700, title: "No picture" }],
  locks: [{ startMs: 50, endMs: 150 }],
};
const at = (x: number, y: number) => hit({ startMs: 0, endMs: 1000 }, 1000, 36, [row, row], x, y);

it("finds the row, the moment and what is there", () => {
  expect(at(100, 40)).toMatchObject({ row: 1, ms: 100, hasFootage: true, gap: null, mark: null });
  expect(at(500, 0)).toMatchObject({ row: 0, hasFootage: false, gap: { reason: "network" } });
  expect([at(100, 0).isLocked, at(200, 0).isLocked]).toEqual([true, false]);
  expect(at(704, 0).mark?.title, "a mark is wider than a pixel").toBe("No picture");
});

it("finds a moment outside the rows as well", () => {
  expect(at(250, -5)).toMatchObject({ row: null, ms: 250 });
  expect(at(250, 500).row).toBeNull();
});
