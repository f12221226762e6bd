/**
 * Moves a view from one live stream of a camera to another without a dark moment: where that takes another connection, the
 * old picture stays until the new one shows its first.
 *
 * Which stream is wanted is said by the page, by how large the picture is; what the connection takes of it is for the hub to
 * decide. What does not belong here: how a stream is played (`pair`).
 */

import type { LiveStream } from "../hub/generated/LiveStream";
import type { Stream } from "../hub/generated/Stream";
import type { SoundState } from "./hearing";
import type { LiveFacts, LiveState, OpenLiveLink } from "./live";
import { LivePair } from "./pair";
import { handOver } from "./outside";
import type { OpenRtcDoor } from "./rtc";

export interface SwitchOptions {
  readonly host: HTMLElement;
  readonly openMse: OpenLiveLink;
  readonly openRtc: (stream: LiveStream) => OpenRtcDoor;
  readonly clockOffsetMs: () => number;
  readonly onState: (state: LiveState, stream: LiveStream) => void;
  readonly onFacts?: (facts: LiveFacts, stream: LiveStream) => void;
  readonly onSound?: (state: SoundState) => void;
}

interface Layer {
  wanted: Stream;
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
    if (this.coming && this.coming.wanted !== stream) {
      this.drop(this.coming);
      this.coming = null;
    }
    const shown = this.coming ?? this.current;
    if (shown && (shown.wanted === stream || shown.player.want(stream))) {
      shown.wanted = stream;
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

  private make(wanted: Stream): Layer {
    const host = document.createElement("span");
    const layer: Layer = {
      wanted,
      player: new LivePair({
        // Its videos come behind the old one's until they have something to show.
        place: this.o.host,
        host,
        stream: wanted,
        openMse: this.o.openMse,
        openRtc: this.o.openRtc,
        clockOffsetMs: this.o.clockOffsetMs,
        onState: (state) => {
          this.changed(layer, state);
        },
        onFacts: (facts) => {
          if (layer === this.current) {
            this.copy(host);
            this.o.onFacts?.(facts, layer.player.stream);
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
    this.o.host.dataset["stream"] = layer.player.stream;
    this.o.onState(state, layer.player.stream);
  }

  private copy(from: HTMLElement): void {
    Object.assign(this.o.host.dataset, from.dataset);
  }

  private drop(layer: Layer | null): void {
    layer?.player.stop();
  }
}
