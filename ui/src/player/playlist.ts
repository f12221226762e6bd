/**
 * Reads the hub's playlist of the past (HLS with byte ranges) into parts placed on the wall clock.
 *
 * What does not belong here: fetching it.
 */

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** One segment file, or the piece of it that the playlist covers. */
export interface PastFile {
  /** When its media time 0 was. */
  readonly startUtcMs: number;
  readonly mime: string;
  readonly initUri: string;
  readonly initRange: ByteRange;
}

/** A stretch of a file that begins with a keyframe. `[startUtcMs, endUtcMs)`. */
export interface PastPart {
  /** The same part has the same key in every playlist. */
  readonly key: string;
  readonly file: PastFile;
  readonly startUtcMs: number;
  readonly endUtcMs: number;
  readonly uri: string;
  readonly range: ByteRange;
}

export interface PastPlaylist {
  readonly parts: readonly PastPart[];
  /** False while the newest file is still being written. */
  readonly isComplete: boolean;
}

const DEFAULT_MIME = 'video/mp4; codecs="avc1.640028"';

export function parsePlaylist(text: string): PastPlaylist {
  const parts: PastPart[] = [];
  let isComplete = false;
  let file: PastFile | null = null;
  let mime = DEFAULT_MIME;
  let atMs: number | null = null;
  let durationMs = 0;
  let range: ByteRange | null = null;
  let previousEnd = 0;
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    if (line === "") continue;
    const [tag, value] = split(line);
    switch (tag) {
      case "#EXT-X-PROGRAM-DATE-TIME":
        atMs = Date.parse(value);
        break;
      case "#EXT-X-TARSIER-CODECS":
        // Holds for all files from here on.
        mime = `video/mp4; codecs="${value.trim().replace(/^"|"$/g, "")}"`;
        break;
      case "#EXT-X-MAP":
        file = readMap(value, mime, atMs);
        break;
      case "#EXTINF":
        durationMs = Number.parseFloat(value) * 1000;
        break;
      case "#EXT-X-BYTERANGE":
        range = readRange(value, previousEnd);
        break;
      case "#EXT-X-ENDLIST":
        isComplete = true;
        break;
      default:
        if (line.startsWith("#") || !file || !range || atMs === null || !Number.isFinite(atMs)) break;
        parts.push({
          key: `${file.startUtcMs}@${range.offset}`,
          file,
          startUtcMs: atMs,
          endUtcMs: atMs + durationMs,
          uri: line,
          range,
        });
        atMs += durationMs;
        previousEnd = range.offset + range.length;
        range = null;
    }
  }
  return { parts, isComplete };
}

function split(line: string): [string, string] {
  const colon = line.indexOf(":");
  return line.startsWith("#") && colon > 0 ? [line.slice(0, colon), line.slice(colon + 1)] : [line, ""];
}

/** `length@offset`; without an offset it follows the range before it (RFC 8216 section 4.3.2.2). */
function readRange(value: string, previousEnd: number): ByteRange | null {
  const match = /^"?(\d+)(?:@(\d+))?"?$/.exec(value.trim());
  if (!match) return null;
  return { length: Number(match[1]), offset: match[2] === undefined ? previousEnd : Number(match[2]) };
}

function readMap(value: string, mime: string, atMs: number | null): PastFile | null {
  const uri = /URI="([^"]*)"/.exec(value)?.[1];
  const range = /BYTERANGE="([^"]*)"/.exec(value)?.[1];
  const initRange = range === undefined ? null : readRange(range, 0);
  if (uri === undefined || !initRange) return null;
  // A playlist may begin in the middle of a file: its name, not the date of its first part, says when it began.
  const named = /(\d{9,})\.mp4/.exec(uri)?.[1];
  const startUtcMs = named === undefined ? atMs : Number(named);
  return startUtcMs === null ? null : { startUtcMs, mime, initUri: uri, initRange };
}
