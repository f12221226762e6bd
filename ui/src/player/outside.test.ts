import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { comeIn, goOut, handOver, isUnseen } from "./outside";

/** A document whose window shows what it is asked to when `settle` is called. */
let asked: (() => void)[] = [];
const page = {
  hidden: false,
  pictureInPictureElement: null as unknown,
  exitPictureInPicture: (): Promise<void> => {
    page.pictureInPictureElement = null;
    return Promise.resolve();
  },
};

function video(isRefused = false): HTMLVideoElement {
  const one = {
    requestPictureInPicture: () =>
      new Promise<void>((resolve, reject) => {
        asked.push(() => {
          if (isRefused) {
            reject(new Error("refused"));
            return;
          }
          page.pictureInPictureElement = one;
          resolve();
        });
      }),
  };
  return one as unknown as HTMLVideoElement;
}

async function settle(): Promise<void> {
  asked.shift()?.();
  await new Promise((resolve) => setTimeout(resolve));
}

beforeEach(() => {
  asked = [];
  page.hidden = false;
  page.pictureInPictureElement = null;
  vi.stubGlobal("document", page);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

it("ends at once what is not in the window", () => {
  const end = vi.fn();
  handOver(video(), () => video(), end);
  handOver(null, () => video(), end);
  expect(end).toHaveBeenCalledTimes(2);
  expect(asked).toEqual([]);
});

it("ends what is in the window when that shows the next", async () => {
  const [old, next, end] = [video(), video(), vi.fn()];
  page.pictureInPictureElement = old;
  handOver(old, () => next, end);
  expect(end).not.toHaveBeenCalled();
  await settle();
  expect(end).toHaveBeenCalledOnce();
  expect(page.pictureInPictureElement).toBe(next);
});

it("ends it at once where nothing follows, and all the same where the next is refused", async () => {
  const [old, end] = [video(), vi.fn()];
  page.pictureInPictureElement = old;
  handOver(old, () => null, end);
  expect(end).toHaveBeenCalledOnce();
  handOver(old, () => video(true), end);
  await settle();
  expect(end).toHaveBeenCalledTimes(2);
});

it("does not end what the window is about to show", async () => {
  const [old, next, end] = [video(), video(), vi.fn()];
  const opened = goOut(old);
  handOver(old, () => next, end);
  expect(end).not.toHaveBeenCalled();
  await settle();
  await opened;
  expect(end).not.toHaveBeenCalled();
  await settle();
  expect(end).toHaveBeenCalledOnce();
  expect(page.pictureInPictureElement).toBe(next);
});

it("goes on through two changes in quick succession", async () => {
  const [first, second, third] = [video(), video(), video()];
  const ended: string[] = [];
  page.pictureInPictureElement = first;
  handOver(
    first,
    () => second,
    () => ended.push("first"),
  );
  handOver(
    second,
    () => third,
    () => ended.push("second"),
  );
  await settle();
  expect(ended).toEqual(["first"]);
  await settle();
  expect(ended).toEqual(["first", "second"]);
  expect(page.pictureInPictureElement).toBe(third);
});

it("is unseen behind other windows, unless it has one of its own", () => {
  const one = video();
  expect(isUnseen(one)).toBe(false);
  page.hidden = true;
  expect(isUnseen(one)).toBe(true);
  page.pictureInPictureElement = one;
  expect(isUnseen(one)).toBe(false);
  comeIn(video());
  expect(isUnseen(one), "another one closes nothing").toBe(false);
  comeIn(one);
  expect(isUnseen(one)).toBe(true);
});
