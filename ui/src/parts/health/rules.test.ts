import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { meant, RULES, usual } from "./rules";

/** "32 to 1,000,000; default 1000", from what the hub says of each field. */
function said(): { key: string; least: number; most: number; usual: number }[] {
  const text = readFileSync(new URL("../../hub/generated/Supervision.ts", import.meta.url), "utf8");
  const gap = "[\\s*]+";
  const number = "([\\d,]+)";
  const limits = `${number}(?:${gap}\\([^)]*\\))?${gap}to${gap}${number};${gap}default${gap}${number}\\.`;
  const pattern = new RegExp(`${limits}(?:(?!\\*/)[^])*\\*/\\s*(\\w+): number`, "g");
  return [...text.matchAll(pattern)].map(([, least, most, value, key]) => {
    const read = (digits = ""): number => Number(digits.replaceAll(",", ""));
    return { key: key ?? "", least: read(least), most: read(most), usual: read(value) };
  });
}

it("has every number of the hub, with its limits and its default", () => {
  const known = RULES.map(({ key, least, most, usual: value }) => ({ key, least, most, usual: value }));
  const byKey = (a: { key: string }, b: { key: string }): number => a.key.localeCompare(b.key);
  expect(said().length, "the generated file is read").toBe(17);
  expect(known.sort(byKey)).toEqual(said().sort(byKey));
});

it("sends the usual number for a field that is left empty", () => {
  expect(meant({ ...usual(), pause_seconds: null, max_restarts: 9 })).toEqual({
    ...usual(),
    max_restarts: 9,
  });
});
