import { expect, it } from "vitest";
import { areaOf, cellAt, isIn, keptIn, paintArea, step } from "./cells";
import { ALWAYS, NEVER, spansOf } from "./week";

it("finds the cell under a finger, also of one that slipped off the board", () => {
  expect(cellAt(0, 0, 240, 70)).toEqual({ day: 0, hour: 0 });
  expect(cellAt(239, 69, 240, 70)).toEqual({ day: 6, hour: 23 });
  expect(cellAt(75, 25, 240, 70)).toEqual({ day: 2, hour: 7 });
  expect(cellAt(-30, 500, 240, 70)).toEqual({ day: 6, hour: 0 });
});

it("paints a rectangle from whichever corner it was drawn", () => {
  const area = areaOf({ day: 4, hour: 7 }, { day: 0, hour: 18 });
  expect(area).toEqual(areaOf({ day: 0, hour: 7 }, { day: 4, hour: 18 }));
  expect(isIn(area, { day: 4, hour: 18 }) && !isIn(area, { day: 4, hour: 19 })).toBe(true);
  expect(spansOf(paintArea(NEVER, area, "on_event"))).toEqual([
    {
      days: ["monday", "tuesday", "wednesday", "thursday", "friday"],
      from: "07:00",
      to: "19:00",
      mode: "on_event",
    },
  ]);
});

it("moves by keys and stays on the board", () => {
  expect(step({ day: 0, hour: 0 }, "ArrowUp")).toEqual({ day: 0, hour: 0 });
  expect(step({ day: 6, hour: 22 }, "ArrowRight")).toEqual({ day: 6, hour: 23 });
  expect(step({ day: 3, hour: 9 }, "Home")).toEqual({ day: 3, hour: 0 });
  expect(step({ day: 3, hour: 9 }, "End")).toEqual({ day: 3, hour: 23 });
  expect(step({ day: 3, hour: 9 }, "q")).toBeNull();
});

it("tells what an hour holds, and when that is not one thing", () => {
  expect(keptIn(ALWAYS[0] ?? [], 5)).toBe("continuous");
  expect(keptIn([{ from: 450, to: 600, mode: "on_event" }], 7)).toBe("mixed");
  expect(keptIn([{ from: 450, to: 600, mode: "on_event" }], 8)).toBe("on_event");
  expect(keptIn([{ from: 450, to: 600, mode: "on_event" }], 10)).toBe("off");
});
