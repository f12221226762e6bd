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

export function playableCodecs(): string[] {
  return CANDIDATES.filter((codec) => {
    const container = codec.startsWith("mp4a") || codec === "opus" || codec === "flac" ? "audio" : "video";
    return canPlay(`${container}/mp4; codecs="${codec}"`);
  });
}
