/** A forecast in words: what happens, when, why, and what to do about it. */

import type { NextStep } from "../../hub/generated/NextStep";
import type { StorageWarning } from "../../hub/generated/StorageWarning";
import { locale, t } from "../../i18n";
import { bytes, count, moment } from "../../shared/format";

/** What names need to be told. */
export interface Names {
  readonly camera: (id: string) => string;
  readonly tier: (id: string) => string;
  readonly zone: string;
  readonly nowUtcMs: number;
}

/** "25 days", "7 hours", "for good". Days are cut, never rounded up: a promise is a promise. */
export function days(value: number | null): string {
  if (value === null) return t("storage.forEver");
  if (value < 2) {
    const hours = Math.floor(value * 24);
    return hours === 1 ? t("storage.hours1") : t("storage.hours", { n: count(hours, locale) });
  }
  return t("storage.days", { n: count(Math.floor(value), locale) });
}

export function next(step: NextStep, names: Names): string {
  const values = {
    camera: names.camera(step.camera_id),
    start: moment(step.start_utc_ms, names.zone, locale, names.nowUtcMs),
    when:
      step.when_utc_ms <= names.nowUtcMs
        ? t("storage.nextNow")
        : moment(step.when_utc_ms, names.zone, locale, names.nowUtcMs),
  };
  switch (step.what.kind) {
    case "move":
      return t("storage.next.move", { ...values, to: names.tier(step.what.to) });
    case "delete":
      return t(`storage.next.${step.what.why}`, values);
  }
}

export function warning(about: StorageWarning, names: Names): string {
  switch (about.kind) {
    case "minimum_not_kept":
      return t("storage.warn.minimum_not_kept", {
        camera: names.camera(about.camera_id),
        min: days(about.min_days),
        days: days(about.days),
      });
    case "tier_away":
      return t("storage.warn.tier_away", { tier: names.tier(about.tier) });
    case "filled_by_others":
      return t("storage.warn.filled_by_others", {
        tier: names.tier(about.tier),
        bytes: bytes(about.foreign_bytes, locale),
      });
    case "upload_too_slow":
      return t("storage.warn.upload_too_slow", {
        tier: names.tier(about.tier),
        bytes: bytes(about.bytes_per_day, locale),
        possible: bytes(about.possible_bytes_per_day, locale),
      });
    case "deleted_before_copied":
      return t("storage.warn.deleted_before_copied", {
        camera: names.camera(about.camera_id),
        tier: names.tier(about.tier),
        days: days(about.days),
        older: days(about.older_than_days),
      });
  }
}
