// Development mock, never shipped: one minute of test picture as MP4 fragments, one for each picture.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SECONDS = 60;
export const FPS = 25;
const NTP_TO_UNIX = 2_208_988_800;

function ffmpeg(args) {
  execFileSync("ffmpeg", ["-v", "error", "-y", ...args], { stdio: ["ignore", "ignore", "inherit"] });
}

/** Makes the minute once; returns its init segment, its pictures, a file of it and a still. */
export function makeMinute() {
  const dir = mkdtempSync(join(tmpdir(), "tarsier-mock-"));
  const path = join(dir, "minute.mp4");
  const still = join(dir, "still.jpg");
  const source = `testsrc2=s=640x360:r=${FPS}:d=${SECONDS}`;
  const h264 = [
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-profile:v",
    "high",
    "-g",
    String(FPS * 2),
    "-bf",
    "0",
  ];
  const mp4 = [
    "-movflags",
    "empty_moov+default_base_moof+frag_every_frame",
    "-video_track_timescale",
    "90000",
  ];
  ffmpeg([
    "-f",
    "lavfi",
    "-i",
    source,
    ...h264,
    "-pix_fmt",
    "yuv420p",
    "-x264-params",
    "scenecut=0",
    ...mp4,
    path,
  ]);
  ffmpeg(["-i", path, "-frames:v", "1", still]);
  const file = readFileSync(path);
  const units = [];
  let init = 0;
  for (let at = 0; at + 8 <= file.length;) {
    const size = file.readUInt32BE(at);
    const type = file.toString("latin1", at + 4, at + 8);
    if (type === "moof") units.push({ start: at, end: at + size });
    if (type === "mdat" && units.length > 0) units.at(-1).end = at + size;
    if (type === "moov") init = at + size;
    at += size;
  }
  return { file, init: file.subarray(0, init), initBytes: init, units, still: readFileSync(still) };
}

/** The picture as a live fragment: placed at `ticks`, with a `prft` that says when it arrived. */
export function liveFragment(minute, index, ticks, unixMs) {
  const unit = minute.units[index % minute.units.length];
  const body = Buffer.from(minute.file.subarray(unit.start, unit.end));
  const tfdt = body.indexOf("tfdt");
  if (body[tfdt + 4] === 1) body.writeBigUInt64BE(BigInt(ticks), tfdt + 8);
  else body.writeUInt32BE(ticks, tfdt + 8);
  const prft = Buffer.alloc(32);
  prft.writeUInt32BE(32, 0);
  prft.write("prft", 4, "latin1");
  prft.writeUInt32BE(0x01000018, 8);
  prft.writeUInt32BE(1, 12);
  prft.writeUInt32BE(Math.floor(unixMs / 1000) + NTP_TO_UNIX, 16);
  prft.writeUInt32BE(Math.floor(((unixMs % 1000) / 1000) * 2 ** 32), 20);
  prft.writeBigUInt64BE(BigInt(ticks), 24);
  return Buffer.concat([prft, body]);
}
