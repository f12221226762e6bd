/**
 * A week while somebody edits it: painted on the board, or typed for one day.
 *
 * What does not belong here: what painting and typing mean (`week`, `rows`).
 */

import type { ScheduledMode } from "../../hub/generated/ScheduledMode";
import type { ScheduleSpan } from "../../hub/generated/ScheduleSpan";
import { paintArea, type Area } from "./cells";
import { applied, freeRow, typedOf, wrongWith, type RowProblem, type TypedRun } from "./rows";
import { ALWAYS, DAYS, hasEvents, isNever, MOST_SPANS, spansOf, weekOf, withDay, type Week } from "./week";

export class Plan {
  /** The last one with which nothing was wrong. */
  week = $state.raw<Week>(ALWAYS);
  brush = $state<ScheduledMode>("off");
  /** The day whose times are typed. */
  day = $state(0);
  rows = $state.raw<readonly TypedRun[]>([]);
  problem = $state.raw<RowProblem | null>(null);
  private readonly stored: readonly ScheduleSpan[];
  private isTouched = false;
  /** The week before the rows were typed: a night that was put right must not leave its first end behind. */
  private base: Week;

  /** Where nothing is planned, all is recorded: nobody loses footage by opening a board. */
  constructor(stored: readonly ScheduleSpan[]) {
    this.stored = stored;
    if (stored.length > 0) this.week = weekOf(stored);
    this.base = this.week;
    this.choose(0);
  }

  /** What was not touched stays as it was written. */
  get spans(): ScheduleSpan[] {
    return this.isTouched || this.stored.length === 0 ? spansOf(this.week) : [...this.stored];
  }

  get isNever(): boolean {
    return isNever(this.week);
  }

  get hasEvents(): boolean {
    return hasEvents(this.week);
  }

  get isTooLong(): boolean {
    return spansOf(this.week).length > MOST_SPANS;
  }

  /** It can be saved. */
  get isSound(): boolean {
    return this.problem === null && !this.isNever && !this.isTooLong;
  }

  get hasRoom(): boolean {
    return this.problem === null && freeRow(this.week[this.day] ?? []) !== null;
  }

  choose(day: number): void {
    this.day = day;
    this.base = this.week;
    this.rows = typedOf(this.week[day] ?? []);
    this.problem = null;
  }

  paint(area: Area): void {
    this.replace(paintArea(this.week, area, this.brush));
  }

  type(index: number, change: Partial<TypedRun>): void {
    this.take(this.rows.map((row, at) => (at === index ? { ...row, ...change } : row)));
  }

  add(): void {
    const row = freeRow(this.week[this.day] ?? []);
    if (row) this.take([...this.rows, row]);
  }

  remove(index: number): void {
    this.take(this.rows.filter((_row, at) => at !== index));
  }

  /** The chosen day on other days, too. */
  copyTo(days: readonly number[]): void {
    const runs = this.week[this.day] ?? [];
    this.replace(days.reduce((week, day) => withDay(week, day, runs), this.week));
  }

  copyToAll(): void {
    this.copyTo(DAYS.map((_day, index) => index));
  }

  private take(rows: readonly TypedRun[]): void {
    this.rows = rows;
    this.problem = wrongWith(rows);
    this.isTouched = true;
    if (this.problem === null) this.week = applied(this.base, this.day, rows);
  }

  private replace(week: Week): void {
    this.isTouched = true;
    this.week = week;
    this.choose(this.day);
  }
}
