/** What to say when a live picture cannot be shown, though the camera sends one. */

import type { VideoFacts } from "../../hub/generated/VideoFacts";
import { t } from "../../i18n";
import type { LiveState } from "../../player/live";
import { codec } from "../../shared/format";
import type { StateWords } from "../camera/words";

/** Null: it is shown, or on its way. */
export function hindrance(live: LiveState, video: VideoFacts | null): StateWords | null {
  if (live.kind === "waiting") return { title: live.problem.message, text: live.problem.hint };
  if (live.kind !== "unsupported") return null;
  if (live.problem) return { title: live.problem.message, text: live.problem.hint };
  if (!video || video.codec === "h264") return { title: t("live.noMse"), text: t("live.noMseHint") };
  return { title: t("live.unsupported", { codec: codec(video.codec) }), text: t("live.unsupportedHint") };
}
