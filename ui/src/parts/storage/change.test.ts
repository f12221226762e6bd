import { expect, it } from "vitest";
import type { Tier } from "../../hub/generated/Tier";
import { changeable, changeOf, isSound, typedOf } from "./change";

const place = (kind: string, root: string, name = root): Tier => ({
  id: "t",
  kind,
  root,
  is_writable: true,
  disk_total_bytes: 1e12,
  disk_available_bytes: 5e11,
  footage_bytes: 0,
  segments: 0,
  bytes_per_day: 0,
  days_left: null,
  name,
  state: "writable",
  away_since_utc_ms: null,
  min_free_bytes: null,
  is_written_to: false,
  incoming: 0,
  last_cleanup: null,
});

it("tells nothing if nothing was changed", () => {
  const disk = place("archive", "/mnt/cellar");
  expect(changeOf(disk, changeable(disk, false), typedOf(disk))).toBeNull();
  const bucket = place("object_store", "s3://house/", "Off site");
  expect(changeOf(bucket, changeable(bucket, false), typedOf(bucket))).toBeNull();
});

it("tells a new name alone, and takes one away", () => {
  const disk = place("archive", "/mnt/cellar", "Cellar");
  const typed = typedOf(disk);
  expect(changeOf(disk, ["path"], { ...typed, name: " Attic " })).toEqual({
    name: "Attic",
    path: null,
    key: null,
  });
  expect(changeOf(disk, ["path"], { ...typed, name: "" })?.name).toBe("");
});

it("asks for a key only where there is one, and for a folder only where it may be another", () => {
  expect(changeable(place("cache", "/var/lib"), true)).toEqual([]);
  expect(changeable(place("archive", "/mnt/cellar"), false)).toEqual(["path"]);
  expect(changeable(place("object_store", "s3://house/"), false)).toEqual(["keyId", "secret"]);
  expect(changeable(place("object_store", "gs://house/"), false)).toEqual(["secret"]);
  expect(changeable(place("object_store", "az://me/house/"), false)).toEqual(["secret"]);
  expect(changeable(place("object_store", "/mnt/share"), false)).toEqual([]);
});

it("sends a key whole or not at all", () => {
  const bucket = place("object_store", "s3://house/");
  const fields = changeable(bucket, false);
  const half = { ...typedOf(bucket), secret: "b" };
  expect(isSound(fields, typedOf(bucket))).toBe(true);
  expect(isSound(fields, half)).toBe(false);
  const whole = { ...half, keyId: " a " };
  expect(isSound(fields, whole)).toBe(true);
  expect(changeOf(bucket, fields, whole)?.key).toEqual({ id: "a", secret: "b" });
});
