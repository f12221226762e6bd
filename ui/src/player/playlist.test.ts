import { expect, it } from "vitest";
import { parsePlaylist } from "./playlist";

const HEAD =
  "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-TARGETDURATION:5\n#EXT-X-MEDIA-SEQUENCE:0\n";

const TWO_FILES = `${HEAD}#EXT-X-TARSIER-CODECS:"avc1.64001f,mp4a.40.2"
#EXT-X-MAP:URI="segments/1795205700000.mp4?token=a.b-c",BYTERANGE="812@0"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:15:08.000Z
#EXTINF:4.000000,
#EXT-X-BYTERANGE:1000@5000
segments/1795205700000.mp4?token=a.b-c
#EXTINF:4.040000,
#EXT-X-BYTERANGE:900
segments/1795205700000.mp4?token=a.b-c
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="segments/1795205760000.mp4",BYTERANGE="700@0"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:16:00.000Z
#EXTINF:4,
#EXT-X-BYTERANGE:1100@700
segments/1795205760000.mp4
`;

it("places parts on the wall clock, and files by their names", () => {
  const { parts, isComplete } = parsePlaylist(TWO_FILES);
  expect(isComplete, "it still grows").toBe(false);
  const at = Date.parse("2026-11-20T20:15:08.000Z");
  expect(parts.map((part) => [part.startUtcMs - at, part.endUtcMs - at])).toEqual([
    [0, 4000],
    [4000, 8040],
    [52_000, 56_000],
  ]);
  expect(parts[0]?.file.startUtcMs, "the playlist begins in the middle of this file").toBe(1795205700000);
  expect(parts[0]?.file.initRange).toEqual({ length: 812, offset: 0 });
});

it("continues a byte range that names no offset", () => {
  expect(parsePlaylist(TWO_FILES).parts[1]?.range).toEqual({ length: 900, offset: 6000 });
});

it("keeps codecs until others are named", () => {
  const mimes = parsePlaylist(TWO_FILES).parts.map((part) => part.file.mime);
  expect(new Set(mimes)).toEqual(new Set(['video/mp4; codecs="avc1.64001f,mp4a.40.2"']));
  const changed = TWO_FILES.replace(
    "#EXT-X-DISCONTINUITY",
    '#EXT-X-DISCONTINUITY\n#EXT-X-TARSIER-CODECS:"hvc1.1.6.L93.B0"',
  );
  expect(parsePlaylist(changed).parts[2]?.file.mime).toContain("hvc1");
});

it("knows when nothing will be added", () => {
  expect(parsePlaylist(`${TWO_FILES}#EXT-X-ENDLIST\n`).isComplete).toBe(true);
});

it("finds nothing in nothing, and survives nonsense", () => {
  expect(parsePlaylist("").parts).toEqual([]);
  expect(parsePlaylist("#EXTINF:4,\nx.mp4\n#EXT-X-MAP:URI=\n#EXT-X-BYTERANGE:a@b\ny.mp4").parts).toEqual([]);
});
