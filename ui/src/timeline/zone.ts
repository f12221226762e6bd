/**
 * Local time of a zone by the browser's own tables, right across summer time.
 *
 * What does not belong here: which times are shown (`ticks`).
 */

export interface LocalTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const QUARTER_MS = 900_000;

export class Zone {
  readonly name: string;
  private readonly format: Intl.DateTimeFormat;
  /** Offsets change at quarters of an hour at most, so that is what is remembered. */
  private readonly offsets = new Map<number, number>();

  constructor(name: string) {
    this.name = isZone(name) ? name : "UTC";
    this.format = new Intl.DateTimeFormat("en-US", {
      timeZone: this.name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  /** Local time less UTC at that moment. */
  offsetMs(utcMs: number): number {
    const quarter = Math.floor(utcMs / QUARTER_MS);
    const known = this.offsets.get(quarter);
    if (known !== undefined) return known;
    const at = quarter * QUARTER_MS;
    const fields: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const part of this.format.formatToParts(at)) fields[part.type] = Number(part.value);
    const local = Date.UTC(
      fields.year ?? 1970,
      (fields.month ?? 1) - 1,
      fields.day ?? 1,
      fields.hour ?? 0,
      fields.minute ?? 0,
      fields.second ?? 0,
    );
    const offset = local - at;
    if (this.offsets.size > 20_000) this.offsets.clear();
    this.offsets.set(quarter, offset);
    return offset;
  }

  local(utcMs: number): LocalTime {
    const date = new Date(utcMs + this.offsetMs(utcMs));
    return {
      year: date.getUTCFullYear(),
      month: date.getUTCMonth() + 1,
      day: date.getUTCDate(),
      hour: date.getUTCHours(),
      minute: date.getUTCMinutes(),
      second: date.getUTCSeconds(),
    };
  }

  /**
   * The moment at which clocks showed this. A time that summer time skips is moved behind the skip; of one that
   * comes twice, the first. Fields may lie outside their ranges, as in `Date.UTC`.
   */
  utc(year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number {
    const local = Date.UTC(year, month - 1, day, hour, minute, second);
    const before = local - this.offsetMs(local - 86_400_000);
    const after = local - this.offsetMs(local + 86_400_000);
    const fits = [before, after].filter((utcMs) => utcMs + this.offsetMs(utcMs) === local);
    return fits.length > 0 ? Math.min(...fits) : Math.max(before, after);
  }

  /** As a field of a browser takes it: `2026-11-20T20:15:00`. */
  written(utcMs: number): string {
    const two = (value: number): string => String(value).padStart(2, "0");
    const { year, month, day, hour, minute, second } = this.local(utcMs);
    return `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}`;
  }

  /** What such a field holds, with or without seconds; null while it is not filled. */
  read(text: string): number | null {
    const [, year, month, day, hour, minute, second] =
      /^(\d{4,})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?$/.exec(text) ?? [];
    if (year === undefined) return null;
    return this.utc(
      Number(year),
      Number(month),
      Number(day),
      Number(hour),
      Number(minute),
      Number(second ?? 0),
    );
  }
}

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
