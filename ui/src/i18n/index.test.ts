import { describe, expect, it } from "vitest";
import { en, PARTS } from "./en";
import { t } from "./index";

/** The pages' code, without the words themselves. */
const sources = Object.entries(
  import.meta.glob<string>("../**/*.{ts,svelte}", { query: "?raw", import: "default", eager: true }),
)
  .filter(([path]) => !path.startsWith("./") && !path.endsWith(".test.ts"))
  .map(([, text]) => text);

/** `"storage.title"` as it is, and `storage.limit.${row.limit}` as what it may become. */
function isSaid(key: string): boolean {
  return spoken.has(key) || patterns.some((pattern) => pattern.test(key));
}

const code = sources.join("\n");
const spoken = new Set([...code.matchAll(/"([\w-]+(?:\.[\w-]+)+)"/g)].map(([, key]) => key));
const patterns = [...code.matchAll(/`([\w-]+\.[\w.-]*\$\{[^`]*)`/g)].map(([, template = ""]) => {
  const pieces = template.split(/\$\{[^}]*\}/).map((piece) => piece.replaceAll(".", "\\."));
  return new RegExp(`^${pieces.join("[\\w-]+")}$`);
});

describe("the words", () => {
  it("stand in one part each", () => {
    const all = Object.values(PARTS).flatMap((part) => Object.keys(part));
    expect(all.filter((key, index) => all.indexOf(key) !== index)).toEqual([]);
    expect(all.sort()).toEqual(Object.keys(en).sort());
  });

  it("are all said somewhere", () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(Object.keys(en).filter((key) => !isSaid(key))).toEqual([]);
  });

  it("are filled in", () => {
    expect(t("banner.unreachable", { time: "20:14" })).toContain("since 20:14.");
    // @ts-expect-error the time is missing
    expect(t("banner.unreachable")).toContain("{time}");
    // @ts-expect-error there is no such word
    expect(() => t("banner.nothing")).toThrow();
  });
});
