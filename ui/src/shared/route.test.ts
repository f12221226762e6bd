import { expect, it } from "vitest";
import { parseRoute } from "./route";

it("reads place, detail and query", () => {
  const route = parseRoute("#/timeline/a%20b?camera=garden&at=5");
  expect([route.place, route.detail, route.query.get("camera")]).toEqual(["timeline", "a b", "garden"]);
});

it("is live where nothing else is meant", () => {
  expect(parseRoute("").place).toBe("live");
  expect(parseRoute("#/nowhere").place).toBe("live");
});
