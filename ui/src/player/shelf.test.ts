import { expect, it } from "vitest";
import { Shelf } from "./shelf";

const CHUNK = 600_000;

function shelf(nowMs: { value: number }, text: (from: number) => string) {
  const asked: number[] = [];
  const made = new Shelf(
    (from) => {
      asked.push(from / CHUNK);
      return Promise.resolve(text(from));
    },
    () => nowMs.value,
  );
  return { made, asked };
}

it("asks for a finished stretch once", async () => {
  const { made, asked } = shelf({ value: 100 * CHUNK }, () => "#EXTM3U\n#EXT-X-ENDLIST\n");
  expect(made.knows(CHUNK, 2 * CHUNK)).toBe(false);
  await made.ensure(CHUNK, 2 * CHUNK);
  await made.ensure(CHUNK, 2 * CHUNK);
  expect(asked).toEqual([1, 2]);
  expect(made.knows(CHUNK, 2 * CHUNK)).toBe(true);
});

it("asks again while a stretch grows, but not in a storm", async () => {
  const now = { value: 10.5 * CHUNK };
  const { made, asked } = shelf(now, () => "#EXTM3U\n");
  await made.ensure(now.value, now.value);
  await made.ensure(now.value, now.value);
  expect(asked, "twice at once is once").toEqual([10]);
  now.value += 3000;
  await made.ensure(now.value, now.value);
  expect(asked).toEqual([10, 10]);
});

it("never asks for the future", async () => {
  const now = { value: 10.5 * CHUNK };
  const { made, asked } = shelf(now, () => "");
  await made.ensure(now.value, 50 * CHUNK);
  expect(asked).toEqual([10]);
});

it("can be asked again after a failure", async () => {
  let isDown = true;
  const made = new Shelf(
    () => (isDown ? Promise.reject(new Error("away")) : Promise.resolve("")),
    () => 5 * CHUNK,
  );
  await expect(made.ensure(0, 0)).rejects.toThrow("away");
  isDown = false;
  await made.ensure(0, 0);
  expect(made.knows(0, 0)).toBe(true);
});
