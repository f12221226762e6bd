import { expect, it } from "vitest";
import type { ProblemCode } from "../hub/generated/ProblemCode";
import { isConverted, rungInsteadOf } from "./rung";

const problem = (code: ProblemCode) => ({ code, message: "", hint: "" });

it("asks for a conversion where the codec is what is wrong", () => {
  expect(rungInsteadOf("main", problem("not_playable"))).toBe("720p");
  expect(rungInsteadOf("sub", problem("not_playable")), "a tile needs no more").toBe("360p");
  expect(rungInsteadOf("main", null), "the browser itself refused").toBe("720p");
});

it("asks for none where that would not help", () => {
  expect(rungInsteadOf("main", problem("forbidden"))).toBeNull();
  expect(rungInsteadOf("main", problem("not_found"))).toBeNull();
});

it("tells what is converted", () => {
  expect(isConverted("main") || isConverted("sub")).toBe(false);
  expect(isConverted("720p") && isConverted("360p")).toBe(true);
});
