import { expect, it } from "vitest";
import { Silence } from "./silence";

it("bears sound that comes in pieces", () => {
  const silence = new Silence();
  silence.begin(0);
  for (let at = 0; at < 10; at += 0.5) {
    silence.sound(at);
    for (let picture = 0; picture < 0.5; picture += 0.04) silence.picture(at + picture);
    expect(silence.isSilent(at * 1000)).toBe(false);
  }
});

it("notices sound that stops, and sound that falls behind", () => {
  const silence = new Silence();
  silence.begin(0);
  silence.sound(5);
  silence.picture(5.9);
  expect(silence.isSilent(5900)).toBe(false);
  silence.picture(6.1);
  expect(silence.isSilent(6100)).toBe(true);
});

it("holds pictures that stand still against nobody", () => {
  const silence = new Silence();
  silence.begin(0);
  silence.picture(1);
  silence.sound(1);
  expect(silence.isSilent(60_000)).toBe(false);
});

it("notices sound that never begins, in each run anew", () => {
  const silence = new Silence();
  silence.begin(0);
  silence.picture(1.9);
  expect(silence.isSilent(1900)).toBe(false);
  expect(silence.isSilent(2100)).toBe(true);
  silence.begin(10_000);
  expect(silence.isSilent(11_000)).toBe(false);
  silence.sound(0.1);
  silence.picture(0.2);
  expect(silence.isSilent(13_000), "the old run's pictures do not count").toBe(false);
});
