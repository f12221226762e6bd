/**
 * What the screens know about the hub: cameras, what each is doing, the machine, what happened; kept fresh, and honest
 * about when the hub does not answer.
 *
 * What does not belong here: how the hub is asked (`client`), and what is drawn.
 */

import { SvelteMap } from "svelte/reactivity";
import { HubClient } from "./client";
import { feed } from "./feed";
import type { Alert } from "./generated/Alert";
import type { Camera } from "./generated/Camera";
import type { CameraStatus } from "./generated/CameraStatus";
import type { Event } from "./generated/Event";
import type { Session } from "./generated/Session";
import type { System } from "./generated/System";
import { HubError } from "./request";
import { keepToken, takeToken } from "./token";

const STATUS_MS = 1000;
const SYSTEM_MS = 3000;
/** News come by the feed; this is for what it missed. */
const ALERTS_MS = 15_000;
const RETRY_MS = 1000;
const EVENTS_KEPT = 200;
const DAY_MS = 86_400_000;

export class HubStore {
  /** Null until the first answer: then there are skeletons on the screen. */
  cameras = $state<Camera[] | null>(null);
  statuses = new SvelteMap<string, CameraStatus>();
  system = $state<System | null>(null);
  events = $state<Event[]>([]);
  /** Open ones first; null until the first answer. */
  alerts = $state.raw<readonly Alert[] | null>(null);
  /** Nobody is told of alerts until then. */
  mutedUntilUtcMs = $state<number | null>(null);
  session = $state<Session | null>(null);
  /** There is no token, or the hub refused it. */
  needsToken = $state(false);
  wasRefused = $state(false);
  unreachableSinceMs = $state<number | null>(null);
  /** The hub's clock less ours. */
  clockOffsetMs = 0;
  client: HubClient;

  private hasStarted = false;
  private stopFeed: (() => void) | null = null;
  private renewal: ReturnType<typeof setTimeout> | null = null;

  constructor() {
    const token = takeToken();
    this.needsToken = token === null;
    this.client = new HubClient(token ?? "", () => {
      this.needsToken = true;
      this.wasRefused = true;
    });
  }

  get isAdmin(): boolean {
    return this.session?.role === "admin";
  }

  get timeZone(): string {
    return this.system?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  }

  /** Whose cause goes on. */
  get openAlerts(): readonly Alert[] {
    return (this.alerts ?? []).filter((alert) => alert.resolved_utc_ms === null);
  }

  nowUtcMs(): number {
    return Date.now() + this.clockOffsetMs;
  }

  status(id: string): CameraStatus | undefined {
    return this.statuses.get(id);
  }

  camera(id: string): Camera | undefined {
    return this.cameras?.find((camera) => camera.id === id);
  }

  start(): void {
    if (this.hasStarted) return;
    this.hasStarted = true;
    void this.repeat(STATUS_MS, () => this.pollStatus());
    void this.repeat(SYSTEM_MS, () => this.pollSystem());
    void this.repeat(ALERTS_MS, () => this.pollAlerts());
    if (!this.needsToken) this.enter();
  }

  /** Someone pasted a token. */
  useToken(token: string): void {
    keepToken(token);
    this.client.setToken(token);
    this.needsToken = false;
    this.wasRefused = false;
    this.enter();
  }

  /** What happened to the cameras within the last day, from their timelines; the feed brings only what is new. */
  async recall(): Promise<void> {
    const nowMs = this.nowUtcMs();
    for (const camera of this.cameras ?? []) {
      const { events } = await this.client.timeline(camera.id, nowMs - DAY_MS, nowMs, 1);
      this.learn(events);
    }
  }

  private learn(events: readonly Event[]): void {
    const fresh = events.filter((event) => !this.events.some((known) => known.id === event.id));
    if (fresh.length === 0) return;
    this.events = [...fresh, ...this.events].sort((a, b) => b.id - a.id).slice(0, EVENTS_KEPT);
  }

  async refreshCameras(): Promise<void> {
    this.cameras = await this.client.cameras();
  }

  private enter(): void {
    this.stopFeed?.();
    this.stopFeed = feed(this.client, (event) => {
      this.learn([event]);
      if (
        event.kind === "camera_added" ||
        event.kind === "camera_changed" ||
        event.kind === "camera_deleted"
      ) {
        void this.attempt(() => this.refreshCameras());
      }
      if (event.kind === "alert_raised" || event.kind === "alert_resolved") {
        void this.attempt(() => this.pollAlerts());
      }
      if (event.kind === "recording_paused" || event.kind === "recording_resumed") {
        void this.attempt(() => this.pollSystem());
      }
    });
    void this.attempt(async () => {
      await Promise.all([
        this.refreshCameras(),
        this.pollStatus(),
        this.pollSystem(),
        this.pollAlerts(),
        this.meet(),
      ]);
    });
  }

  private async meet(): Promise<void> {
    this.session = await this.client.session();
    this.renewLater(this.session.expires_utc_ms);
  }

  /** At half of its life, so that a page that stays open never falls out. */
  private renewLater(expiresUtcMs: number): void {
    if (this.renewal !== null) clearTimeout(this.renewal);
    // There is nothing to renew: somebody is asked for another token.
    if (this.needsToken) return;
    const leftMs = Math.max(1000, expiresUtcMs - this.nowUtcMs());
    // Timers count in 31 bits.
    const waitMs = Math.min(leftMs / 2, 2_000_000_000);
    this.renewal = setTimeout(() => {
      this.client.renew().then(
        (session) => {
          this.session = session;
          if (session.token !== null) {
            keepToken(session.token);
            this.client.setToken(session.token);
          }
          // A token that was handed on ends when it was said to, however it is renewed.
          if (session.expires_utc_ms > expiresUtcMs) this.renewLater(session.expires_utc_ms);
        },
        () => {
          this.renewLater(Math.min(expiresUtcMs, this.nowUtcMs() + 60_000));
        },
      );
    }, waitMs);
  }

  /** Takes note of an alert. */
  async acknowledge(id: number): Promise<void> {
    await this.client.acknowledge(id);
    await this.pollAlerts();
  }

  /** Quiet until then, or not any more. */
  async mute(untilUtcMs: number | null): Promise<void> {
    this.mutedUntilUtcMs = (await this.client.muteAlerts(untilUtcMs)).until_utc_ms;
  }

  private async pollAlerts(): Promise<void> {
    const [alerts, mute] = await Promise.all([this.client.alerts(), this.client.alertMute()]);
    this.alerts = alerts;
    this.mutedUntilUtcMs = mute.until_utc_ms;
  }

  private async pollStatus(): Promise<void> {
    const statuses = await this.client.statuses();
    const seen = statuses.map((status) => status.camera_id);
    for (const status of statuses) this.statuses.set(status.camera_id, status);
    for (const id of [...this.statuses.keys()]) if (!seen.includes(id)) this.statuses.delete(id);
    const known = this.cameras?.length;
    if (
      this.cameras === null ||
      known !== seen.length ||
      this.cameras.some((camera) => !seen.includes(camera.id))
    ) {
      await this.refreshCameras();
    }
  }

  private async pollSystem(): Promise<void> {
    const askedMs = Date.now();
    const system = await this.client.system();
    const tripMs = Date.now() - askedMs;
    // Half the way there is the hub's moment; a slow answer tells too little.
    if (tripMs < 500) this.clockOffsetMs = system.now_utc_ms - (askedMs + tripMs / 2);
    this.system = system;
  }

  private async repeat(everyMs: number, act: () => Promise<void>): Promise<never> {
    for (;;) {
      const ok = this.needsToken || document.hidden || (await this.attempt(act));
      await new Promise((resolve) => setTimeout(resolve, ok ? everyMs : RETRY_MS));
    }
  }

  private async attempt(act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      this.unreachableSinceMs = null;
      return true;
    } catch (error) {
      if (error instanceof HubError && error.isUnreachable) this.unreachableSinceMs ??= Date.now();
      return false;
    }
  }
}

export const hub = new HubStore();
