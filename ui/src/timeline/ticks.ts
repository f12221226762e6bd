/**
 * Which times are written on the ruler: round ones of local time, as many as there is room for.
 *
 * What does not belong here: drawing them.
 */

import { spanMs, type View } from "./scale";
import type { Zone } from "./zone";

export interface Tick {
  readonly utcMs: number;
  readonly label: string;
  /** A new day, or in the year's view a new year: written stronger. */
  readonly isMajor: boolean;
}

type Step =
  | { readonly kind: "ms"; readonly ms: number }
  | { readonly kind: "hours"; readonly hours: number }
  | { readonly kind: "days"; readonly days: number }
  | { readonly kind: "months"; readonly months: number };

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const STEPS: readonly { readonly step: Step; readonly ms: number }[] = [
  ...[100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND].map(ofMs),
  ...[MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE].map(ofMs),
  ...[1, 2, 3, 6, 12].map((hours) => ({ step: { kind: "hours", hours } as const, ms: hours * HOUR })),
  ...[1, 2, 7, 14].map((days) => ({ step: { kind: "days", days } as const, ms: days * DAY })),
  ...[1, 3, 6, 12].map((months) => ({ step: { kind: "months", months } as const, ms: months * 30 * DAY })),
];

function ofMs(ms: number): { readonly step: Step; readonly ms: number } {
  return { step: { kind: "ms", ms }, ms };
}

/** `roomPx` is what one label needs. */
export function ticks(view: View, width: number, zone: Zone, locale: string, roomPx = 88): Tick[] {
  const wantedMs = (spanMs(view) / Math.max(1, width)) * roomPx;
  const { step } =
    STEPS.find((candidate) => candidate.ms >= wantedMs) ?? STEPS[STEPS.length - 1] ?? ofMs(DAY);
  return [...moments(view, zone, step)].map((utcMs) => label(utcMs, step, zone, locale));
}

function* moments(view: View, zone: Zone, step: Step): Generator<number> {
  const first = zone.local(view.startMs);
  switch (step.kind) {
    case "ms": {
      // Offsets are whole quarters of an hour almost everywhere; Nepal's 45 minutes need this, too.
      const offset = zone.offsetMs(view.startMs);
      for (
        let at = Math.floor((view.startMs + offset) / step.ms) * step.ms - offset;
        at < view.endMs;
        at += step.ms
      ) {
        if (at >= view.startMs) yield at;
      }
      return;
    }
    case "hours": {
      let last = Number.NEGATIVE_INFINITY;
      for (let i = 0; ; i += 1) {
        const at = zone.utc(first.year, first.month, first.day, i * step.hours);
        if (at >= view.endMs) return;
        // In the night of the change a skipped hour would be written twice in one place.
        if (at >= view.startMs && at > last) yield at;
        last = at;
      }
    }
    case "days": {
      const dayNumber = Math.floor(Date.UTC(first.year, first.month - 1, first.day) / DAY);
      // Weeks begin on Monday; 5 January 1970 was one.
      const start =
        step.days >= 7
          ? Math.floor((dayNumber - 4) / step.days) * step.days + 4
          : alignDay(dayNumber, step.days);
      for (let i = 0; ; i += step.days) {
        const date = new Date((start + i) * DAY);
        const at = zone.utc(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate());
        if (at >= view.endMs) return;
        if (at >= view.startMs) yield at;
      }
    }
    case "months": {
      const start = Math.floor((first.month - 1) / step.months) * step.months + 1;
      for (let i = start; ; i += step.months) {
        const at = zone.utc(first.year, i, 1);
        if (at >= view.endMs) return;
        if (at >= view.startMs) yield at;
      }
    }
  }
}

function alignDay(dayNumber: number, days: number): number {
  return Math.floor(dayNumber / days) * days;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(locale: string, zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${zone} ${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(locale, { ...options, timeZone: zone });
    formats.set(key, found);
  }
  return found;
}

function label(utcMs: number, step: Step, zone: Zone, locale: string): Tick {
  const local = zone.local(utcMs);
  const isMidnight = local.hour === 0 && local.minute === 0 && local.second === 0 && utcMs % SECOND === 0;
  const write = (options: Intl.DateTimeFormatOptions): string =>
    format(locale, zone.name, options).format(utcMs);
  if (step.kind === "months") {
    const isYear = local.month === 1;
    return { utcMs, isMajor: isYear, label: isYear ? String(local.year) : write({ month: "short" }) };
  }
  if (step.kind === "days" || isMidnight) {
    const isMajor = step.kind !== "days" || local.day === 1;
    return {
      utcMs,
      isMajor,
      label: write({ weekday: step.kind === "days" ? undefined : "short", day: "numeric", month: "short" }),
    };
  }
  const time = `${two(local.hour)}:${two(local.minute)}`;
  if (step.kind === "ms" && step.ms < MINUTE) {
    const fraction = step.ms < SECOND ? `.${String(Math.floor((utcMs % SECOND) / 100))}` : "";
    return { utcMs, isMajor: false, label: `${time}:${two(local.second)}${fraction}` };
  }
  return { utcMs, isMajor: false, label: time };
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
