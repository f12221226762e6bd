/** What of a camera's live streams the hub has made: H.264, in sizes, on demand. */

import type { LiveStream } from "../hub/generated/LiveStream";

/** Whether the hub has converted these pictures. */
export function isConverted(stream: LiveStream): boolean {
  return stream !== "main" && stream !== "sub";
}
