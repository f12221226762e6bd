import { expect, it } from "vitest";
import { camerasIn, end, streamsIn, whatFor } from "./words";

const all = { role: "viewer", rights: null, cameras: null, streams: null } as const;

it("says what a token opens", () => {
  expect(whatFor(all)).toBe("These pages, to look");
  expect(whatFor({ ...all, role: "admin" })).toBe("Everything, as an administrator");
  expect(whatFor({ ...all, role: "admin", cameras: ["garden"] }), "that is none").toBe(
    "These pages, to look",
  );
  expect(whatFor({ ...all, rights: ["live"] })).toBe("Live pictures");
  expect(whatFor({ ...all, rights: ["live", "playback"] })).toBe("Live pictures and footage");
});

it("names a few cameras and counts the others", () => {
  const nameOf = (id: string): string => id.toUpperCase();
  expect(camerasIn(null, nameOf)).toBe("All cameras");
  expect(camerasIn([], nameOf)).toBe("No camera");
  expect(camerasIn(["a", "b", "c"], nameOf)).toBe("A, B, C");
  expect(camerasIn(["a", "b", "c", "d", "e"], nameOf)).toBe("A, B, C and 2 more");
});

it("names streams only where one is left out", () => {
  expect(streamsIn(null)).toBe("both streams");
  expect(streamsIn(["sub"])).toBe("small stream only");
});

it("tells a far end with its year", () => {
  const nowMs = Date.UTC(2026, 10, 30, 12);
  const at = (days: number): string => end(nowMs + days * 86_400_000, "UTC", "en", nowMs);
  expect(at(0)).toBe("12:00");
  expect(at(7)).toBe("Dec 7 12:00");
  expect(at(3650)).toBe("Thu, Nov 27, 2036");
});
