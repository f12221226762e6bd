/** Where in the app we are: `#/place/detail?key=value`. */

export const PLACES = ["live", "timeline", "cameras", "storage", "health"] as const;
export type Place = (typeof PLACES)[number];

export interface Route {
  readonly place: Place;
  readonly detail: string | null;
  readonly query: URLSearchParams;
}

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [first, detail] = path.split("/");
  const place = PLACES.find((candidate) => candidate === first) ?? "live";
  return { place, detail: detail ? decodeURIComponent(detail) : null, query: new URLSearchParams(query) };
}
