/** What is typed about one place for footage. */

import type { BucketRules } from "../../hub/generated/BucketRules";
import type { Copied } from "../../hub/generated/Copied";
import type { Tier } from "../../hub/generated/Tier";
import type { TierRules } from "../../hub/generated/TierRules";
import type { UploadWindow } from "../../hub/generated/UploadWindow";
import { Amount } from "./amount.svelte";

export class BucketForm {
  copy = $state<Copied>("events");
  /** By days, or as long as the rules of the streams say. */
  keeps = $state<"days" | "rules">("days");
  from = $state("");
  to = $state("");
  readonly keepDays: Amount;
  readonly olderThan: Amount;
  readonly rate: Amount;
  private readonly old: BucketRules;

  constructor(old: BucketRules) {
    this.old = old;
    this.copy = old.copy ?? "events";
    this.keeps = old.keep_days === null ? "rules" : "days";
    this.keepDays = new Amount(old.keep_days);
    this.olderThan = new Amount(old.older_than_days || undefined);
    this.rate = new Amount(old.max_bits_per_second, "megabits");
    this.from = old.window?.from ?? "";
    this.to = old.window?.to ?? "";
  }

  get amounts(): readonly Amount[] {
    return [this.olderThan, this.rate, ...(this.keeps === "days" ? [this.keepDays] : [])];
  }

  get rules(): BucketRules {
    const { old, keepDays, olderThan, rate } = this;
    const rules: BucketRules = {};
    if (this.copy !== "events" || old.copy !== undefined) rules.copy = this.copy;
    if (olderThan.value !== undefined || old.older_than_days !== undefined)
      rules.older_than_days = olderThan.value ?? 0;
    if (this.keeps === "rules") rules.keep_days = null;
    else if (keepDays.value !== undefined) rules.keep_days = keepDays.value;
    const window = this.window;
    if (window) rules.window = window;
    if (rate.value !== undefined) rules.max_bits_per_second = rate.value;
    return rules;
  }

  private get window(): UploadWindow | null {
    if (this.from === "" && this.to === "") return null;
    const days = this.old.window?.days;
    // A field that is left empty is midnight, and so is the end of a day.
    const to = this.to === "" || this.to === "24:00" ? "00:00" : this.to;
    const hours = { from: this.from || "00:00", to };
    return days === undefined ? hours : { ...hours, days };
  }
}

export class PlaceForm {
  readonly tier: Tier;
  /** There is another disk behind it to which footage moves on. */
  readonly movesOn: boolean;
  readonly minFree: Amount;
  readonly maxBytes: Amount;
  readonly moveAfter: Amount;
  readonly moveAbove: Amount;
  readonly bucket: BucketForm | null;
  private readonly old: TierRules | undefined;

  constructor(tier: Tier, old: TierRules | undefined, movesOn: boolean) {
    this.tier = tier;
    this.old = old;
    this.movesOn = movesOn;
    this.minFree = new Amount(old?.min_free_bytes, "gigabytes");
    this.maxBytes = new Amount(old?.max_bytes, "gigabytes");
    this.moveAfter = new Amount(old?.move_after_minutes);
    this.moveAbove = new Amount(old?.move_above_percent);
    this.bucket = tier.kind === "object_store" ? new BucketForm(old?.bucket ?? {}) : null;
  }

  get amounts(): readonly Amount[] {
    const own = [this.minFree, this.maxBytes, this.moveAfter, this.moveAbove];
    return [...own, ...(this.bucket?.amounts ?? [])];
  }

  /** Null: nothing is set, and nothing was. */
  get rules(): TierRules | null {
    const rules: TierRules = { tier: this.tier.id };
    if (this.minFree.value !== undefined) rules.min_free_bytes = this.minFree.value;
    if (this.maxBytes.value !== undefined) rules.max_bytes = this.maxBytes.value;
    if (this.moveAfter.value !== undefined) rules.move_after_minutes = this.moveAfter.value;
    if (this.moveAbove.value !== undefined) rules.move_above_percent = this.moveAbove.value;
    const bucket = this.bucket?.rules;
    if (bucket && (this.old?.bucket !== undefined || Object.keys(bucket).length > 0)) rules.bucket = bucket;
    return this.old === undefined && Object.keys(rules).length === 1 ? null : rules;
  }
}
