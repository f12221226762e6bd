/** What is typed about how long footage is kept, and where. What has no field here is kept as it was. */

import type { Keep } from "../../hub/generated/Keep";
import type { StoragePolicy } from "../../hub/generated/StoragePolicy";
import type { Stream } from "../../hub/generated/Stream";
import type { StreamRules } from "../../hub/generated/StreamRules";
import type { Tier } from "../../hub/generated/Tier";
import { Amount } from "./amount.svelte";
import { PlaceForm } from "./place.svelte";

export class KeepForm {
  readonly maxAge: Amount;
  readonly minDays: Amount;
  readonly events: Amount;
  readonly maxBytes: Amount;
  private readonly hadMinDays: boolean;

  constructor(old: Keep) {
    this.maxAge = new Amount(old.max_age_days);
    this.minDays = new Amount(old.min_days || undefined);
    this.events = new Amount(old.events_days);
    this.maxBytes = new Amount(old.max_bytes, "gigabytes");
    this.hadMinDays = old.min_days !== undefined;
  }

  get amounts(): readonly Amount[] {
    return [this.maxAge, this.minDays, this.events, this.maxBytes];
  }

  get keep(): Keep {
    const keep: Keep = {};
    const { maxAge, minDays, events, maxBytes } = this;
    if (minDays.value !== undefined || this.hadMinDays) keep.min_days = minDays.value ?? 0;
    if (maxAge.value !== undefined) keep.max_age_days = maxAge.value;
    if (events.value !== undefined) keep.events_days = events.value;
    if (maxBytes.value !== undefined) keep.max_bytes = maxBytes.value;
    return keep;
  }
}

/** A rule for some streams. It holds instead of the one for all of them, whole. */
export class RuleForm {
  /** Empty: of every camera. */
  camera = $state("");
  /** Empty: both streams. */
  stream = $state<Stream | "">("");
  readonly keep: KeepForm;

  constructor(old: StreamRules) {
    this.camera = old.camera ?? "";
    this.stream = old.stream ?? "";
    this.keep = new KeepForm(old.keep);
  }

  get rules(): StreamRules {
    return {
      ...(this.camera === "" ? {} : { camera: this.camera }),
      ...(this.stream === "" ? {} : { stream: this.stream }),
      keep: this.keep.keep,
    };
  }
}

export class PolicyForm {
  readonly keep: KeepForm;
  readonly places: readonly PlaceForm[];
  rules = $state.raw<readonly RuleForm[]>([]);
  private readonly old: StoragePolicy;

  constructor(old: StoragePolicy, tiers: readonly Tier[]) {
    this.old = old;
    this.keep = new KeepForm(old.keep ?? {});
    const way = inOrder(old, tiers);
    const last = way.findLast((tier) => tier.kind !== "object_store");
    this.places = way.map((tier) => {
      const known = old.tiers?.find((rules) => rules.tier === tier.id);
      return new PlaceForm(tier, known, tier.kind !== "object_store" && tier !== last);
    });
    this.rules = (old.streams ?? []).map((rules) => new RuleForm(rules));
  }

  /** The form for what the policy is when the dialog opens: a poll that comes later changes nothing typed. */
  static of(policy: () => StoragePolicy, tiers: () => readonly Tier[]): PolicyForm {
    return new PolicyForm(policy(), tiers());
  }

  /** Another rule, for every small stream if there is none yet: that is what most people want one for. */
  addRule(cameraIds: readonly string[]): void {
    const has = (camera: string, stream: string): boolean =>
      this.rules.some((rule) => rule.camera === camera && rule.stream === stream);
    const free = cameraIds.find((id) => !has(id, ""));
    const rules: StreamRules = has("", "sub")
      ? { ...(free === undefined ? {} : { camera: free }), keep: this.keep.keep }
      : { stream: "sub", keep: this.keep.keep };
    this.rules = [...this.rules, new RuleForm(rules)];
  }

  removeRule(rule: RuleForm): void {
    this.rules = this.rules.filter((each) => each !== rule);
  }

  /** Every number that is typed is one. */
  get isSound(): boolean {
    const keeps = [this.keep, ...this.rules.map((rule) => rule.keep)];
    const amounts = [...keeps, ...this.places].flatMap((part) => part.amounts);
    return amounts.every((amount) => !amount.isWrong);
  }

  get policy(): StoragePolicy {
    // The order of tiers is the order of the footage's way: what is there stays where it stands.
    const tiers = (this.old.tiers ?? []).map(
      (old) => this.places.find((place) => place.tier.id === old.tier)?.rules ?? old,
    );
    for (const place of this.places) {
      const rules = place.rules;
      if (rules && !tiers.some((known) => known.tier === rules.tier)) tiers.push(rules);
    }
    return { ...this.old, keep: this.keep.keep, tiers, streams: this.rules.map((rule) => rule.rules) };
  }
}

const KINDS: readonly string[] = ["cache", "archive", "object_store"];

/** The order of the footage's way, as the hub has it: by kind, then by the policy. */
function inOrder(policy: StoragePolicy, tiers: readonly Tier[]): readonly Tier[] {
  const listed = (policy.tiers ?? []).map((rules) => rules.tier);
  const place = (tier: Tier): number => (listed.includes(tier.id) ? listed.indexOf(tier.id) : listed.length);
  const order = (a: Tier, b: Tier): number =>
    KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || place(a) - place(b) || (a.id < b.id ? -1 : 1);
  return [...tiers].sort(order);
}
