import { expect, it } from "vitest";
import { Hearing } from "./hearing";

/** When it is tried again after a loss at `nowMs`. */
function retriedAfter(hearing: Hearing, nowMs: number): number {
  hearing.lost(nowMs);
  let later = nowMs;
  while (!hearing.isOn) hearing.tick((later += 1000));
  return later - nowMs;
}

it("is heard when it is seen, and off at once", () => {
  const hearing = new Hearing();
  expect(hearing.state).toBe("off");
  hearing.picture(0);
  expect(hearing.state, "a picture that nobody wanted with sound").toBe("off");
  hearing.want(true);
  expect(hearing.state).toBe("coming");
  hearing.picture(300);
  hearing.want(true);
  expect(hearing.state).toBe("on");
  hearing.want(false);
  expect(hearing.state).toBe("off");
});

it("tries lost sound again, ever more rarely, and as at first after a good time", () => {
  const hearing = new Hearing();
  hearing.want(true);
  hearing.picture(0);
  expect([retriedAfter(hearing, 5000), retriedAfter(hearing, 20_000), retriedAfter(hearing, 60_000)]).toEqual(
    [10_000, 30_000, 90_000],
  );
  hearing.picture(200_000);
  expect(retriedAfter(hearing, 270_000)).toBe(10_000);
});

it("gives sound that was heard for a moment no new beginning, and who asks again one", () => {
  const hearing = new Hearing();
  hearing.want(true);
  hearing.picture(0);
  expect(retriedAfter(hearing, 5000)).toBe(10_000);
  hearing.picture(15_000);
  expect(retriedAfter(hearing, 20_000), "five seconds are no good time").toBe(30_000);
  hearing.want(false);
  hearing.want(true);
  expect(retriedAfter(hearing, 60_000)).toBe(10_000);
});

it("tries every five minutes at the least", () => {
  const hearing = new Hearing();
  hearing.want(true);
  let waited = 0;
  for (let loss = 0; loss < 12; loss++) waited = retriedAfter(hearing, loss * 1e6);
  expect(waited).toBe(300_000);
});

it("waits for a click where the browser wants one", () => {
  const hearing = new Hearing();
  hearing.want(true);
  hearing.refused();
  hearing.tick(1e9);
  hearing.lost(1e9);
  expect(hearing.state).toBe("refused");
  hearing.want(false);
  hearing.want(true);
  expect(hearing.state).toBe("coming");
});
