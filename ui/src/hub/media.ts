/** What the players need of the hub, bound to a camera. */

import type { LiveStream } from "./generated/LiveStream";
import type { Stream } from "./generated/Stream";
import type { SocketEvents } from "./client";
import { HubError } from "./request";
import { hub } from "./store.svelte";

export function liveLink(cameraId: string) {
  return (events: SocketEvents) => hub.client.live(cameraId, events);
}

/** A WebRTC session; a refusal that a later attempt cannot change is final. */
export function rtcDoor(cameraId: string, stream: LiveStream) {
  return async (offer: string, signal: AbortSignal) => {
    try {
      return { kind: "open", ...(await hub.client.openRtc(cameraId, stream, offer, signal)) } as const;
    } catch (error) {
      const status = error instanceof HubError ? error.status : 0;
      return { kind: "refused", isFinal: [400, 403, 404, 413, 415, 422].includes(status) } as const;
    }
  };
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
