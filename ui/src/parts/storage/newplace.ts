/** Brain: what is typed about a new place for footage, and what is made of it for the hub. */

import type { BucketKey } from "../../hub/generated/BucketKey";
import type { BucketPlace } from "../../hub/generated/BucketPlace";
import type { NewTier } from "../../hub/generated/NewTier";
import type { TierPurpose } from "../../hub/generated/TierPurpose";

export const KINDS = ["folder", "s3", "gcs", "azure", "share"] as const;
export type PlaceKind = (typeof KINDS)[number];

/** The fields of a kind, in the order in which they are asked for. */
export const FIELDS = {
  folder: ["path"],
  s3: ["bucket", "endpoint", "region", "prefix", "keyId", "secret"],
  gcs: ["bucket", "prefix", "secret"],
  azure: ["account", "bucket", "prefix", "secret"],
  share: ["path"],
} as const satisfies Readonly<Record<PlaceKind, readonly PlaceField[]>>;

export type PlaceField =
  "path" | "bucket" | "endpoint" | "region" | "prefix" | "account" | "keyId" | "secret";

/** Without these it cannot be found. */
const NEEDED: readonly PlaceField[] = ["path", "bucket", "account"];

export type PlaceTyped = Readonly<Record<PlaceField | "name", string>>;

export const NOTHING: PlaceTyped = {
  name: "",
  path: "",
  bucket: "",
  endpoint: "",
  region: "",
  prefix: "",
  account: "",
  keyId: "",
  secret: "",
};

export function isNeeded(field: PlaceField): boolean {
  return NEEDED.includes(field);
}

export function isFilled(kind: PlaceKind, typed: PlaceTyped): boolean {
  return FIELDS[kind].every((field) => !isNeeded(field) || typed[field].trim() !== "");
}

export function newTier(kind: PlaceKind, purpose: TierPurpose, typed: PlaceTyped): NewTier {
  const said = (field: keyof PlaceTyped): string | null => typed[field].trim() || null;
  const name = said("name");
  if (kind === "folder") return { kind: "folder", path: typed.path.trim(), name, purpose };
  return { kind: "bucket", place: placeOf(kind, said), key: keyOf(kind, said), name };
}

function placeOf(
  kind: Exclude<PlaceKind, "folder">,
  said: (field: PlaceField) => string | null,
): BucketPlace {
  const prefix = said("prefix");
  const bucket = said("bucket") ?? "";
  switch (kind) {
    case "s3":
      return { kind: "s3", bucket, region: said("region"), endpoint: said("endpoint"), prefix };
    case "gcs":
      return { kind: "gcs", bucket, prefix };
    case "azure":
      return { kind: "azure", account: said("account") ?? "", container: bucket, prefix };
    case "share":
      return { kind: "folder", path: said("path") ?? "" };
  }
}

function keyOf(kind: PlaceKind, said: (field: PlaceField) => string | null): BucketKey | null {
  const secret = said("secret");
  if (secret === null || kind === "share") return null;
  return { id: kind === "s3" ? said("keyId") : null, secret };
}
