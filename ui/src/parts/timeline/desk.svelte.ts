/**
 * The editor's desk: which camera is looked at, live or at which moment, and what keys and buttons do to it.
 *
 * What does not belong here: the players, the canvas, and layout.
 */

import { hub } from "../../hub/store.svelte";
import { locale, t } from "../../i18n";
import type { PastEvent, PastPlayer, PastState } from "../../player/past";
import { clock, duration, moment } from "../../shared/format";

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16] as const;
const NOTICE_MS = 5000;

export class Desk {
  cameraId = $state("");
  mode = $state<"live" | "past">("live");
  /** Where a newly made player begins. */
  startUtcMs = $state(0);
  positionUtcMs = $state(0);
  state = $state.raw<PastState>({ kind: "loading" });
  isPlaying = $state(true);
  speed = $state(1);
  /** The past has a picture; until then the live one stays beneath. */
  hasPicture = $state(false);
  notice = $state("");
  private player: PastPlayer | null = null;
  private noticeTimer: ReturnType<typeof setTimeout> | null = null;
  private shuttle = 0;

  attach(player: PastPlayer | null): void {
    this.player = player;
    if (!player) return;
    player.setSpeed(this.speed);
    if (!this.isPlaying) player.pause();
  }

  select(cameraId: string): void {
    if (cameraId === this.cameraId) return;
    // The same moment of another camera.
    if (this.mode === "past") this.startUtcMs = this.positionUtcMs;
    this.hasPicture = false;
    this.cameraId = cameraId;
  }

  seek(utcMs: number): void {
    if (utcMs >= hub.nowUtcMs() - 1500) {
      this.goLive();
      return;
    }
    this.positionUtcMs = utcMs;
    if (this.mode === "live") {
      this.startUtcMs = utcMs;
      this.hasPicture = false;
      this.isPlaying = true;
      this.speed = 1;
      this.state = { kind: "loading" };
      this.mode = "past";
    } else if (this.player) {
      this.player.seek(utcMs);
    } else {
      this.startUtcMs = utcMs;
    }
  }

  goLive(): void {
    this.mode = "live";
    this.speed = 1;
    this.isPlaying = true;
    this.shuttle = 0;
  }

  move(byMs: number): void {
    this.seek((this.mode === "live" ? hub.nowUtcMs() : this.positionUtcMs) + byMs);
  }

  toggle(): void {
    this.shuttle = 0;
    if (this.mode === "live") {
      this.seek(hub.nowUtcMs() - 2000);
      this.setPlaying(false);
    } else {
      this.setPlaying(!this.isPlaying);
    }
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    this.shuttle = 0;
    this.player?.setSpeed(speed);
  }

  step(direction: 1 | -1): void {
    if (this.mode === "live") {
      this.toggle();
      return;
    }
    this.isPlaying = false;
    this.player?.step(direction);
  }

  /** J, K and L as on an editor's desk: again for faster. */
  jog(direction: -1 | 0 | 1): void {
    if (direction === 0) {
      this.setPlaying(false);
      return;
    }
    if (this.mode === "live") {
      if (direction === 1) return;
      this.seek(hub.nowUtcMs() - 3000);
    }
    this.shuttle = Math.sign(this.shuttle) === direction ? clampShuttle(this.shuttle * 2) : direction;
    if (direction === 1) {
      this.speed = this.shuttle;
      this.player?.setSpeed(this.shuttle);
      this.isPlaying = true;
      this.player?.play();
    } else {
      this.isPlaying = false;
      this.player?.reverse(-this.shuttle);
    }
  }

  handle(event: PastEvent): void {
    switch (event.kind) {
      case "state":
        this.state = event.state;
        return;
      case "position":
        this.positionUtcMs = event.utcMs;
        return;
      case "skipped":
        this.tell(
          t("timeline.skipped", {
            duration: duration(event.toUtcMs - event.fromUtcMs),
            time: clock(event.toUtcMs, hub.timeZone),
          }),
        );
        return;
      case "reached_live":
        this.goLive();
        return;
    }
  }

  /** What stands in the way of a picture, in words. */
  get trouble(): string | null {
    if (this.mode === "live") return null;
    if (this.state.kind === "failed") return t("timeline.failed", { why: this.state.why });
    if (this.state.kind !== "ended") return null;
    const name = hub.camera(this.cameraId)?.name ?? "";
    const last = this.state.lastUtcMs;
    if (last === null) return t("timeline.nothing", { name });
    return t("timeline.ended", { time: moment(last, hub.timeZone, locale, hub.nowUtcMs()) });
  }

  private setPlaying(isPlaying: boolean): void {
    this.shuttle = 0;
    this.isPlaying = isPlaying;
    if (isPlaying) this.player?.play();
    else this.player?.pause();
  }

  private tell(text: string): void {
    this.notice = text;
    if (this.noticeTimer !== null) clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => (this.notice = ""), NOTICE_MS);
  }
}

function clampShuttle(speed: number): number {
  return Math.max(-16, Math.min(16, speed));
}
