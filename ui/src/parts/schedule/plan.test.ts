import { expect, it } from "vitest";
import type { ScheduleSpan } from "../../hub/generated/ScheduleSpan";
import { Plan } from "./plan.svelte";
import { DAYS, spansOf } from "./week";

const night: ScheduleSpan[] = [
  { days: ["monday"], from: "20:00", to: "23:00", mode: "continuous" },
  { days: ["monday"], from: "23:00", to: "06:00", mode: "continuous" },
];

it("leaves a week that nobody touched as it was written", () => {
  const plan = new Plan(night);
  plan.choose(3);
  expect(plan.spans).toEqual(night);
});

it("begins with all of the week where none was planned", () => {
  expect(new Plan([]).spans).toEqual([{ days: [...DAYS], from: "00:00", to: "24:00", mode: "continuous" }]);
});

it("forgets the nights that were only on the way to the one that was typed", () => {
  const plan = new Plan([{ days: ["monday"], from: "20:00", to: "23:00", mode: "continuous" }]);
  for (const to of ["09:00", "01:00", "21:30"]) plan.type(0, { to });
  expect(plan.spans).toEqual([{ days: ["monday"], from: "20:00", to: "21:30", mode: "continuous" }]);
});

it("keeps the last sound week while something is wrong", () => {
  const plan = new Plan(night);
  const before = spansOf(plan.week);
  plan.type(0, { to: "" });
  expect(plan.problem).toEqual({ kind: "missing", row: 0 });
  expect(plan.isSound).toBe(false);
  expect(spansOf(plan.week)).toEqual(before);
  plan.type(0, { to: "22:00" });
  expect(plan.isSound).toBe(true);
});

it("copies a day, and does not take a week in which nothing is ever kept", () => {
  const plan = new Plan([{ days: ["monday"], from: "07:00", to: "19:00", mode: "on_event" }]);
  plan.copyTo([2, 4]);
  expect(plan.spans[0]?.days).toEqual(["monday", "wednesday", "friday"]);
  plan.remove(0);
  plan.copyToAll();
  expect(plan.isNever).toBe(true);
  expect(plan.isSound).toBe(false);
});
