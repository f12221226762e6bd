/** What this browser can play through Media Source Extensions. */

interface SourceClass {
  new (): MediaSource;
  isTypeSupported(type: string): boolean;
}

/** One of each family; the hub asks only for families. */
const CANDIDATES = [
  "avc1.640028",
  "avc1.4d401f",
  "hvc1.1.6.L93.B0",
  "hev1.1.6.L93.B0",
  "av01.0.04M.08",
  "mp4a.40.2",
  "opus",
  "flac",
] as const;

/** `MediaSource`, or on iPhones `ManagedMediaSource`; null where there is neither. */
export function sourceClass(): SourceClass | null {
  const scope = globalThis as { MediaSource?: SourceClass; ManagedMediaSource?: SourceClass };
  return scope.MediaSource ?? scope.ManagedMediaSource ?? null;
}

export function canPlay(mime: string): boolean {
  return sourceClass()?.isTypeSupported(mime) ?? false;
}

/** As the hub tells families apart. */
function familyOf(codec: string): string {
  const family = codec.split(".")[0] ?? "";
  return family === "hev1" ? "hvc1" : family === "avc3" ? "avc1" : family;
}

/** Of a type, the families that this browser cannot play as they are there: it said yes to another of their profiles. */
export function refusedFamilies(mime: string): string[] {
  const codecs = /codecs="([^"]*)"/.exec(mime)?.[1]?.split(",") ?? [];
  return codecs.filter((codec) => !canPlay(`video/mp4; codecs="${codec}"`)).map(familyOf);
}

export function playableCodecs(without: ReadonlySet<string>): string[] {
  return CANDIDATES.filter((codec) => {
    if (without.has(familyOf(codec))) return false;
    const container = codec.startsWith("mp4a") || codec === "opus" || codec === "flac" ? "audio" : "video";
    return canPlay(`${container}/mp4; codecs="${codec}"`);
  });
}
