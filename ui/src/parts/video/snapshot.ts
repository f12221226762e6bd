/** The picture that is shown now, as a file of whoever looks at it. */

import { clock } from "../../shared/format";

const QUALITY = 0.92;
const KEEP_URL_MS = 60_000;

/** `Front door 2026-11-30 20-15-07.jpg`, without what file systems refuse. */
export function snapshotName(camera: string, utcMs: number, zone: string): string {
  const day = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  }).format(utcMs);
  const name = camera.replaceAll(/[\p{C}\\/:*?"<>|]/gu, "-").replace(/^[\s.]+/, "");
  return `${name} ${day} ${clock(utcMs, zone).replaceAll(":", "-")}.jpg`.trim();
}

/** False if there is no picture, or the browser cannot make a file of it. */
export async function saveSnapshot(video: HTMLVideoElement | null, name: string): Promise<boolean> {
  if (!video || video.videoWidth === 0) return false;
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext("2d");
  if (!context) return false;
  context.drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser reads it after the click.
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, KEEP_URL_MS);
  return true;
}
