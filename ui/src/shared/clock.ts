/** Reads a time as people type it, by 24 hours in every language: `7:30`, `0730` and `7` as well as `07:30`. */
export function readClock(text: string): string | null {
  const [, hours, minutes = "0"] = /^\s*(\d{1,2})(?:[:.h]?(\d{2}))?\s*$/.exec(text) ?? [];
  if (hours === undefined) return null;
  const [h, m] = [Number(hours), Number(minutes)];
  if (m > 59 || h * 60 + m > 24 * 60) return null;
  return `${String(h).padStart(2, "0")}:${String(m).padStart(2, "0")}`;
}
