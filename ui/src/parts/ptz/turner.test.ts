import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Turner, type Speed } from "./turner";

const LEFT: Speed = { pan: -1, tilt: 0, zoom: 0 };
const UP: Speed = { pan: 0, tilt: 1, zoom: 0 };

let said: string[];
let problems: unknown[];
let answer: (() => Promise<unknown>) | null;
let turner: Turner;

beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  problems = [];
  answer = null;
  turner = new Turner({
    move: ({ pan, tilt }) => {
      said.push(`${pan} ${tilt}`);
      return answer?.() ?? Promise.resolve();
    },
    stop: () => {
      said.push("stop");
      return Promise.resolve();
    },
    goTo: (preset) => {
      said.push(`to ${preset}`);
      return Promise.resolve();
    },
    onproblem: (error) => problems.push(error),
  });
});

afterEach(() => {
  vi.useRealTimers();
});

test("what is held is said again, faster after a while, and once let go it stops", async () => {
  turner.press("left", LEFT);
  turner.press("left", LEFT);
  await vi.advanceTimersByTimeAsync(1700);
  turner.release("left");
  await vi.advanceTimersByTimeAsync(5000);
  expect(said).toEqual(["-0.35 0", "-0.35 0", "-0.35 0", "-0.35 0", "-1 0", "stop"]);
  turner.release("left");
  expect(said.length, "what is not held cannot be let go").toBe(6);
});

test("two that are held are a slant", async () => {
  turner.press("left", LEFT);
  await vi.advanceTimersByTimeAsync(10);
  turner.press("up", UP);
  await vi.advanceTimersByTimeAsync(270);
  turner.release("left");
  await vi.advanceTimersByTimeAsync(10);
  turner.releaseAll();
  expect(said).toEqual(["-0.35 0", "-0.35 0.35", "0 0.35", "stop"]);
});

test("a slow hub is not asked twice at once, and a stop does not wait for it", async () => {
  let answered = (): void => undefined;
  answer = () => new Promise<void>((resolve) => (answered = resolve));
  turner.press("left", LEFT);
  await vi.advanceTimersByTimeAsync(1000);
  expect(said).toEqual(["-0.35 0"]);
  answered();
  await vi.advanceTimersByTimeAsync(0);
  expect(said.length, "then with what is held by now").toBe(2);
  turner.release("left");
  expect(said.at(-1)).toBe("stop");
  answered();
  await vi.advanceTimersByTimeAsync(5000);
  expect(said.at(-1)).toBe("stop");
});

test("what goes wrong is told, and that it goes well again", async () => {
  answer = () => Promise.reject(new Error("no"));
  turner.press("left", LEFT);
  turner.release("left");
  await vi.advanceTimersByTimeAsync(300);
  expect(said.at(-1)).toBe("stop");
  expect(problems, "standing still mends nothing").toEqual([new Error("no")]);
  answer = null;
  turner.press("left", LEFT);
  await vi.advanceTimersByTimeAsync(0);
  expect(problems).toEqual([new Error("no"), null]);
});

test("a press that is shorter than the way to the camera turns it all the same", async () => {
  turner.press("left", LEFT);
  turner.release("left");
  await vi.advanceTimersByTimeAsync(249);
  expect(said).toEqual(["-0.35 0"]);
  await vi.advanceTimersByTimeAsync(1);
  expect(said).toEqual(["-0.35 0", "stop"]);
});

test("pressed again before that it turns on, and who leaves stops it at once", async () => {
  turner.press("left", LEFT);
  turner.release("left");
  await vi.advanceTimersByTimeAsync(100);
  turner.press("left", LEFT);
  await vi.advanceTimersByTimeAsync(250);
  expect(said).toEqual(["-0.35 0"]);
  turner.press("up", UP);
  turner.release("up");
  turner.releaseAll();
  expect(said.at(-1)).toBe("stop");
  await vi.advanceTimersByTimeAsync(5000);
  expect(said.at(-1)).toBe("stop");
});
