import { expect, it } from "vitest";
import { isConverted } from "./rung";

it("tells what is converted", () => {
  expect(isConverted("main") || isConverted("sub")).toBe(false);
  expect(isConverted("720p") && isConverted("360p")).toBe(true);
});
