import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Session } from "./generated/Session";
import { Renewal, renewAfterMs } from "./renewal";

function session(lifeMs: number, token: string): Session {
  return {
    id: "0",
    subject: "test",
    role: "viewer",
    cameras: null,
    streams: null,
    rights: null,
    issued_utc_ms: 5_000_000,
    expires_utc_ms: 5_000_000 + lifeMs,
    token,
    rtsp_login: null,
  };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

it("renews at half of a token's life, by whatever clock", () => {
  expect(renewAfterMs(session(300_000, ""))).toBe(150_000);
  expect(renewAfterMs(session(0, ""))).toBe(500);
  expect(renewAfterMs(session(1e13, ""))).toBe(2_000_000_000);
});

it("hands over each later token in time, and none after its end", async () => {
  const handed: string[] = [];
  let asked = 0;
  const renewal = new Renewal({
    ask: () => Promise.resolve(session(60_000, `token ${++asked}`)),
    handOver: (token) => void handed.push(token),
  });
  renewal.start(session(10_000, "token 0"));
  await vi.advanceTimersByTimeAsync(4_900);
  expect(handed).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  expect(handed).toEqual(["token 1"]);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(handed).toEqual(["token 1", "token 2"]);
  renewal.stop();
  await vi.advanceTimersByTimeAsync(300_000);
  expect(handed).toEqual(["token 1", "token 2"]);
});

it("tries again soon when the hub does not answer", async () => {
  const handed: string[] = [];
  let asked = 0;
  const renewal = new Renewal({
    ask: () => (++asked < 3 ? Promise.reject(new Error("away")) : Promise.resolve(session(60_000, "late"))),
    handOver: (token) => void handed.push(token),
  });
  renewal.start(session(40_000, "first"));
  await vi.advanceTimersByTimeAsync(20_000 + 2 * 5000 + 100);
  expect(handed).toEqual(["late"]);
  renewal.stop();
});
