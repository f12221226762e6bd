/**
 * Brain: hours of a week as a board of cells, chosen by pointer or by keys.
 *
 * What does not belong here: what is kept in them (`week`).
 */

import type { ScheduledMode } from "../../hub/generated/ScheduledMode";
import { DAYS, paint, type Run, type Week } from "./week";

export const HOURS = 24;

export interface Cell {
  readonly day: number;
  readonly hour: number;
}

/** Days `[first, last]`, hours `[from, to)`. */
export interface Area {
  readonly firstDay: number;
  readonly lastDay: number;
  readonly fromHour: number;
  readonly toHour: number;
}

export function areaOf(a: Cell, b: Cell): Area {
  return {
    firstDay: Math.min(a.day, b.day),
    lastDay: Math.max(a.day, b.day),
    fromHour: Math.min(a.hour, b.hour),
    toHour: Math.max(a.hour, b.hour) + 1,
  };
}

export function isIn(area: Area, { day, hour }: Cell): boolean {
  return day >= area.firstDay && day <= area.lastDay && hour >= area.fromHour && hour < area.toHour;
}

/** The cell under a point of the board; the nearest one, if the pointer has left it. */
export function cellAt(x: number, y: number, width: number, height: number): Cell {
  const index = (at: number, size: number, count: number): number =>
    Math.min(count - 1, Math.max(0, Math.floor((at / Math.max(1, size)) * count)));
  return { day: index(y, height, DAYS.length), hour: index(x, width, HOURS) };
}

/** Where a key leads; null, if it leads nowhere. */
export function step({ day, hour }: Cell, key: string): Cell | null {
  switch (key) {
    case "ArrowLeft":
      return { day, hour: Math.max(0, hour - 1) };
    case "ArrowRight":
      return { day, hour: Math.min(HOURS - 1, hour + 1) };
    case "ArrowUp":
      return { day: Math.max(0, day - 1), hour };
    case "ArrowDown":
      return { day: Math.min(DAYS.length - 1, day + 1), hour };
    case "Home":
      return { day, hour: 0 };
    case "End":
      return { day, hour: HOURS - 1 };
    default:
      return null;
  }
}

export function paintArea(week: Week, area: Area, mode: ScheduledMode): Week {
  let painted = week;
  for (let day = area.firstDay; day <= area.lastDay; day += 1) {
    painted = paint(painted, day, area.fromHour * 60, area.toHour * 60, mode);
  }
  return painted;
}

/** What is kept in an hour; `mixed` if that changes within it. */
export function keptIn(runs: readonly Run[], hour: number): ScheduledMode | "mixed" {
  const [from, to] = [hour * 60, hour * 60 + 60];
  const touching = runs.filter((run) => run.from < to && run.to > from);
  const [first] = touching;
  if (!first) return "off";
  return touching.length === 1 && first.from <= from && first.to >= to ? first.mode : "mixed";
}
