import { expect, it } from "vitest";
import { plainKey } from "./keys";

const none = { ctrlKey: false, metaKey: false, altKey: false };

it("takes letters as they are, capital or not", () => {
  expect(plainKey({ ...none, key: "m" })).toBe("m");
  expect(plainKey({ ...none, key: "M" })).toBe("m");
  expect(plainKey({ ...none, key: "ArrowLeft" })).toBe("ArrowLeft");
});

it("leaves the browser its own", () => {
  expect(plainKey({ ...none, key: "s", ctrlKey: true })).toBeNull();
  expect(plainKey({ ...none, key: "s", metaKey: true })).toBeNull();
  expect(plainKey({ ...none, key: "ArrowLeft", altKey: true })).toBeNull();
});
