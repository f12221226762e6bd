/**
 * Moves a view from one live stream of a camera to another without a dark moment: the old picture stays until the new
 * one shows its first.
 *
 * What does not belong here: how a stream is played (`pair`).
 */

import type { Stream } from "../hub/generated/Stream";
import type { SoundState } from "./hearing";
import type { LiveFacts, LiveState, OpenLiveLink } from "./live";
import { LivePair } from "./pair";
import type { OpenRtcDoor } from "./rtc";

export interface SwitchOptions {
  readonly host: HTMLElement;
  readonly openMse: (stream: Stream) => OpenLiveLink;
  readonly openRtc: (stream: Stream) => OpenRtcDoor;
  readonly clockOffsetMs: () => number;
  readonly onState: (state: LiveState, stream: Stream) => void;
  readonly onFacts?: (facts: LiveFacts, stream: Stream) => void;
  readonly onSound?: (state: SoundState) => void;
}

interface Layer {
  readonly stream: Stream;
  readonly player: LivePair;
}

export class StreamSwitch {
  private readonly o: SwitchOptions;
  private current: Layer | null = null;
  private coming: Layer | null = null;

  constructor(options: SwitchOptions) {
    this.o = options;
  }

  show(stream: Stream, isMuted: boolean): void {
    if (this.coming && this.coming.stream !== stream) {
      this.drop(this.coming);
      this.coming = null;
    }
    const shown = this.coming ?? this.current;
    if (shown?.stream === stream) {
      shown.player.setMuted(isMuted);
      if (isMuted && this.coming) this.current?.player.hush();
      return;
    }
    const layer = this.make(stream);
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

  private make(stream: Stream): Layer {
    const host = document.createElement("span");
    const layer: Layer = {
      stream,
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

  private changed(layer: Layer, state: LiveState): void {
    if (layer === this.coming && state.kind === "playing") {
      this.drop(this.current);
      this.current = layer;
      this.coming = null;
    }
    if (layer !== this.current || state.kind === "stopped") return;
    this.o.host.dataset["state"] = state.kind;
    this.o.host.dataset["stream"] = layer.stream;
    this.o.onState(state, layer.stream);
  }

  private copy(from: HTMLElement): void {
    Object.assign(this.o.host.dataset, from.dataset);
  }

  private drop(layer: Layer | null): void {
    layer?.player.stop();
  }
}
