import { describe, expect, it } from "vitest";
import { groundAt, merge, neighbour, wanted } from "./plan";
import type { PastFile, PastPart } from "./playlist";

const file: PastFile = { startUtcMs: 0, mime: "", initUri: "", initRange: { offset: 0, length: 1 } };

/** `"0-4 4-8 20-24"`: parts in seconds. */
function parts(script: string): PastPart[] {
  return script.split(" ").map((word) => {
    const [start = 0, end = 0] = word.split("-").map(Number);
    const range = { offset: start, length: end - start };
    return { key: String(start), file, startUtcMs: start * 1000, endUtcMs: end * 1000, uri: "", range };
  });
}

const keys = (list: readonly PastPart[]): string => list.map((part) => part.key).join(" ");

describe("ground under the playhead", () => {
  const list = parts("0-4 4-8 20-24");
  it.each([
    [3000, "footage", "inside a part"],
    [4000, "footage", "a part's end is not in it"],
    [9000, "gap", "between"],
    [19_800, "footage", "a seam is not a gap"],
    [24_000, "end", "behind everything"],
  ])("at %i is %s: %s", (ms, kind) => {
    expect(groundAt(list, ms).kind).toBe(kind);
  });

  it("says where footage goes on, or where it ended", () => {
    expect(groundAt(list, 9000)).toEqual({ kind: "gap", nextUtcMs: 20_000 });
    expect(groundAt(list, 30_000)).toEqual({ kind: "end", lastUtcMs: 24_000 });
    expect(groundAt([], 0)).toEqual({ kind: "end", lastUtcMs: null });
  });
});

describe("what to fetch", () => {
  const list = parts("0-4 4-8 8-12 20-24");
  it("is the nearest that is missing, no further than the reach", () => {
    expect(keys(wanted(list, 5000, 12_000, () => false, 9))).toBe("4 8");
    expect(keys(wanted(list, 5000, 15_000, (part) => part.key === "4", 9))).toBe("8 20");
    expect(keys(wanted(list, 5000, 15_000, () => false, 1))).toBe("4");
  });
});

it("takes a grown part for its former self", () => {
  const merged = merge(parts("0-4 4-6"), parts("4-8 8-12"));
  expect(merged.map((part) => part.endUtcMs / 1000)).toEqual([4, 8, 12]);
});

describe("stepping", () => {
  const pictures = [0, 40, 80, 200, 240];
  it.each([
    [40, 1, 80, "on"],
    [40, -1, 0, "back"],
    [80, 1, 200, "over a missing picture"],
    [40.3, 1, 80, "times are rounded"],
    [39.7, -1, 0, "rounded the other way"],
    [240, 1, null, "beyond what is known"],
    [0, -1, null, "before what is known"],
  ] as const)("from %f by %i is %s: %s", (...[from, direction, to]) => {
    expect(neighbour(pictures, from, direction)).toBe(to);
  });
});
