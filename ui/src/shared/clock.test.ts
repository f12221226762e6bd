import { expect, it } from "vitest";
import { readClock } from "./clock";

it.each([
  ["07:30", "07:30"],
  ["7:30", "07:30"],
  ["0730", "07:30"],
  ["730", "07:30"],
  ["7", "07:00"],
  [" 19.05 ", "19:05"],
  ["24:00", "24:00"],
  ["24:01", null],
  ["12:60", null],
  ["25", null],
  ["", null],
  ["noon", null],
])("reads %j as %j", (text, time) => {
  expect(readClock(text)).toBe(time);
});
