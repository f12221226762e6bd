/** What the players need of the hub, bound to a camera and a stream. */

import type { Stream } from "./generated/Stream";
import { hub } from "./store.svelte";
import type { SocketEvents } from "./client";

export function liveLink(cameraId: string, stream: Stream) {
  return (events: SocketEvents) => hub.client.live(cameraId, stream, events);
}

export function pastSource(cameraId: string, stream: Stream) {
  return {
    playlist: (fromUtcMs: number, toUtcMs: number) =>
      hub.client.playlist(cameraId, stream, fromUtcMs, toUtcMs),
    bytes: (uri: string, range: { readonly offset: number; readonly length: number }, signal: AbortSignal) =>
      hub.client.bytes(cameraId, stream, uri, range, signal),
    nowUtcMs: () => hub.nowUtcMs(),
  };
}
