/**
 * Reads the few MP4 boxes that a player must understand itself: which track ticks how fast, when a unit reached
 * the recorder (`prft`), and when each picture of a fragment is shown.
 *
 * What does not belong here: what is done with these times.
 */

interface Box {
  readonly type: string;
  readonly body: number;
  readonly end: number;
}

export interface TrackInfo {
  readonly id: number;
  readonly ticksPerSecond: number;
  readonly isVideo: boolean;
}

/** A `prft` box: this much media had reached the recorder at that moment. */
export interface Arrival {
  readonly trackId: number;
  readonly mediaTicks: number;
  readonly unixMs: number;
}

const NTP_TO_UNIX_SECONDS = 2_208_988_800;
const NTP_ERA_SECONDS = 2 ** 32;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function typeAt(view: DataView, at: number): string {
  return String.fromCharCode(
    view.getUint8(at),
    view.getUint8(at + 1),
    view.getUint8(at + 2),
    view.getUint8(at + 3),
  );
}

/** The boxes between two offsets; stops at the first that is torn. */
function* boxes(view: DataView, from: number, to: number): Generator<Box> {
  let at = from;
  while (at + 8 <= to) {
    let size = view.getUint32(at);
    let head = 8;
    if (size === 1 && at + 16 <= to) {
      size = Number(view.getBigUint64(at + 8));
      head = 16;
    } else if (size === 0) {
      size = to - at;
    }
    if (size < head || at + size > to) return;
    yield { type: typeAt(view, at + 4), body: at + head, end: at + size };
    at += size;
  }
}

function find(view: DataView, from: number, to: number, path: readonly string[]): Box | null {
  const [first, ...rest] = path;
  for (const box of boxes(view, from, to)) {
    if (box.type !== first) continue;
    return rest.length === 0 ? box : find(view, box.body, box.end, rest);
  }
  return null;
}

/** The tracks of an init segment. */
export function tracksOf(init: Uint8Array): TrackInfo[] {
  const view = viewOf(init);
  const moov = find(view, 0, view.byteLength, ["moov"]);
  if (!moov) return [];
  const tracks: TrackInfo[] = [];
  for (const trak of boxes(view, moov.body, moov.end)) {
    if (trak.type !== "trak") continue;
    const tkhd = find(view, trak.body, trak.end, ["tkhd"]);
    const mdhd = find(view, trak.body, trak.end, ["mdia", "mdhd"]);
    const hdlr = find(view, trak.body, trak.end, ["mdia", "hdlr"]);
    if (!tkhd || !mdhd || !hdlr) continue;
    tracks.push({
      id: view.getUint32(tkhd.body + (view.getUint8(tkhd.body) === 1 ? 20 : 12)),
      ticksPerSecond: view.getUint32(mdhd.body + (view.getUint8(mdhd.body) === 1 ? 20 : 12)),
      isVideo: typeAt(view, hdlr.body + 8) === "vide",
    });
  }
  return tracks;
}

/** When the unit in a live fragment reached the recorder; null if the fragment does not say. */
export function arrivalOf(fragment: Uint8Array): Arrival | null {
  const view = viewOf(fragment);
  const prft = find(view, 0, view.byteLength, ["prft"]);
  if (!prft || prft.end - prft.body < 20) return null;
  const isLong = view.getUint8(prft.body) === 1;
  if (isLong && prft.end - prft.body < 24) return null;
  const seconds = view.getUint32(prft.body + 8);
  // NTP's first era ends in 2036; a small number is from the second.
  const era = seconds < NTP_TO_UNIX_SECONDS ? NTP_ERA_SECONDS : 0;
  return {
    trackId: view.getUint32(prft.body + 4),
    unixMs: (seconds + era - NTP_TO_UNIX_SECONDS) * 1000 + (view.getUint32(prft.body + 12) / 2 ** 32) * 1000,
    mediaTicks: isLong ? Number(view.getBigUint64(prft.body + 16)) : view.getUint32(prft.body + 16),
  };
}

/** When the pictures of one track are shown, in its ticks, in the order of showing. */
export function pictureTicks(data: Uint8Array, trackId: number): number[] {
  const view = viewOf(data);
  const ticks: number[] = [];
  for (const moof of boxes(view, 0, view.byteLength)) {
    if (moof.type !== "moof") continue;
    for (const traf of boxes(view, moof.body, moof.end)) {
      if (traf.type === "traf") readTraf(view, traf, trackId, ticks);
    }
  }
  return ticks.sort((a, b) => a - b);
}

function readTraf(view: DataView, traf: Box, trackId: number, into: number[]): void {
  const tfhd = find(view, traf.body, traf.end, ["tfhd"]);
  const tfdt = find(view, traf.body, traf.end, ["tfdt"]);
  if (!tfhd || !tfdt || view.getUint32(tfhd.body + 4) !== trackId) return;
  const tfhdFlags = view.getUint32(tfhd.body) & 0xffffff;
  let at = tfhd.body + 8;
  if (tfhdFlags & 0x1) at += 8;
  if (tfhdFlags & 0x2) at += 4;
  const defaultDuration = tfhdFlags & 0x8 ? view.getUint32(at) : 0;
  let decode =
    view.getUint8(tfdt.body) === 1 ? Number(view.getBigUint64(tfdt.body + 4)) : view.getUint32(tfdt.body + 4);
  for (const trun of boxes(view, traf.body, traf.end)) {
    if (trun.type !== "trun") continue;
    const flags = view.getUint32(trun.body) & 0xffffff;
    const count = view.getUint32(trun.body + 4);
    let sample = trun.body + 8 + (flags & 0x1 ? 4 : 0) + (flags & 0x4 ? 4 : 0);
    const stride = [0x100, 0x200, 0x400, 0x800].filter((flag) => flags & flag).length * 4;
    for (let i = 0; i < count && sample + stride <= trun.end; i += 1, sample += stride) {
      const duration = flags & 0x100 ? view.getUint32(sample) : defaultDuration;
      const offset = flags & 0x800 ? view.getInt32(sample + stride - 4) : 0;
      into.push(decode + offset);
      decode += duration;
    }
  }
}
