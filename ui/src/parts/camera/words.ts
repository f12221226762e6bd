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
  const since =
    status.streams.find((stream) => stream.stream === "main")?.last_picture_utc_ms ?? status.since_utc_ms;
  const title = t("state.noPictureSince", { name: camera.name, time: moment(since, zone, locale, nowMs) });
  const retry = status.retry_at_utc_ms
    ? t("state.retryAt", { time: clock(status.retry_at_utc_ms, zone) })
    : "";
  const text = [status.problem?.message, status.problem?.hint, retry].filter(Boolean).join(" ");
  return { title, text };
}

export function isLosing(status: CameraStatus | undefined, camera: Camera): boolean {
  return (
    (status?.state === "offline" || status?.state === "stopped") && camera.recording.mode === "continuous"
  );
}

/** The host of a camera's address, without what is secret in it. */
export function hostOf(url: string): string {
  return /^[a-z]+:\/\/(?:[^@/]*@)?(\[[^\]]+\]|[^:/?#]+)/i.exec(url.trim())?.[1] ?? "";
}
