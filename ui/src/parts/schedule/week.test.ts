import { describe, expect, it } from "vitest";
import type { ScheduleSpan } from "../../hub/generated/ScheduleSpan";
import { ALWAYS, clockOf, DAYS, minutesOf, NEVER, paint, paintDay, spansOf, weekOf, type Week } from "./week";

/** "07:00-19:00 c" a run, a day in a line. */
const told = (week: Week): string[] =>
  week.map((runs) => runs.map((run) => `${clockOf(run.from)}-${clockOf(run.to)} ${run.mode[0]}`).join(", "));

const span = (days: ScheduleSpan["days"], from: string, to: string, mode: ScheduleSpan["mode"]) => ({
  days,
  from,
  to,
  mode,
});

describe("painting", () => {
  it("splits what is painted over, and joins what touches", () => {
    const day = paintDay(ALWAYS[0] ?? [], 480, 1020, "off");
    expect(told([day])).toEqual(["00:00-08:00 c, 17:00-24:00 c"]);
    expect(told([paintDay(day, 600, 660, "on_event")])).toEqual([
      "00:00-08:00 c, 10:00-11:00 o, 17:00-24:00 c",
    ]);
    expect(paintDay(day, 480, 1020, "continuous"), "whole again").toEqual(ALWAYS[0]);
    expect(paintDay(day, 600, 600, "continuous"), "nothing is painted by nothing").toEqual(day);
  });

  it("goes on behind midnight, from Sunday to Monday as well", () => {
    expect(told(paint(NEVER, 6, 1320, 1800, "continuous"))).toEqual([
      "00:00-06:00 c",
      "",
      "",
      "",
      "",
      "",
      "22:00-24:00 c",
    ]);
  });
});

describe("the hub's list", () => {
  it("is read so that the later of two that overlap counts", () => {
    const week = weekOf([
      span([...DAYS], "00:00", "24:00", "continuous"),
      span(["monday", "friday"], "09:00", "17:00", "off"),
      span(["friday"], "12:00", "13:00", "on_event"),
    ]);
    expect(told(week)[0]).toBe("00:00-09:00 c, 17:00-24:00 c");
    expect(told(week)[4]).toBe("00:00-09:00 c, 12:00-13:00 o, 17:00-24:00 c");
    expect(told(week)[1]).toBe("00:00-24:00 c");
  });

  it("has nights in one piece and like days together", () => {
    const nights = [span([...DAYS], "22:00", "06:00", "continuous")];
    expect(spansOf(weekOf(nights))).toEqual(nights);
    expect(spansOf(ALWAYS)).toEqual([span([...DAYS], "00:00", "24:00", "continuous")]);
  });

  it("never says that a span begins when it ends: the hub refuses that", () => {
    const week = weekOf([
      span(["monday"], "08:00", "24:00", "continuous"),
      span(["tuesday"], "00:00", "08:00", "continuous"),
    ]);
    expect(spansOf(week)).toEqual([
      span(["monday"], "08:00", "24:00", "continuous"),
      span(["tuesday"], "00:00", "08:00", "continuous"),
    ]);
  });

  it("says the same as the week that it is made of", () => {
    let seed = 7;
    const next = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    for (let round = 0; round < 300; round += 1) {
      let week = next(2) === 0 ? NEVER : ALWAYS;
      for (let i = next(9); i >= 0; i -= 1) {
        const from = next(96) * 15;
        const to = from + 15 + next(95) * 15;
        week = paint(week, next(7), from, to, (["continuous", "on_event", "off"] as const)[next(3)] ?? "off");
      }
      const spans = spansOf(week);
      expect(weekOf(spans), JSON.stringify(spans)).toEqual(week);
      expect(spans.every((each) => each.from !== each.to && each.from !== "24:00")).toBe(true);
    }
  });
});

it("reads times as the hub writes them, and nothing else", () => {
  expect(["00:00", "07:30", "24:00"].map(minutesOf)).toEqual([0, 450, 1440]);
  expect(["7:30", "24:01", "12:60", "", "noon"].map(minutesOf)).toEqual([null, null, null, null, null]);
});
