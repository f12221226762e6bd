import { expect, it } from "vitest";
import { HubError } from "../../hub/request";
import { Attempt } from "./attempt.svelte";

it("tells why something was not done, until it is tried again", async () => {
  const attempt = new Attempt();
  const no = new HubError(409, { code: "bad_request", message: "It is in use.", hint: "Wait." });
  expect(await attempt.run(() => Promise.reject(no))).toBe(false);
  expect(attempt.problem).toMatchObject({ message: "It is in use.", hint: "Wait." });
  expect(attempt.isBusy).toBe(false);
  const second = attempt.run(() => Promise.resolve());
  expect(attempt.problem).toBeNull();
  expect(await second).toBe(true);
});

it("is not asked for twice at a time", async () => {
  const attempt = new Attempt();
  let asked = 0;
  let answer = (): void => undefined;
  const ask = (): Promise<void> => {
    asked += 1;
    return new Promise((resolve) => (answer = resolve));
  };
  const first = attempt.run(ask);
  expect(attempt.isBusy).toBe(true);
  expect(await attempt.run(ask)).toBe(false);
  answer();
  expect(await first).toBe(true);
  expect(asked).toBe(1);
});
