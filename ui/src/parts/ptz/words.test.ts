import { expect, test } from "vitest";
import { whatItCan } from "./words";

test("what a camera can is a sentence", () => {
  const preset = { token: "1", name: "Gate" };
  const all = { pan_tilt: true, zoom: true, presets: [preset, { ...preset, token: "2" }] };
  expect(whatItCan(all)).toBe("This camera turns, zooms, remembers 2 positions.");
  expect(whatItCan({ pan_tilt: false, zoom: true, presets: [] })).toBe("This camera zooms.");
  expect(whatItCan({ ...all, zoom: false, presets: [preset] })).toBe(
    "This camera turns, remembers 1 position.",
  );
});
