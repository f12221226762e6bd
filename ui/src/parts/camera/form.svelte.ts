/**
 * What is typed about a camera, and what is made of it for the hub.
 *
 * What does not belong here: sending it, and how it is laid out.
 */

import type { Camera } from "../../hub/generated/Camera";
import type { CameraChange } from "../../hub/generated/CameraChange";
import type { CameraTest } from "../../hub/generated/CameraTest";
import type { EngineChoice } from "../../hub/generated/EngineChoice";
import type { NewCamera } from "../../hub/generated/NewCamera";
import type { RecordingMode } from "../../hub/generated/RecordingMode";
import type { RtpTransport } from "../../hub/generated/RtpTransport";
import { hostOf } from "./words";

export const SEGMENT_SECONDS = [60, 120, 300, 600, 900] as const;

export class CameraForm {
  url = $state("");
  username = $state("");
  password = $state("");
  subUrl = $state("");
  transport = $state<RtpTransport>("tcp");
  engine = $state<EngineChoice>("auto");
  mode = $state<RecordingMode>("continuous");
  segmentSeconds = $state(300);
  recordSub = $state(false);
  /** What somebody typed; null while the name is taken from the address. */
  typedName = $state<string | null>(null);
  readonly hasPassword: boolean;

  constructor(camera?: Camera) {
    this.hasPassword = camera?.has_password ?? false;
    if (!camera) return;
    this.typedName = camera.name;
    this.url = camera.main.url;
    this.transport = camera.main.transport;
    this.username = camera.username ?? "";
    this.subUrl = camera.sub?.url ?? "";
    this.engine = camera.engine;
    this.mode = camera.recording.mode;
    this.segmentSeconds = camera.recording.segment_seconds;
    this.recordSub = camera.recording.record_sub;
  }

  get name(): string {
    return this.typedName ?? hostOf(this.url);
  }

  get isFilled(): boolean {
    return this.url.trim() !== "" && this.name.trim() !== "";
  }

  test(): CameraTest {
    return {
      url: this.url.trim(),
      username: this.username || null,
      password: this.password || null,
      transport: this.transport,
    };
  }

  toAdd(): NewCamera {
    return {
      name: this.name.trim(),
      main: { url: this.url.trim(), transport: this.transport },
      sub: this.subUrl.trim() ? { url: this.subUrl.trim(), transport: this.transport } : null,
      username: this.username || null,
      password: this.password || null,
      engine: this.engine,
      recording: this.recording(),
    };
  }

  /** Only what differs: an address that was not touched must not lose the credentials that are kept beside it. */
  toChange(camera: Camera): CameraChange {
    const change: CameraChange = { password: this.password || null };
    if (this.name.trim() !== camera.name) change.name = this.name.trim();
    const isMoved = this.transport !== camera.main.transport;
    if (this.url.trim() !== camera.main.url || isMoved) {
      change.main = { url: this.url.trim(), transport: this.transport };
    }
    const sub = this.subUrl.trim();
    if (sub && (sub !== camera.sub?.url || isMoved)) change.sub = { url: sub, transport: this.transport };
    if (this.username !== (camera.username ?? "")) change.username = this.username;
    if (this.engine !== camera.engine) change.engine = this.engine;
    const recording = this.recording();
    if (JSON.stringify(recording) !== JSON.stringify(camera.recording)) change.recording = recording;
    return change;
  }

  private recording() {
    return { mode: this.mode, segment_seconds: this.segmentSeconds, record_sub: this.recordSub };
  }
}
