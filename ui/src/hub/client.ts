/**
 * All that the hub can be asked: its API, media addresses and sockets.
 *
 * What does not belong here: how a request is made (`request`), and what is kept of the answers (`store`).
 */

import type { Alert } from "./generated/Alert";
import type { AlertMute } from "./generated/AlertMute";
import type { AlertSettings } from "./generated/AlertSettings";
import type { AlertSettingsChange } from "./generated/AlertSettingsChange";
import type { Camera } from "./generated/Camera";
import type { CameraChange } from "./generated/CameraChange";
import type { CameraStatus } from "./generated/CameraStatus";
import type { CameraTest } from "./generated/CameraTest";
import type { CameraTestResult } from "./generated/CameraTestResult";
import type { FootageLock } from "./generated/FootageLock";
import type { Ledger } from "./generated/Ledger";
import type { LiveStream } from "./generated/LiveStream";
import type { MseRenewal } from "./generated/MseRenewal";
import type { NewCamera } from "./generated/NewCamera";
import type { NewFootageLock } from "./generated/NewFootageLock";
import type { NewStreamToken } from "./generated/NewStreamToken";
import type { NewTier } from "./generated/NewTier";
import type { NewToken } from "./generated/NewToken";
import type { Page } from "./generated/Page";
import type { Ptz } from "./generated/Ptz";
import type { PtzGoto } from "./generated/PtzGoto";
import type { PtzMove } from "./generated/PtzMove";
import type { RecorderItem } from "./generated/RecorderItem";
import type { RtspLogin } from "./generated/RtspLogin";
import type { Session } from "./generated/Session";
import type { Storage } from "./generated/Storage";
import type { StorageForecast } from "./generated/StorageForecast";
import type { StoragePolicy } from "./generated/StoragePolicy";
import type { Stream } from "./generated/Stream";
import type { Supervision } from "./generated/Supervision";
import type { System } from "./generated/System";
import type { Tier } from "./generated/Tier";
import type { TierChange } from "./generated/TierChange";
import type { Timeline } from "./generated/Timeline";
import type { TokenItem } from "./generated/TokenItem";
import { Idle } from "./idle";
import { Renewal } from "./renewal";
import { bearer, HubError, Requests, TIMEOUT_MS } from "./request";

/** What a live socket tells; the player's `LiveLinkEvents` has the same shape. */
export interface SocketEvents {
  readonly opened: () => void;
  readonly text: (text: string) => void;
  readonly binary: (bytes: ArrayBuffer) => void;
  readonly closed: () => void;
}

/** A camera test may take as long as the hub allows it, and a little. */
const TEST_TIMEOUT_MS = 20_000;
const ALERTS = 60;

export class HubClient extends Requests {
  session = (): Promise<Session> => this.json("GET", "/api/v1/session");
  renew = (): Promise<Session> => this.json("POST", "/api/v1/session");
  /** A token for one camera's live pictures and for minutes: one that stands in an address may be read by others. */
  private cameraToken = (id: string): Promise<Session> => {
    const body: NewStreamToken = { camera_id: id, stream: null, right: "live" };
    return this.json("POST", "/api/v1/session/stream", body);
  };
  tokens = async (): Promise<TokenItem[]> =>
    (await this.json<Page<TokenItem>>("GET", "/api/v1/tokens")).items;
  giveToken = (token: NewToken): Promise<Session> => this.json("POST", "/api/v1/tokens", token);
  rtspLogin = (id: string): Promise<RtspLogin> =>
    this.json("POST", `/api/v1/tokens/${encodeURIComponent(id)}/rtsp-login`);
  takeTokenBack = (id: string): Promise<unknown> =>
    this.json("DELETE", `/api/v1/tokens/${encodeURIComponent(id)}`);
  system = (): Promise<System> => this.json("GET", "/api/v1/system");
  storage = (): Promise<Storage> => this.json("GET", "/api/v1/storage");
  addTier = (tier: NewTier): Promise<Tier> =>
    this.json("POST", "/api/v1/storage/tiers", tier, TEST_TIMEOUT_MS);
  changeTier = (id: string, change: TierChange): Promise<Tier> =>
    this.json("PATCH", `/api/v1/storage/tiers/${encodeURIComponent(id)}`, change, TEST_TIMEOUT_MS);
  removeTier = (id: string): Promise<unknown> =>
    this.json("DELETE", `/api/v1/storage/tiers/${encodeURIComponent(id)}`);
  policy = (): Promise<StoragePolicy> => this.json("GET", "/api/v1/storage/policy");
  setPolicy = (policy: StoragePolicy): Promise<StoragePolicy> =>
    this.json("PUT", "/api/v1/storage/policy", policy);
  /** What a policy would mean; nothing is changed. */
  forecast = (policy: StoragePolicy): Promise<StorageForecast> =>
    this.json("POST", "/api/v1/storage/forecast", policy, TEST_TIMEOUT_MS);
  cameras = (): Promise<Camera[]> => this.all("/api/v1/cameras");
  statuses = (): Promise<CameraStatus[]> => this.all("/api/v1/status");
  recorders = (): Promise<RecorderItem[]> => this.all("/api/v1/recorders");
  /** The open ones, and the newest of those that are over. */
  alerts = async (): Promise<Alert[]> =>
    (await this.json<Page<Alert>>("GET", `/api/v1/alerts?limit=${ALERTS}`)).items;
  acknowledge = (id: number): Promise<Alert> => this.json("POST", `/api/v1/alerts/${id}/acknowledge`);
  alertMute = (): Promise<AlertMute> => this.json("GET", "/api/v1/alerts/mute");
  muteAlerts = (untilUtcMs: number | null): Promise<AlertMute> =>
    this.json("PUT", "/api/v1/alerts/mute", { until_utc_ms: untilUtcMs });
  alertSettings = (): Promise<AlertSettings> => this.json("GET", "/api/v1/alerts/settings");
  changeAlertSettings = (change: AlertSettingsChange): Promise<AlertSettings> =>
    this.json("PUT", "/api/v1/alerts/settings", change);
  supervision = (): Promise<Supervision> => this.json("GET", "/api/v1/supervision");
  setSupervision = (rules: Supervision): Promise<Supervision> =>
    this.json("PUT", "/api/v1/supervision", rules);
  /** Of the last day. */
  ledger = (id: string): Promise<Ledger> =>
    this.json("GET", `/api/v1/cameras/${encodeURIComponent(id)}/ledger`);
  addCamera = (camera: NewCamera): Promise<Camera> => this.json("POST", "/api/v1/cameras", camera);
  testCamera = (test: CameraTest): Promise<CameraTestResult> =>
    this.json("POST", "/api/v1/cameras/test", test, TEST_TIMEOUT_MS);
  addDemo = (cameras: number): Promise<unknown> =>
    this.json("POST", "/api/v1/demo", { cameras }, TEST_TIMEOUT_MS);
  changeCamera = (id: string, change: CameraChange): Promise<Camera> =>
    this.json("PATCH", `/api/v1/cameras/${encodeURIComponent(id)}`, change);
  deleteCamera = (id: string): Promise<unknown> =>
    this.json("DELETE", `/api/v1/cameras/${encodeURIComponent(id)}`);
  ptz = (id: string): Promise<Ptz> => this.json("GET", `/api/v1/cameras/${encodeURIComponent(id)}/ptz`);
  ptzMove = (id: string, speed: PtzMove): Promise<unknown> =>
    this.json("POST", `/api/v1/cameras/${encodeURIComponent(id)}/ptz/move`, speed);
  ptzStop = (id: string): Promise<unknown> =>
    this.json("POST", `/api/v1/cameras/${encodeURIComponent(id)}/ptz/stop`);
  ptzGoto = (id: string, token: string): Promise<unknown> => {
    const goto: PtzGoto = { token };
    return this.json("POST", `/api/v1/cameras/${encodeURIComponent(id)}/ptz/preset`, goto);
  };
  locks = (id: string): Promise<FootageLock[]> =>
    this.json("GET", `/api/v1/cameras/${encodeURIComponent(id)}/locks`);
  addLock = (id: string, lock: NewFootageLock): Promise<FootageLock> =>
    this.json("POST", `/api/v1/cameras/${encodeURIComponent(id)}/locks`, lock);
  liftLock = (id: string, lock: string): Promise<unknown> =>
    this.json("DELETE", `/api/v1/cameras/${encodeURIComponent(id)}/locks/${encodeURIComponent(lock)}`);
  setPaused = (paused: boolean): Promise<unknown> => this.json("PUT", "/api/v1/recording", { paused });

  timeline(id: string, fromUtcMs: number, toUtcMs: number, maxSpans: number): Promise<Timeline> {
    const query = new URLSearchParams({
      from_utc_ms: fromUtcMs.toFixed(0),
      to_utc_ms: toUtcMs.toFixed(0),
      max_spans: maxSpans.toFixed(0),
    });
    return this.json("GET", `/api/v1/cameras/${encodeURIComponent(id)}/timeline?${query}`);
  }

  /** Address of a still; without a moment, of the newest picture. */
  stillUrl(id: string, stream: Stream, maxWidth: number, atUtcMs?: number): string {
    const query = new URLSearchParams({ max_width: maxWidth.toFixed(0), token: this.token });
    if (atUtcMs !== undefined) query.set("at_utc_ms", atUtcMs.toFixed(0));
    return `/api/v1/cameras/${encodeURIComponent(id)}/${stream}/still.jpg?${query}`;
  }

  /** A picture as an object URL, which the caller revokes. */
  async still(
    id: string,
    stream: Stream,
    maxWidth: number,
    atUtcMs: number,
    signal: AbortSignal,
  ): Promise<string> {
    const answer = await this.send("GET", this.stillUrl(id, stream, maxWidth, atUtcMs), undefined, signal);
    return URL.createObjectURL(await answer.blob());
  }

  private vodUrl(id: string, stream: Stream): string {
    return `/api/v1/cameras/${encodeURIComponent(id)}/${stream}/vod.m3u8`;
  }

  async playlist(id: string, stream: Stream, fromUtcMs: number, toUtcMs: number): Promise<string> {
    const query = new URLSearchParams({ from_utc_ms: fromUtcMs.toFixed(0), to_utc_ms: toUtcMs.toFixed(0) });
    try {
      return await (await this.send("GET", `${this.vodUrl(id, stream)}?${query}`)).text();
    } catch (error) {
      if (error instanceof HubError && error.problem?.code === "no_footage") return "";
      throw error;
    }
  }

  /** Bytes of a file that a playlist names, relative to the playlist. */
  async bytes(
    id: string,
    stream: Stream,
    uri: string,
    range: { readonly offset: number; readonly length: number },
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const address = new URL(uri, new URL(this.vodUrl(id, stream), location.href));
    address.searchParams.delete("token");
    const idle = new Idle(TIMEOUT_MS);
    try {
      const limit = AbortSignal.any([signal, idle.signal]);
      const answer = await this.send("GET", address.href, undefined, limit, {
        Range: `bytes=${range.offset}-${range.offset + range.length - 1}`,
      });
      const bytes = await idle.read(answer);
      return answer.status === 200 && bytes.byteLength > range.length
        ? bytes.slice(range.offset, range.offset + range.length)
        : bytes;
    } finally {
      idle.stop();
    }
  }

  /** A live socket: the hub chooses the stream by what the connection takes. The token goes along in the address: browsers cannot set headers here. Later ones go as messages. */
  live(id: string, events: SocketEvents): { send(text: string): void; close(): void } {
    let socket: WebSocket | null = null;
    let isClosed = false;
    const send = (text: string): void => {
      if (socket?.readyState === WebSocket.OPEN) socket.send(text);
    };
    const ask = (): Promise<Session> => this.cameraToken(id);
    const renewal = new Renewal({
      ask,
      handOver: (token) => {
        send(JSON.stringify({ token } satisfies MseRenewal));
      },
    });
    const open = (session: Session): void => {
      if (isClosed) return;
      const address = new URL(`/live/${encodeURIComponent(id)}/auto/mse`, location.href);
      address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
      address.searchParams.set("token", session.token ?? "");
      socket = new WebSocket(address);
      socket.binaryType = "arraybuffer";
      socket.onopen = events.opened;
      socket.onmessage = ({ data }: MessageEvent<unknown>) => {
        if (data instanceof ArrayBuffer) events.binary(data);
        else if (typeof data === "string") events.text(data);
      };
      socket.onclose = () => {
        renewal.stop();
        events.closed();
      };
      renewal.start(session);
    };
    ask().then(open, () => {
      if (!isClosed) events.closed();
    });
    return {
      send,
      close: () => {
        isClosed = true;
        renewal.stop();
        socket?.close();
      },
    };
  }

  /** A WebRTC session (WHEP): the hub's answer, and how to end it. */
  async openRtc(
    id: string,
    stream: LiveStream,
    offer: string,
    signal: AbortSignal,
  ): Promise<{ answer: string; close: () => void }> {
    const path = `/live/${encodeURIComponent(id)}/${stream}/whep`;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const ask = (): Promise<Session> => this.cameraToken(id);
    const opened = await ask();
    const answer = await this.send("POST", path, offer, limit, {
      "Content-Type": "application/sdp",
      ...bearer(opened.token),
    });
    const session = answer.headers.get("Location") ?? path;
    // Before anything goes on: whoever gives up now has nothing to stop.
    const text = await answer.text();
    const renewal = new Renewal({
      ask,
      handOver: async (token) => {
        const again = AbortSignal.timeout(TIMEOUT_MS);
        await this.send("POST", `${session}/renew`, undefined, again, bearer(token));
      },
    });
    renewal.start(opened);
    return {
      answer: text,
      close: () => {
        renewal.stop();
        // Also when the page goes away. A session that is gone already is no trouble, and one that stays ends by itself.
        const headers = bearer(this.token);
        fetch(session, { method: "DELETE", headers, keepalive: true }).catch(() => undefined);
      },
    };
  }

  eventsUrl(afterId: number | null): string {
    const query = new URLSearchParams({ token: this.token });
    if (afterId !== null) query.set("after", String(afterId));
    return `/api/v1/events?${query}`;
  }
}
