import { expect, it } from "vitest";
import { applied, freeRow, typedOf, wrongWith, type TypedRun } from "./rows";
import { ALWAYS, NEVER, spansOf } from "./week";

const row = (from: string, to: string, mode: TypedRun["mode"] = "continuous"): TypedRun => ({
  from,
  to,
  mode,
});

it("takes a day as it is typed", () => {
  const week = applied(ALWAYS, 0, [row("07:30", "12:00"), row("13:00", "00:00", "on_event")]);
  expect(typedOf(week[0] ?? [])).toEqual([row("07:30", "12:00"), row("13:00", "24:00", "on_event")]);
  expect(typedOf(week[1] ?? [])).toEqual([row("00:00", "24:00")]);
  expect(applied(week, 0, [row("00:00", "00:00")]), "midnight to midnight is the whole day").toEqual(ALWAYS);
});

it("lets a night end on the next day", () => {
  const week = applied(NEVER, 6, [row("22:00", "06:00")]);
  expect(spansOf(week)).toEqual([{ days: ["sunday"], from: "22:00", to: "06:00", mode: "continuous" }]);
});

it("says which row is wrong", () => {
  expect(wrongWith([row("07:00", "09:00"), row("09:00", "00:00")])).toBeNull();
  expect(wrongWith([row("07:00", "09:00"), row("", "10:00")])).toEqual({ kind: "missing", row: 1 });
  expect(wrongWith([row("07:00", "07:00")])).toEqual({ kind: "empty", row: 0 });
  expect(wrongWith([row("07:00", "12:00"), row("11:00", "13:00", "on_event")])).toEqual({
    kind: "overlap",
    row: 1,
    other: 0,
  });
});

it("offers the longest free time of a day, and none on a full one", () => {
  expect(freeRow([])).toEqual(row("00:00", "24:00"));
  expect(freeRow([{ from: 0, to: 480, mode: "continuous" }])).toEqual(row("08:00", "24:00"));
  expect(freeRow([{ from: 400, to: 1400, mode: "continuous" }])).toEqual(row("00:00", "06:40"));
  expect(freeRow(ALWAYS[0] ?? [])).toBeNull();
});
