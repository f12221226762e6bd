import { expect, it } from "vitest";
import { Watch, type WatchInput } from "./watch";

const base: WatchInput = {
  nowMs: 0,
  pictures: 1,
  bytes: 1,
  isWaiting: false,
  isConnected: true,
  isHidden: false,
};

it("rebuilds when bytes come and pictures do not", () => {
  const watch = new Watch();
  watch.handle(base);
  expect(watch.handle({ ...base, nowMs: 4900, bytes: 2 })).toBe("fine");
  expect(watch.handle({ ...base, nowMs: 5000, bytes: 3 })).toBe("rebuild");
  expect(watch.handle({ ...base, nowMs: 5100, bytes: 4 }), "once, then it gets its time").toBe("fine");
});

it("reconnects when nothing comes at all", () => {
  const watch = new Watch();
  watch.handle(base);
  expect(watch.handle({ ...base, nowMs: 5000 })).toBe("reconnect");
});

it.each([
  ["the hub said that it waits for the camera", { isWaiting: true }],
  ["the window is hidden", { isHidden: true }],
  ["there is no connection yet", { isConnected: false }],
])("does nothing while %s", (_why, excuse) => {
  const watch = new Watch();
  watch.handle(base);
  expect(watch.handle({ ...base, ...excuse, nowMs: 60_000 })).toBe("fine");
  expect(watch.handle({ ...base, nowMs: 64_000 }), "and the clock starts afresh").toBe("fine");
});
