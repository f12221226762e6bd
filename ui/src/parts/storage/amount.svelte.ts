/** A number that may be left out, as it is typed. What nobody touches stays what it was, to the byte. */

export type Unit = "count" | "gigabytes" | "megabits";

const SIZES: Readonly<Record<Unit, number>> = { count: 1, gigabytes: 1e9, megabits: 1e6 };

export class Amount {
  text = $state("");
  readonly unit: Unit;
  private readonly original: number | undefined;
  private readonly first: string;

  constructor(original: number | null | undefined, unit: Unit = "count") {
    this.unit = unit;
    this.original = original ?? undefined;
    this.first = original === undefined || original === null ? "" : String(original / SIZES[unit]);
    this.text = this.first;
  }

  /** Undefined: not set, or not a number. */
  get value(): number | undefined {
    const typed = this.text.trim();
    if (typed === this.first) return this.original;
    const pattern = this.unit === "count" ? /^\d+$/ : /^\d+(?:[.,]\d+)?$/;
    if (!pattern.test(typed)) return undefined;
    return Math.round(Number(typed.replace(",", ".")) * SIZES[this.unit]);
  }

  /** Something is typed that is no number. */
  get isWrong(): boolean {
    return this.text.trim() !== "" && this.value === undefined;
  }
}
