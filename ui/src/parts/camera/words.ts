/** What a camera is doing, in words. */

import type { Camera } from "../../hub/generated/Camera";
import type { CameraStatus } from "../../hub/generated/CameraStatus";
import { locale, t } from "../../i18n";
import { clock, moment } from "../../shared/format";

export interface StateWords {
  readonly title: string;
  readonly text: string;
}

/** What to say in place of a picture. */
export function absence(
  camera: Camera,
  status: CameraStatus | undefined,
  zone: string,
  nowMs: number,
): StateWords {
  if (!status || status.state === "connecting")
    return { title: camera.name, text: t("state.connectingText") };
  if (status.state === "disabled")
    return { title: camera.name, text: t("state.disabledText", { name: camera.name }) };
  const retry = status.retry_at_utc_ms
    ? t("state.retryAt", { time: clock(status.retry_at_utc_ms, zone) })
    : "";
  const hint = status.problem?.hint;
  const said = opening(status.problem?.message ?? "", camera.name);
  // The hub knows since when; it must not be said twice with two times.
  if (said) return { title: said.title, text: [said.rest, hint, retry].filter(Boolean).join(" ") };
  const since =
    status.streams.find((stream) => stream.stream === "main")?.last_picture_utc_ms ?? status.since_utc_ms;
  const title = t("state.noPictureSince", { name: camera.name, time: moment(since, zone, locale, nowMs) });
  const text = [status.problem?.message, hint, retry].filter(Boolean).join(" ");
  return { title, text };
}

/** "Garden: no picture since 20:14. The rest." in two; null if it does not begin with the camera's name. */
export function opening(message: string, name: string): { title: string; rest: string } | null {
  if (!message.startsWith(`${name}: `)) return null;
  const end = message.indexOf(". ", name.length);
  if (end < 0) return { title: message.replace(/\.$/, ""), rest: "" };
  return { title: message.slice(0, end), rest: message.slice(end + 2) };
}

export function isLosing(status: CameraStatus | undefined): boolean {
  return (status?.state === "offline" || status?.state === "stopped") && status.keeps === "continuous";
}

/** The host of a camera's address, without what is secret in it. */
export function hostOf(url: string): string {
  return /^[a-z]+:\/\/(?:[^@/]*@)?(\[[^\]]+\]|[^:/?#]+)/i.exec(url.trim())?.[1] ?? "";
}
