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

it("does not wait for ever at a line that died while the hub waited for the camera", () => {
  const watch = new Watch();
  watch.handle(base);
  watch.handle({ ...base, isWaiting: true });
  expect(watch.handle({ ...base, isWaiting: true, nowMs: 29_900 })).toBe("fine");
  expect(watch.handle({ ...base, isWaiting: true, nowMs: 30_000 })).toBe("reconnect");
  expect(watch.handle({ ...base, isWaiting: true, nowMs: 31_000 }), "once").toBe("fine");
});

it("gives pictures their time when the hub has stopped waiting", () => {
  const watch = new Watch();
  watch.handle(base);
  watch.handle({ ...base, isWaiting: true, nowMs: 1000 });
  watch.handle({ ...base, isWaiting: true, nowMs: 19_950 });
  expect(watch.handle({ ...base, nowMs: 20_000 }), "it was no fault of the line").toBe("fine");
  expect(watch.handle({ ...base, nowMs: 24_900 })).toBe("fine");
  expect(watch.handle({ ...base, nowMs: 25_000 })).toBe("reconnect");
});

it.each([
  ["the window is hidden", { isHidden: true }],
  ["there is no connection yet", { isConnected: false }],
])("does nothing while %s", (_why, excuse) => {
  const watch = new Watch();
  watch.handle(base);
  expect(watch.handle({ ...base, ...excuse, nowMs: 60_000 })).toBe("fine");
  expect(watch.handle({ ...base, nowMs: 64_000 }), "and the clock starts afresh").toBe("fine");
});
