import { expect, it } from "vitest";
import { isStale, spansFor, windowFor } from "./window";

const view = { startMs: 1_000_000, endMs: 1_003_000 };

it("asks for the same while the view moves a little", () => {
  const moved = { startMs: view.startMs + 50, endMs: view.endMs + 50 };
  expect(windowFor(moved)).toEqual(windowFor(view));
  const window = windowFor(view);
  expect(window.startMs).toBeLessThanOrEqual(view.startMs);
  expect(window.endMs).toBeGreaterThanOrEqual(view.endMs);
});

it("asks again near now, and rarely far from it", () => {
  const fetched = { ...windowFor(view), atMs: 1_010_000 };
  expect(isStale(undefined, view, 0)).toBe(true);
  expect(isStale(fetched, view, 1_014_000), "footage is still being added").toBe(true);
  const later = { ...fetched, atMs: 9_000_000 };
  expect(isStale(later, view, 9_014_000)).toBe(false);
  expect(isStale(later, view, 9_031_000), "rules delete footage, too").toBe(true);
});

it("asks for no more spans than can be told apart", () => {
  expect(spansFor(view, 1000)).toBeLessThanOrEqual(4000);
  expect(spansFor(view, 10)).toBe(200);
});
