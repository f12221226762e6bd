import { expect, it } from "vitest";
import { Choose, type Choice, type Happening } from "./choose";

const rtc: Happening = { kind: "picture", way: "webrtc" };
const mse: Happening = { kind: "picture", way: "mse" };
const lost: Happening = { kind: "lost", why: "over" };
const never: Happening = { kind: "lost", why: "final" };
const narrow: Happening = { kind: "lost", why: "narrow" };
const less: Happening = { kind: "level", isBest: false };
const best: Happening = { kind: "level", isBest: true };
const other: Happening = { kind: "other" };
const noMse: Happening = { kind: "noMse" };
const tick: Happening = { kind: "tick" };

/** What is on after each step, the shown one in capitals. */
function run(steps: readonly (readonly [number, Happening])[], canRtc = true): string[] {
  const choose = new Choose(0, canRtc);
  return [choose.choice, ...steps.map(([nowMs, happening]) => choose.handle(nowMs, happening))].map(words);
}

function words({ webrtc, mse, shown }: Choice): string {
  const name = (way: string, isOn: boolean) => (isOn ? [way === shown ? way.toUpperCase() : way] : []);
  return [...name("webrtc", webrtc), ...name("mse", mse)].join("+");
}

it("shows the first picture, and keeps WebRTC if its own comes soon", () => {
  expect(
    run([
      [150, mse],
      [400, rtc],
    ]),
  ).toEqual(["webrtc+MSE", "webrtc+MSE", "WEBRTC"]);
  expect(run([[150, rtc]]), "or first").toEqual(["webrtc+MSE", "WEBRTC"]);
});

it("keeps MSE if WebRTC is late, and tries again beside it", () => {
  expect(
    run([
      [150, mse],
      [3100, tick],
      [3200, tick],
      [5100, tick],
      [5300, tick],
      [5700, rtc],
    ]),
  ).toEqual(["webrtc+MSE", "webrtc+MSE", "webrtc+MSE", "MSE", "MSE", "webrtc+MSE", "WEBRTC"]);
});

it("goes back to MSE by itself, and waits longer after each failure", () => {
  const choose = new Choose(0, true);
  choose.handle(100, mse);
  const waits: number[] = [];
  let nowMs = 100;
  for (let failure = 0; failure < 7; failure += 1) {
    choose.handle(nowMs, lost);
    expect(words(choose.choice)).toBe("MSE");
    const sinceMs = nowMs;
    while (!choose.choice.webrtc) choose.handle((nowMs += 500), tick);
    waits.push(nowMs - sinceMs);
  }
  expect(waits).toEqual([2000, 8000, 32_000, 128_000, 300_000, 300_000, 300_000]);
});

it("a killed hub costs one way no trust: WebRTC sets out with the first picture that is there again", () => {
  expect(
    run([
      [200, rtc],
      [60_000, lost],
      [61_000, tick],
      [70_000, mse],
      [70_100, tick],
      [70_300, rtc],
    ]),
  ).toEqual(["webrtc+MSE", "WEBRTC", "mse", "mse", "MSE", "webrtc+MSE", "WEBRTC"]);
});

it("does not ask again for what cannot be", () => {
  expect(
    run([
      [100, mse],
      [200, never],
      [999_999, tick],
    ]),
  ).toEqual(["webrtc+MSE", "webrtc+MSE", "MSE", "MSE"]);
  expect(run([[999_999, tick]], false), "nor where there is no WebRTC").toEqual(["MSE", "MSE"]);
});

it("does without MSE where there is none", () => {
  expect(
    run([
      [10, noMse],
      [2000, tick],
      [8100, tick],
      [10_200, tick],
      [10_500, rtc],
      [99_000, lost],
      [99_100, tick],
    ]),
  ).toEqual(["webrtc+MSE", "webrtc", "webrtc", "", "webrtc", "WEBRTC", "", "WEBRTC"]);
});

it("a camera that is away is left to MSE, which is told why", () => {
  expect(
    run([
      [50, lost],
      [60_000, tick],
      [90_000, mse],
      [90_100, tick],
    ]),
  ).toEqual(["webrtc+MSE", "MSE", "MSE", "MSE", "webrtc+MSE"]);
});

it("on a narrow connection leaves MSE alone, until that has shown the best again for a while", () => {
  const steps: [number, Happening][] = [
    [150, rtc],
    [20_000, narrow],
    [20_800, mse],
    [20_800, less],
    [60_000, tick],
    [61_000, best],
    [70_900, tick],
    [71_000, tick],
    [71_300, rtc],
  ];
  const after = ["MSE", "MSE", "MSE", "MSE", "MSE", "MSE", "webrtc+MSE", "WEBRTC"];
  expect(run(steps)).toEqual(["webrtc+MSE", "WEBRTC", ...after.map((it, i) => (i === 0 ? "mse" : it))]);
});

it("gives WebRTC up that has brought nothing when MSE must show less", () => {
  expect(
    run([
      [400, mse],
      [700, less],
    ]),
  ).toEqual(["webrtc+MSE", "webrtc+MSE", "MSE"]);
});

it("begins by MSE alone where the connection is known to be narrow", () => {
  const choose = new Choose(0, true, "narrow");
  const shown = ([nowMs, happening]: readonly [number, Happening]) => words(choose.handle(nowMs, happening));
  expect(words(choose.choice)).toBe("MSE");
  expect(
    (
      [
        [300, mse],
        [9000, tick],
        [9100, best],
        [19_100, tick],
      ] as const
    ).map(shown),
  ).toEqual(["MSE", "MSE", "MSE", "webrtc+MSE"]);
});

it("tries WebRTC at once for another stream, though it cannot do this one", () => {
  expect(
    run([
      [100, never],
      [200, mse],
      [50_000, tick],
      [50_100, other],
      [50_200, tick],
      [50_400, rtc],
    ]),
  ).toEqual(["webrtc+MSE", "MSE", "MSE", "MSE", "MSE", "webrtc+MSE", "WEBRTC"]);
});
