/** Where in the app we are now, and how to get elsewhere. */

import { parseRoute, type Place, type Route } from "./route";

class Router {
  route = $state.raw<Route>(parseRoute(location.hash));

  constructor() {
    addEventListener("hashchange", () => {
      this.route = parseRoute(location.hash);
    });
  }

  go(place: Place, detail: string | null = null, query: Record<string, string> = {}): void {
    const text = Object.entries(query)
      .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
      .join("&");
    location.hash = `/${place}${detail === null ? "" : `/${encodeURIComponent(detail)}`}${text ? `?${text}` : ""}`;
  }
}

export const router = new Router();
