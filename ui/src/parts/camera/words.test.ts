import { expect, it } from "vitest";
import { hostOf, opening } from "./words";

it.each([
  ["rtsp://192.0.2.7:554/stream1", "192.0.2.7"],
  ["rtsp://user:p%40ss@garden.local/live", "garden.local"],
  ["rtsp://[2001:db8::7]:554/x", "[2001:db8::7]"],
  ["garden", ""],
])("takes the name from %s", (url, host) => {
  expect(hostOf(url), "and never the password").toBe(host);
});

it("says since when there is no picture once, with the hub's own time", () => {
  expect(opening("St. Mary: no picture since 20:14. 192.0.2.7 does not answer.", "St. Mary")).toEqual({
    title: "St. Mary: no picture since 20:14",
    rest: "192.0.2.7 does not answer.",
  });
  expect(opening("Recording is stopped.", "St. Mary"), "another sentence is left as it is").toBeNull();
});
