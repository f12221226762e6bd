/** What happens at the hub, as it happens. The browser resumes by itself; after a refusal we do. */

import type { HubClient } from "./client";
import type { Event as HubEvent } from "./generated/Event";
import type { EventKind } from "./generated/EventKind";

const KINDS: Record<EventKind, true> = {
  camera_added: true,
  camera_changed: true,
  camera_deleted: true,
  camera_offline: true,
  camera_online: true,
  camera_stopped: true,
  recorder_restarted: true,
  disk_not_writable: true,
  hub_started: true,
  recording_paused: true,
  recording_resumed: true,
  reconnection_started: true,
  reconnection_succeeded: true,
  reconnection_failed: true,
  reconnection_aborted: true,
  connection_degraded: true,
  connection_recovered: true,
  alert_raised: true,
  alert_resolved: true,
  camera_unstable: true,
  recorder_fatal: true,
  camera_event: true,
  cleanup_done: true,
  disk_low: true,
  tier_missing: true,
  tier_back: true,
  footage_lost: true,
  clock_changed: true,
};
const AGAIN_MS = 3000;

/** Calls `happened` for each event until the returned function is called. */
export function feed(client: HubClient, happened: (event: HubEvent) => void): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let lastId: number | null = null;
  const open = (): void => {
    const opened = new EventSource(client.eventsUrl(lastId));
    source = opened;
    const listener = (message: MessageEvent<string>): void => {
      const event = JSON.parse(message.data) as HubEvent;
      lastId = Math.max(lastId ?? 0, event.id);
      happened(event);
    };
    for (const kind of Object.keys(KINDS)) opened.addEventListener(kind, listener);
    opened.onerror = () => {
      if (opened.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, AGAIN_MS);
    };
  };
  open();
  return () => {
    source?.close();
    if (timer !== null) clearTimeout(timer);
  };
}
