/**
 * Moves a view from one live stream of a camera to another without a dark moment: the old picture stays until the new
 * one shows its first.
 *
 * What does not belong here: how a stream is played (`live`).
 */

import type { Stream } from "../hub/generated/Stream";
import { LivePlayer, type LiveFacts, type LiveState, type OpenLiveLink } from "./live";

export interface SwitchOptions {
  readonly host: HTMLElement;
  readonly open: (stream: Stream) => OpenLiveLink;
  readonly clockOffsetMs: () => number;
  readonly onState: (state: LiveState, stream: Stream) => void;
  readonly onFacts?: (facts: LiveFacts, stream: Stream) => void;
}

interface Layer {
  readonly stream: Stream;
  readonly video: HTMLVideoElement;
  readonly player: LivePlayer;
}

export class StreamSwitch {
  private readonly o: SwitchOptions;
  private current: Layer | null = null;
  private coming: Layer | null = null;
  private isMuted = true;

  constructor(options: SwitchOptions) {
    this.o = options;
  }

  /** The video whose picture is seen. */
  get video(): HTMLVideoElement | null {
    return this.current?.video ?? null;
  }

  show(stream: Stream): void {
    if (this.coming?.stream === stream || (!this.coming && this.current?.stream === stream)) return;
    this.drop(this.coming);
    this.coming = null;
    if (this.current?.stream === stream) return;
    const layer = this.make(stream);
    if (this.current) {
      this.coming = layer;
    } else {
      this.current = layer;
    }
    layer.player.start();
  }

  setMuted(isMuted: boolean): void {
    this.isMuted = isMuted;
    if (this.current) this.current.video.muted = isMuted;
  }

  stop(): void {
    this.drop(this.coming);
    this.drop(this.current);
    this.coming = this.current = null;
  }

  private make(stream: Stream): Layer {
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.tabIndex = -1;
    video.setAttribute("aria-hidden", "true");
    // Behind the old one until it has something to show.
    this.o.host.prepend(video);
    const host = document.createElement("span");
    const layer: Layer = {
      stream,
      video,
      player: new LivePlayer({
        video,
        host,
        open: this.o.open(stream),
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
      }),
    };
    return layer;
  }

  private changed(layer: Layer, state: LiveState): void {
    if (layer === this.coming && state.kind === "playing") {
      this.drop(this.current);
      this.current = layer;
      this.coming = null;
      layer.video.muted = this.isMuted;
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
    if (!layer) return;
    layer.player.stop();
    layer.video.remove();
  }
}
