/** What is given, as it is chosen, and as the hub is asked for it. */

import type { Camera } from "../../hub/generated/Camera";
import type { NewToken } from "../../hub/generated/NewToken";
import type { Stream } from "../../hub/generated/Stream";

/** These pages with all that a viewer may see in them; or pictures alone, for another program. */
export type Purpose = "pages" | "live" | "both";
export type Streams = "both" | Stream;

export interface Grant {
  readonly subject: string;
  readonly purpose: Purpose;
  /** Null: all of them, also those that are added later. */
  readonly cameras: readonly string[] | null;
  readonly streams: Streams;
  readonly lifetime: Lifetime;
}

const DAY_S = 86_400;
export const LIFETIMES = {
  hour: 3600,
  day: DAY_S,
  week: 7 * DAY_S,
  month: 30 * DAY_S,
  year: 365 * DAY_S,
  decade: 3650 * DAY_S,
} as const;
export type Lifetime = keyof typeof LIFETIMES;
/** As the hub allows. */
export const LONGEST_SUBJECT = 60;

export function newToken(grant: Grant): NewToken {
  const { subject, purpose, cameras, streams, lifetime } = grant;
  return {
    subject: subject.trim(),
    role: "viewer",
    cameras: cameras === null ? null : [...cameras],
    // The pages show both.
    streams: purpose === "pages" || streams === "both" ? null : [streams],
    rights: purpose === "pages" ? null : purpose === "live" ? ["live"] : ["live", "playback"],
    ttl_seconds: LIFETIMES[lifetime],
  };
}

/** The cameras that something of is given, those that are there still. */
export function camerasOf(
  cameras: readonly Camera[],
  given: readonly string[] | null,
  streams: Streams,
): Camera[] {
  return cameras.filter(
    (camera) => (given?.includes(camera.id) ?? true) && streamsOf(camera, streams).length > 0,
  );
}

/** As it is told of a token. */
export function streamsGiven(streams: readonly Stream[] | null): Streams {
  const [only, another] = streams ?? [];
  return only === undefined || another !== undefined ? "both" : only;
}

/** What of the chosen cameras can be opened. */
export function streamsOf(camera: Camera, streams: Streams): Stream[] {
  const all: Stream[] = camera.sub ? ["main", "sub"] : ["main"];
  return streams === "both" ? all : all.filter((stream) => stream === streams);
}
