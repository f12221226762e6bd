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
import type { Recording } from "../../hub/generated/Recording";
import type { RecordingMode } from "../../hub/generated/RecordingMode";
import type { RtpTransport } from "../../hub/generated/RtpTransport";
import { Plan } from "../schedule/plan.svelte";
import { hostOf } from "./words";

export const SEGMENT_SECONDS = [60, 120, 180, 300, 600, 900] as const;
/** As the hub takes them. */
export const LONGEST_PRE_ROLL = 60;
export const LONGEST_POST_ROLL = 600;

export class CameraForm {
  url = $state("");
  username = $state("");
  password = $state("");
  subUrl = $state("");
  onvifUrl = $state("");
  transport = $state<RtpTransport>("tcp");
  engine = $state<EngineChoice>("auto");
  mode = $state<RecordingMode>("continuous");
  segmentSeconds = $state(180);
  recordSub = $state(false);
  /** Seconds kept from before and after an event; null while the field is empty. */
  preRoll = $state<number | null>(5);
  postRoll = $state<number | null>(10);
  /** What somebody typed; null while the name is taken from the address. */
  typedName = $state<string | null>(null);
  readonly hasPassword: boolean;
  readonly plan: Plan;
  private readonly storedSchedule: Recording["schedule"];

  constructor(camera?: Camera) {
    this.hasPassword = camera?.has_password ?? false;
    this.storedSchedule = camera?.recording.schedule ?? [];
    this.plan = new Plan(this.storedSchedule);
    if (!camera) return;
    this.typedName = camera.name;
    this.url = camera.main.url;
    this.transport = camera.main.transport;
    this.username = camera.username ?? "";
    this.subUrl = camera.sub?.url ?? "";
    this.onvifUrl = camera.onvif_url ?? "";
    this.engine = camera.engine;
    this.mode = camera.recording.mode;
    this.segmentSeconds = camera.recording.segment_seconds;
    this.recordSub = camera.recording.record_sub;
    this.preRoll = camera.recording.pre_roll_seconds;
    this.postRoll = camera.recording.post_roll_seconds;
  }

  get name(): string {
    return this.typedName ?? hostOf(this.url);
  }

  /** Something is kept only when something happens, always or at times. */
  get waitsForEvents(): boolean {
    return this.mode === "on_event" || (this.mode === "schedule" && this.plan.hasEvents);
  }

  get isFilled(): boolean {
    const isPlanned = this.mode !== "schedule" || this.plan.isSound;
    return this.url.trim() !== "" && this.name.trim() !== "" && isPlanned;
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
      onvif_url: this.onvifUrl.trim() || null,
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
    if (!sub && camera.sub) change.sub = null;
    if (sub && (sub !== camera.sub?.url || isMoved)) change.sub = { url: sub, transport: this.transport };
    if (this.username !== (camera.username ?? "")) change.username = this.username;
    if (this.engine !== camera.engine) change.engine = this.engine;
    const onvif = this.onvifUrl.trim();
    if (onvif !== (camera.onvif_url ?? "")) change.onvif_url = onvif || null;
    const recording = this.recording();
    const isSame = (Object.keys(recording) as (keyof Recording)[]).every(
      (key) => JSON.stringify(recording[key]) === JSON.stringify(camera.recording[key]),
    );
    if (!isSame) change.recording = recording;
    return change;
  }

  private recording(): Recording {
    return {
      mode: this.mode,
      segment_seconds: this.segmentSeconds,
      record_sub: this.recordSub,
      // A week that was planned once is remembered while another mode is on.
      schedule: this.mode === "schedule" ? this.plan.spans : this.storedSchedule,
      pre_roll_seconds: this.preRoll ?? 0,
      post_roll_seconds: this.postRoll ?? 0,
    };
  }
}
