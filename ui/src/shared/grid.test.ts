import { expect, it } from "vitest";
import { gridShape, neighbourTile } from "./grid";

it.each([
  [1, 1],
  [4, 2],
  [9, 3],
  [16, 4],
])("%i cameras are %i columns on a laptop", (count, columns) => {
  expect(gridShape(count, 1188, 784, 8).columns).toBe(columns);
});

it("fills what there is and never more", () => {
  for (const count of [1, 2, 3, 5, 7, 16, 30]) {
    const { columns, tileWidth, scrolls } = gridShape(count, 1188, 784, 8);
    expect(columns * tileWidth + (columns - 1) * 8, `${count} wide`).toBeLessThanOrEqual(1188);
    const rows = Math.ceil(count / columns);
    if (!scrolls)
      expect((rows * tileWidth * 9) / 16 + (rows - 1) * 8, `${count} high`).toBeLessThanOrEqual(785);
  }
});

it("scrolls 64 cameras rather than making stamps of them", () => {
  expect(gridShape(64, 1188, 784, 8).scrolls).toBe(true);
  expect(gridShape(64, 1188, 784, 8).tileWidth).toBeGreaterThan(200);
});

it("is one column on a phone, two when there are many", () => {
  expect(gridShape(2, 374, 760, 8)).toMatchObject({ columns: 1, tileWidth: 374 });
  expect(gridShape(16, 374, 760, 8).columns).toBe(2);
});

it("moves by arrows and stays at the edges", () => {
  expect(neighbourTile(0, "ArrowDown", 2, 4)).toBe(2);
  expect(neighbourTile(3, "ArrowDown", 2, 4)).toBe(3);
  expect(neighbourTile(1, "ArrowLeft", 2, 4)).toBe(0);
  expect(neighbourTile(1, "Enter", 2, 4)).toBe(1);
});
