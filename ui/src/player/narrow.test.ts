import { expect, it } from "vitest";
import { Narrow } from "./narrow";

/** 25 pictures a second of 12 packets each, counted twice a second. */
function play(
  narrow: Narrow,
  fromMs: number,
  untilMs: number,
  ageMs: (atMs: number) => number | null,
  lost = 0,
): void {
  for (let atMs = fromMs; atMs < untilMs; atMs += 40) {
    narrow.picture(atMs, ageMs(atMs));
    if (atMs % 400 === 0) narrow.packets(atMs, (atMs / 40) * 12, lost);
  }
}

it("packets are lost and pictures stand: within half a second", () => {
  const narrow = new Narrow();
  play(narrow, 0, 4000, () => 60);
  narrow.packets(4200, 1220, 20);
  expect(narrow.isNarrow(4200), "not at once").toBe(false);
  narrow.packets(4400, 1240, 60);
  expect(narrow.isNarrow(4400)).toBe(true);
});

it("pictures that stand without a loss are another trouble, and losses without that are none", () => {
  const narrow = new Narrow();
  play(narrow, 0, 4000, () => 60);
  narrow.packets(4800, 1200, 0);
  expect(narrow.isLate(4800)).toBe(true);
  expect(narrow.isNarrow(4800)).toBe(false);
  narrow.picture(4840, 60);
  narrow.packets(4850, 1250, 40);
  expect(narrow.isNarrow(4850)).toBe(false);
  expect(narrow.isNarrow(4840 + 400)).toBe(true);
});

it("an old loss counts no more", () => {
  const narrow = new Narrow();
  narrow.packets(0, 100, 0);
  narrow.packets(500, 100, 100);
  play(narrow, 800, 4000, () => 60, 100);
  narrow.packets(4000, 1200, 100);
  narrow.packets(4500, 1250, 100);
  expect(narrow.isNarrow(4600)).toBe(false);
});

it("pictures come ever later where the way has a long queue", () => {
  const narrow = new Narrow();
  play(narrow, 0, 4000, () => 60);
  play(narrow, 4000, 4600, (atMs) => 60 + (atMs - 4000));
  expect(narrow.isNarrow(4600)).toBe(false);
  play(narrow, 4600, 5200, (atMs) => 60 + (atMs - 4000));
  expect(narrow.isNarrow(5200)).toBe(true);
});

it("one that was late, and a page that was hidden, say nothing", () => {
  const narrow = new Narrow();
  play(narrow, 0, 4000, (atMs) => (atMs % 200 === 0 ? 2000 : 60));
  expect(narrow.isNarrow(4000)).toBe(false);
  narrow.packets(4500, 1200, 400);
  narrow.excuse(9000);
  expect(narrow.isNarrow(9100)).toBe(false);
});

it("a first picture that never comes, of what is lost from the beginning", () => {
  const narrow = new Narrow();
  expect(narrow.isNarrow(9000), "nothing has come").toBe(false);
  narrow.packets(9000, 20, 200);
  expect(narrow.isNarrow(9500)).toBe(false);
  expect(narrow.isNarrow(10_200)).toBe(true);
});
