import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("tokens.css", import.meta.url), "utf8");

type Colours = Readonly<Record<string, string>>;

const blocks = [...css.matchAll(/:root[^{]*\{([^{}]*)\}/g)].map(([, body = ""]): Colours =>
  Object.fromEntries([...body.matchAll(/--([\w-]+): ([^;]+);/g)].map(([, name, value]) => [name, value])),
);
const [dark = {}, system = {}, chosen = {}] = blocks;
const THEMES = { dark, light: { ...dark, ...system } };
const GROUNDS = ["ground", "surface", "raised"];

/** WCAG 2.2, relative luminance. */
function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dim = 0, bright = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dim + 0.05);
}

/** Pairs that cannot be told apart well enough. */
function weak(colours: Colours, names: readonly string[], on: readonly string[], least: number): string[] {
  const pairs = names.flatMap((name) => on.map((ground) => [name, ground] as const));
  return pairs
    .map(([name, ground]) => ({
      pair: `${name} on ${ground}`,
      is: contrast(colours[name] ?? "", colours[ground] ?? ""),
    }))
    .filter(({ is }) => !(is >= least))
    .map(({ pair, is }) => `${pair}: ${is.toFixed(2)}`);
}

describe("the colours", () => {
  it("of light are the same, whether the system or somebody chose them", () => {
    expect(Object.keys(system).length).toBeGreaterThan(10);
    expect(chosen).toEqual(system);
  });

  for (const [theme, colours] of Object.entries(THEMES)) {
    it(`of ${theme} can be read`, () => {
      const words = ["text", "text-quiet", "text-faint", "amber-text", "red-text"];
      expect(weak(colours, words, GROUNDS, 4.5)).toEqual([]);
      expect(weak(colours, ["text", "text-quiet", "red-text"], ["hover", "red-ground"], 4.5)).toEqual([]);
      expect(weak({ ...colours, white: "#ffffff" }, ["white"], ["red-fill"], 4.5)).toEqual([]);
    });

    it(`of ${theme} show where something can be typed, and what has the focus`, () => {
      expect(weak(colours, ["control", "focus"], GROUNDS, 3)).toEqual([]);
    });

    it(`of ${theme} tell footage and gaps from what was not recorded`, () => {
      expect(weak(colours, ["footage", "footage-selected", "gap-quiet", "red"], ["raised"], 3)).toEqual([]);
    });
  }
});
