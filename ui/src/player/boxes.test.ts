import { expect, it } from "vitest";
import { arrivalOf, pictureTicks, tracksOf } from "./boxes";

function u32(...values: number[]): number[] {
  return values.flatMap((value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);
}

function box(type: string, ...content: number[][]): number[] {
  const body = content.flat();
  return [...u32(body.length + 8), ...[...type].map((letter) => letter.charCodeAt(0)), ...body];
}

const bytes = (...parts: number[][]): Uint8Array => Uint8Array.from(parts.flat());

it("reads when a unit arrived", () => {
  const prft = box("prft", u32(0x01000018, 2, 2_208_988_801, 0x80000000, 0, 7200));
  expect(arrivalOf(bytes(prft, box("mdat", [1])))).toEqual({ trackId: 2, mediaTicks: 7200, unixMs: 1500 });
});

it("understands NTP's second era, which begins in 2036", () => {
  const prft = box("prft", u32(0x01000018, 1, 10, 0, 0, 0));
  expect(arrivalOf(bytes(prft))?.unixMs).toBe((2 ** 32 - 2_208_988_800 + 10) * 1000);
});

it("says nothing where nothing is said, or it is torn", () => {
  expect(arrivalOf(bytes(box("moof", u32(0))))).toBeNull();
  expect(arrivalOf(bytes(box("prft", u32(0x01000018, 1))))).toBeNull();
  expect(arrivalOf(bytes(u32(400), [112, 114, 102, 116]))).toBeNull();
});

it("finds tracks and their clocks", () => {
  const trak = (id: number, rate: number, handler: string): number[] =>
    box(
      "trak",
      box("tkhd", u32(0, 0, 0, id, 0)),
      box(
        "mdia",
        box("mdhd", u32(0, 0, 0, rate, 0)),
        box(
          "hdlr",
          u32(0, 0),
          [...handler].map((letter) => letter.charCodeAt(0)),
        ),
      ),
    );
  const init = bytes(box("ftyp"), box("moov", trak(1, 90_000, "vide"), trak(2, 16_000, "soun")));
  expect(tracksOf(init)).toEqual([
    { id: 1, ticksPerSecond: 90_000, isVideo: true },
    { id: 2, ticksPerSecond: 16_000, isVideo: false },
  ]);
});

it("lists pictures in the order of showing, B-frames too", () => {
  const trun = box("trun", u32(0x01000901, 3, 0, 3600, 3600, 3600, 7200, 3600, 0xfffff1f0));
  const moof = box(
    "moof",
    box("traf", box("tfhd", u32(0x020000, 1)), box("tfdt", u32(0x01000000, 0, 90_000)), trun),
  );
  expect(pictureTicks(bytes(moof), 1)).toEqual([93_600, 93_600, 100_800]);
  expect(pictureTicks(bytes(moof), 2), "another track").toEqual([]);
});

it("uses the default duration where units name none", () => {
  const traf = box(
    "traf",
    box("tfhd", u32(0x020008, 1, 3000)),
    box("tfdt", u32(0, 0)),
    box("trun", u32(0, 3)),
  );
  expect(pictureTicks(bytes(box("moof", traf)), 1)).toEqual([0, 3000, 6000]);
});
