/** Numbers and times as people read them. Decimal units: 1 MB is 10^6 bytes. */

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

export function bytes(value: number, locale: string): string {
  let unit = 0;
  let number = value;
  while (Math.abs(number) >= 1000 && unit < BYTE_UNITS.length - 1) {
    number /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || number >= 100 ? 0 : number >= 10 ? 1 : 2;
  return `${decimal(number, digits, locale)} ${BYTE_UNITS[unit] ?? "B"}`;
}

export function bitrate(bitsPerSecond: number, locale: string): string {
  if (bitsPerSecond >= 1e6) return `${decimal(bitsPerSecond / 1e6, 1, locale)} Mbit/s`;
  return `${decimal(bitsPerSecond / 1e3, 0, locale)} kbit/s`;
}

export function decimal(value: number, digits: number, locale: string): string {
  return new Intl.NumberFormat(locale, {
    maximumFractionDigits: digits,
    minimumFractionDigits: digits,
  }).format(value);
}

export function count(value: number, locale: string): string {
  return new Intl.NumberFormat(locale).format(value);
}

export function percent(value: number, locale: string): string {
  return `${decimal(value, value < 10 ? 1 : 0, locale)} %`;
}

/** As FFmpeg names codecs, so people know them. */
export function codec(name: string): string {
  const known: Readonly<Record<string, string>> = {
    h264: "H.264",
    hevc: "H.265",
    av1: "AV1",
    mjpeg: "MJPEG",
    aac: "AAC",
    opus: "Opus",
    pcm_mulaw: "G.711 µ-law",
    pcm_alaw: "G.711 A-law",
    flac: "FLAC",
  };
  return known[name] ?? name;
}

/** As their makers name encoders. */
export function encoderName(name: string): string {
  const known: Readonly<Record<string, string>> = {
    h264_nvenc: "NVENC",
    h264_qsv: "Quick Sync",
    h264_vaapi: "VAAPI",
    h264_videotoolbox: "VideoToolbox",
    h264_mf: "Media Foundation",
    libx264: "x264",
    libopenh264: "OpenH264",
  };
  return known[name] ?? name;
}

export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** 20:14 today, 20 Nov 20:14 another day. */
export function moment(utcMs: number, zone: string, locale: string, nowMs: number): string {
  const day: Intl.DateTimeFormatOptions = {
    timeZone: zone,
    year: "numeric",
    month: "numeric",
    day: "numeric",
  };
  const format = new Intl.DateTimeFormat("en-CA", day);
  const isToday = format.format(utcMs) === format.format(nowMs);
  const time = clock(utcMs, zone, "minutes");
  if (isToday) return time;
  const date = new Intl.DateTimeFormat(locale, { timeZone: zone, day: "numeric", month: "short" }).format(
    utcMs,
  );
  return `${date} ${time}`;
}

/** 24 hours, whatever the language: the times of footage are compared, not read aloud. */
export function clock(utcMs: number, zone: string, precision: "minutes" | "seconds" = "seconds"): string {
  return new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hourCycle: "h23",
    hour: "2-digit",
    minute: "2-digit",
    ...(precision === "seconds" ? { second: "2-digit" as const } : {}),
  }).format(utcMs);
}

export function day(utcMs: number, zone: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, {
    timeZone: zone,
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
  }).format(utcMs);
}
