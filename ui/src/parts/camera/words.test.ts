import { expect, it } from "vitest";
import { hostOf } from "./words";

it.each([
  ["rtsp://192.0.2.7:554/stream1", "192.0.2.7"],
  ["rtsp://user:p%40ss@garden.local/live", "garden.local"],
  ["rtsp://[2001:db8::7]:554/x", "[2001:db8::7]"],
  ["garden", ""],
])("takes the name from %s", (url, host) => {
  expect(hostOf(url), "and never the password").toBe(host);
});
