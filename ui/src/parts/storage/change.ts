/** Brain: what is typed about a place that is known, and what of it is told to the hub. */

import type { Tier } from "../../hub/generated/Tier";
import type { TierChange } from "../../hub/generated/TierChange";

export interface ChangeTyped {
  readonly name: string;
  readonly path: string;
  readonly keyId: string;
  readonly secret: string;
}

export type ChangeField = "path" | "keyId" | "secret";

/** The hub tells where a place is if nobody named it. */
export function ownName(tier: Tier): string {
  return tier.name === tier.root ? "" : tier.name;
}

/** What can be changed besides the name. The hub's own folder stays where it is; a folder has no key. */
export function changeable(tier: Tier, isOwn: boolean): readonly ChangeField[] {
  if (tier.kind !== "object_store") return isOwn ? [] : ["path"];
  if (tier.root.startsWith("s3://")) return ["keyId", "secret"];
  return tier.root.startsWith("gs://") || tier.root.startsWith("az://") ? ["secret"] : [];
}

/** As it is, with no key: it is never shown. */
export function typedOf(tier: Tier): ChangeTyped {
  return { name: ownName(tier), path: tier.root, keyId: "", secret: "" };
}

/** A key is whole or not typed at all. */
export function isSound(fields: readonly ChangeField[], typed: ChangeTyped): boolean {
  const isTyped = (field: ChangeField): boolean => !fields.includes(field) || typed[field].trim() !== "";
  if (fields.includes("path")) return isTyped("path");
  return !fields.includes("keyId") || isTyped("keyId") === isTyped("secret");
}

/** `null`: nothing was changed. */
export function changeOf(tier: Tier, fields: readonly ChangeField[], typed: ChangeTyped): TierChange | null {
  const [name, path, secret] = [typed.name.trim(), typed.path.trim(), typed.secret.trim()];
  const id = fields.includes("keyId") ? typed.keyId.trim() : null;
  const change: TierChange = {
    name: name === ownName(tier) ? null : name,
    path: fields.includes("path") && path !== tier.root ? path : null,
    key: fields.includes("secret") && secret !== "" ? { id, secret } : null,
  };
  return Object.values(change).every((value) => value === null) ? null : change;
}
