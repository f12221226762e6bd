import { expect, it } from "vitest";
import type { StoragePolicy } from "../../hub/generated/StoragePolicy";
import type { Tier } from "../../hub/generated/Tier";
import { PolicyForm } from "./policy.svelte";

const place = (id: string, kind = "cache"): Tier => ({
  id,
  kind,
  root: `/${id}`,
  is_writable: true,
  disk_total_bytes: 1e12,
  disk_available_bytes: 5e11,
  footage_bytes: 0,
  segments: 0,
  bytes_per_day: 0,
  days_left: null,
  name: "",
  state: "writable",
  away_since_utc_ms: null,
  min_free_bytes: 5e10,
  is_written_to: true,
  incoming: 0,
  last_cleanup: null,
});
const places = [place("ssd"), place("hdd", "archive"), place("s3", "object_store")];

const old: StoragePolicy = {
  tiers: [
    {
      tier: "s3",
      max_bytes: 1_234_567_890_123,
      bucket: {
        copy: "all",
        older_than_days: 1,
        keep_days: 90,
        window: { from: "22:00", to: "06:00", days: ["monday"] },
      },
    },
    { tier: "ssd", max_bytes: 7e11, min_free_bytes: 4e10, move_after_minutes: 90 },
    { tier: "a disk in a drawer", max_bytes: 5 },
  ],
  keep: { max_age_days: 30, min_days: 2, events_days: 60 },
  streams: [
    { camera: "gate", keep: { max_age_days: 5, max_bytes: 1_500_000_001 } },
    { stream: "sub", keep: { min_days: 0, max_age_days: 365 } },
  ],
};
const [gate] = old.streams ?? [];

function filled(form: PolicyForm, id: string) {
  const found = form.places.find((each) => each.tier.id === id);
  if (!found) throw new Error(id);
  return found;
}

it("changes nothing that was not typed, to the byte", () => {
  expect(new PolicyForm(old, places).policy).toEqual(old);
  const empty: StoragePolicy = { tiers: [], keep: { min_days: 0 }, streams: [] };
  expect(new PolicyForm(empty, places).policy).toEqual(empty);
});

it("writes what is typed, and keeps the rest", () => {
  const form = new PolicyForm(old, places);
  form.keep.maxAge.text = "";
  form.keep.maxBytes.text = "250";
  filled(form, "ssd").minFree.text = "";
  filled(form, "ssd").moveAbove.text = "70";
  filled(form, "hdd").minFree.text = " 20,5 ";
  expect(form.policy).toEqual({
    ...old,
    tiers: [
      old.tiers?.[0],
      { tier: "ssd", max_bytes: 7e11, move_after_minutes: 90, move_above_percent: 70 },
      old.tiers?.[2],
      { tier: "hdd", min_free_bytes: 20.5e9 },
    ],
    keep: { min_days: 2, events_days: 60, max_bytes: 250e9 },
  });
});

it("moves from every disk but the last, and copies to buckets", () => {
  const form = new PolicyForm({}, places);
  expect(form.places.map((each) => each.movesOn)).toEqual([true, false, false]);
  const bucket = filled(form, "s3").bucket;
  if (!bucket) throw new Error("a bucket has rules of its own");
  expect(form.policy.tiers, "the hub's own defaults").toEqual([]);
  bucket.keeps = "rules";
  bucket.copy = "all";
  bucket.from = "23:00";
  bucket.rate.text = "2.5";
  expect(form.policy.tiers).toEqual([
    {
      tier: "s3",
      bucket: {
        copy: "all",
        keep_days: null,
        window: { from: "23:00", to: "00:00" },
        max_bits_per_second: 2.5e6,
      },
    },
  ]);
});

it("knows the way of footage: fast disks first, and among those of a kind as the policy lists them", () => {
  const disks = [place("own"), place("big", "archive"), place("b"), place("a")];
  const form = new PolicyForm({ tiers: [{ tier: "b" }] }, disks);
  expect(form.places.map((each) => `${each.tier.id} ${each.movesOn}`)).toEqual([
    "b true",
    "a true",
    "own true",
    "big false",
  ]);
});

it("adds a rule for small streams first, then for cameras that have none", () => {
  const form = new PolicyForm({ keep: { max_age_days: 7 } }, []);
  form.addRule(["gate", "door"]);
  form.addRule(["gate", "door"]);
  form.addRule(["gate", "door"]);
  expect(form.policy.streams).toEqual([
    { stream: "sub", keep: { max_age_days: 7 } },
    { camera: "gate", keep: { max_age_days: 7 } },
    { camera: "door", keep: { max_age_days: 7 } },
  ]);
  const [first] = form.rules;
  if (first) form.removeRule(first);
  expect(form.policy.streams).toHaveLength(2);
  expect(new PolicyForm({ streams: gate ? [gate] : [] }, []).policy.streams).toEqual([gate]);
});

it("takes no half number for a rule", () => {
  const form = new PolicyForm({}, []);
  form.keep.maxAge.text = "3o";
  expect(form.policy.keep).toEqual({});
  expect(form.isSound, "and says so, rather than keep footage for good").toBe(false);
  form.keep.maxAge.text = "30";
  expect(form.isSound).toBe(true);
});
