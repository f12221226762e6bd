/**
 * Decides which conversion is asked for where the browser cannot play what the camera sends.
 *
 * The hub converts to H.264 on demand, in sizes. What does not belong here: playing it (`switch`).
 */

import type { LiveStream } from "../hub/generated/LiveStream";
import type { Problem } from "../hub/generated/Problem";
import type { Stream } from "../hub/generated/Stream";

/**
 * The largest conversion that is of use beside that stream; null where none would help. `problem`: why the stream is not
 * shown, as the hub says; null if it was the browser that refused.
 */
export function rungInsteadOf(stream: Stream, problem: Problem | null): LiveStream | null {
  if (problem && problem.code !== "not_playable") return null;
  // The small stream stands in a grid: whoever has sixteen of them wants sixteen small ones.
  return stream === "main" ? "720p" : "360p";
}

/** Whether the hub has converted these pictures. */
export function isConverted(stream: LiveStream): boolean {
  return stream !== "main" && stream !== "sub";
}
