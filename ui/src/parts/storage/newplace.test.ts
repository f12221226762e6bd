import { expect, it } from "vitest";
import { isFilled, newTier, NOTHING } from "./newplace";

it("makes a disk, trimmed and without an empty name", () => {
  expect(newTier("folder", "archive", { ...NOTHING, path: " /mnt/cellar " })).toEqual({
    kind: "folder",
    path: "/mnt/cellar",
    name: null,
    purpose: "archive",
  });
});

it("makes a bucket of what its kind has, and of nothing that was typed for another", () => {
  const typed = {
    ...NOTHING,
    name: "Away",
    path: "/left/over",
    bucket: "house",
    endpoint: "https://nas.local:9000",
    keyId: "me",
    secret: "s3cret",
  };
  expect(newTier("s3", "cache", typed)).toEqual({
    kind: "bucket",
    place: { kind: "s3", bucket: "house", region: null, endpoint: "https://nas.local:9000", prefix: null },
    key: { id: "me", secret: "s3cret" },
    name: "Away",
  });
  expect(newTier("gcs", "cache", typed)).toMatchObject({
    place: { kind: "gcs", bucket: "house", prefix: null },
    key: { id: null, secret: "s3cret" },
  });
  expect(newTier("share", "cache", typed)).toMatchObject({
    place: { kind: "folder", path: "/left/over" },
    key: null,
  });
});

it("knows what cannot be left out", () => {
  expect(isFilled("azure", { ...NOTHING, bucket: "c" })).toBe(false);
  expect(isFilled("azure", { ...NOTHING, bucket: "c", account: "a" })).toBe(true);
  expect(isFilled("folder", { ...NOTHING, path: "  " })).toBe(false);
});
