/**
 * Moves a view from one live stream of a camera to another without a dark moment: the old picture stays until the new
 * one shows its first. What the browser cannot play is asked for converted.
 *
 * What does not belong here: how a stream is played (`pair`), which conversion (`rung`).
 */

import type { LiveStream } from "../hub/generated/LiveStream";
import type { Stream } from "../hub/generated/Stream";
import type { SoundState } from "./hearing";
import type { LiveFacts, LiveState, OpenLiveLink } from "./live";
import { LivePair } from "./pair";
import { handOver } from "./outside";
import type { OpenRtcDoor } from "./rtc";
import { rungInsteadOf } from "./rung";

export interface SwitchOptions {
  readonly host: HTMLElement;
  readonly openMse: (stream: LiveStream) => OpenLiveLink;
  readonly openRtc: (stream: LiveStream) => OpenRtcDoor;
  readonly clockOffsetMs: () => number;
  readonly onState: (state: LiveState, stream: LiveStream) => void;
  readonly onFacts?: (facts: LiveFacts, stream: LiveStream) => void;
  readonly onSound?: (state: SoundState) => void;
}

interface Layer {
  /** What is to be seen, and what is played for it. */
  readonly wanted: Stream;
  readonly stream: LiveStream;
  /** Why it is not played as the camera sends it; said if the conversion is no better. */
  readonly refused: LiveState | null;
  readonly player: LivePair;
}

export class StreamSwitch {
  private readonly o: SwitchOptions;
  private current: Layer | null = null;
  private coming: Layer | null = null;
  private isMuted = true;

  constructor(options: SwitchOptions) {
    this.o = options;
  }

  show(stream: Stream, isMuted: boolean): void {
    this.isMuted = isMuted;
    if (this.coming && this.coming.wanted !== stream) {
      this.drop(this.coming);
      this.coming = null;
    }
    const shown = this.coming ?? this.current;
    if (shown?.wanted === stream) {
      shown.player.setMuted(isMuted);
      if (isMuted && this.coming) this.current?.player.hush();
      return;
    }
    const layer = this.make(stream, stream, null);
    layer.player.setMuted(isMuted);
    if (this.current) {
      this.coming = layer;
      if (isMuted) this.current.player.hush();
    } else {
      this.current = layer;
    }
    layer.player.start();
  }

  /** The video whose picture is seen. */
  get video(): HTMLVideoElement | null {
    return this.current?.player.video ?? null;
  }

  stop(): void {
    this.drop(this.coming);
    this.drop(this.current);
    this.coming = this.current = null;
  }

  private make(wanted: Stream, stream: LiveStream, refused: LiveState | null): Layer {
    const host = document.createElement("span");
    const layer: Layer = {
      wanted,
      stream,
      refused,
      player: new LivePair({
        // Its videos come behind the old one's until they have something to show.
        place: this.o.host,
        host,
        openMse: this.o.openMse(stream),
        openRtc: this.o.openRtc(stream),
        clockOffsetMs: this.o.clockOffsetMs,
        onState: (state) => {
          this.changed(layer, state);
        },
        onFacts: (facts) => {
          if (layer === this.current) {
            this.copy(host);
            this.o.onFacts?.(facts, stream);
          }
        },
        onSound: (state) => {
          if (layer === (this.coming ?? this.current)) this.o.onSound?.(state);
        },
      }),
    };
    return layer;
  }

  private changed(layer: Layer, told: LiveState): void {
    if (told.kind === "unsupported" && this.convert(layer, told)) return;
    const state = told.kind === "unsupported" ? (layer.refused ?? told) : told;
    if (layer === this.coming && state.kind === "playing") {
      const before = this.current;
      this.current = layer;
      this.coming = null;
      const end = (): void => {
        this.drop(before);
      };
      handOver(before?.player.video ?? null, () => this.video, end);
    }
    if (layer !== this.current || state.kind === "stopped") return;
    this.o.host.dataset["state"] = state.kind;
    this.o.host.dataset["stream"] = layer.stream;
    this.o.onState(state, layer.stream);
  }

  /** Plays the same, converted, in its place; not before the player that says so has had its say. */
  private convert(layer: Layer, refused: Extract<LiveState, { kind: "unsupported" }>): boolean {
    const rung = layer.refused ? null : rungInsteadOf(layer.wanted, refused.problem);
    if (rung === null) return false;
    queueMicrotask(() => {
      if (layer !== this.current && layer !== this.coming) return;
      const converted = this.make(layer.wanted, rung, refused);
      if (layer === this.coming) this.coming = converted;
      else this.current = converted;
      this.drop(layer);
      converted.player.setMuted(this.isMuted);
      converted.player.start();
    });
    return true;
  }

  private copy(from: HTMLElement): void {
    Object.assign(this.o.host.dataset, from.dataset);
  }

  private drop(layer: Layer | null): void {
    layer?.player.stop();
  }
}
