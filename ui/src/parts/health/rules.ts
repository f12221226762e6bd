/** Words: the numbers by which recorders are judged, as the hub takes them. A test holds them to the hub's own. */

import type { Supervision } from "../../hub/generated/Supervision";

export interface Rule {
  readonly key: keyof Supervision;
  readonly least: number;
  readonly most: number;
  readonly usual: number;
  readonly unit: "seconds" | "milliseconds" | "megabytes" | "percent" | "times";
}

const rule = (key: Rule["key"], unit: Rule["unit"], least: number, most: number, usual: number): Rule => ({
  key,
  unit,
  least,
  most,
  usual,
});
const DAY_S = 86_400;

export const GROUPS = [
  {
    key: "health",
    rules: [
      rule("heartbeat_seconds", "seconds", 3, 600, 10),
      rule("start_seconds", "seconds", 5, 600, 20),
      rule("max_cpu_percent", "percent", 5, 100_000, 80),
      rule("cpu_seconds", "seconds", 4, DAY_S, 60),
      rule("min_media_percent", "percent", 0, 95, 50),
      rule("media_window_seconds", "seconds", 5, DAY_S, 600),
      rule("max_rss_mb", "megabytes", 32, 1_000_000, 1000),
    ],
  },
  {
    key: "waits",
    rules: [
      rule("first_wait_ms", "milliseconds", 0, 600_000, 500),
      rule("wait_seconds", "seconds", 1, 600, 5),
      rule("longest_wait_seconds", "seconds", 1, 3600, 60),
      rule("disk_retry_seconds", "seconds", 1, 3600, 30),
      rule("restarts_at_once", "times", 1, 64, 2),
    ],
  },
  {
    key: "unstable",
    rules: [
      rule("max_restarts", "times", 1, 10_000, 5),
      rule("restarts_within_seconds", "seconds", 10, DAY_S, 600),
      rule("pause_seconds", "seconds", 1, DAY_S, 1800),
    ],
  },
  {
    key: "handover",
    rules: [rule("handover_seconds", "seconds", 0, 300, 30), rule("orphan_seconds", "seconds", 2, DAY_S, 60)],
  },
] as const;

export const RULES: readonly Rule[] = GROUPS.flatMap((group) => group.rules);

/** What is typed; null: the field is empty. */
export type Typed = Record<keyof Supervision, number | null>;

/** What is sent. A field that is left empty gets the usual number. */
export function meant(typed: Typed): Supervision {
  const all = RULES.map(({ key, usual }) => [key, typed[key] ?? usual] as const);
  return Object.fromEntries(all) as Supervision;
}

export function usual(): Typed {
  return Object.fromEntries(RULES.map(({ key, usual: value }) => [key, value])) as Typed;
}
