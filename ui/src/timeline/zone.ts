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
}

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
