import { expect, it } from "vitest";
import { snapshotName } from "./snapshot";

const AT = Date.UTC(2026, 10, 30, 20, 15, 7);

it("names a picture by camera and time, where the cameras are", () => {
  expect(snapshotName("Front door", AT, "UTC")).toBe("Front door 2026-11-30 20-15-07.jpg");
  expect(snapshotName("Einfahrt", AT, "Asia/Tokyo")).toBe("Einfahrt 2026-12-01 05-15-07.jpg");
});

it("leaves out what file systems refuse", () => {
  expect(snapshotName('../a\\b:c*?"<>|\n', AT, "UTC")).toBe("-a-b-c------- 2026-11-30 20-15-07.jpg");
});
