/** What a token is for and until when, in words. */

import type { TokenItem } from "../../hub/generated/TokenItem";
import { t } from "../../i18n";
import { clock, day, moment } from "../../shared/format";

const FAR_MS = 300 * 86_400_000;
const MOST_NAMES = 3;

export function whatFor(item: Pick<TokenItem, "role" | "rights" | "cameras" | "streams">): string {
  const { role, rights } = item;
  if (rights !== null) {
    const [live, playback] = [rights.includes("live"), rights.includes("playback")];
    if (live && playback) return t("access.for.both");
    return t(live ? "access.for.live" : playback ? "access.for.playback" : "access.for.nothing");
  }
  const isWhole = item.cameras === null && item.streams === null;
  return t(role === "admin" && isWhole ? "access.for.admin" : "access.for.pages");
}

export function camerasIn(ids: readonly string[] | null, nameOf: (id: string) => string): string {
  if (ids === null) return t("access.cameras.all");
  if (ids.length === 0) return t("access.cameras.none");
  const names = ids.slice(0, MOST_NAMES).map(nameOf).join(", ");
  const more = ids.length - MOST_NAMES;
  return more > 0 ? t("access.cameras.more", { names, n: more }) : names;
}

export function streamsIn(streams: TokenItem["streams"]): string {
  if (streams === null || streams.length === 2) return t("access.streams.both");
  const [only] = streams;
  return only ? t(`access.streams.${only}`) : t("access.streams.none");
}

/** As near as it matters: far off, the year is told and not the minute. */
export function end(utcMs: number, zone: string, locale: string, nowMs: number): string {
  if (utcMs - nowMs > FAR_MS) return day(utcMs, zone, locale);
  return moment(utcMs, zone, locale, nowMs);
}

/** The same with all of it. */
export function wholeEnd(utcMs: number, zone: string, locale: string): string {
  return `${day(utcMs, zone, locale)}, ${clock(utcMs, zone, "minutes")}`;
}
