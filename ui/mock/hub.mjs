// Development mock, never shipped: see README.md beside it.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { FPS, liveFragment, makeMinute } from "./media.mjs";

const COUNT = Number(process.env.CAMERAS ?? 2);
const DOWN = new Set((process.env.DOWN ?? "").split(",").filter(Boolean).map(Number));
const PORT = Number(process.env.PORT ?? 8787);
const ROLE = process.env.ROLE ?? "admin";
const CODECS = "avc1.64001e";
const MIME = `video/mp4; codecs="${CODECS}"`;
const PART_UNITS = FPS * 4;
// Long enough to overflow everything that it can.
const NAMES = [
  "Garden",
  "Front door",
  "Garage",
  "The long drive behind the old barn with the two big oak trees",
];
const DAY = 86_400_000;
const started = Date.now();
const minute = makeMinute();
const sockets = new Set();
let paused = false;

const camera = (n) => ({
  id: `cam${n}`,
  name: NAMES[n - 1] ?? `Camera ${n}`,
  main: { url: `rtsp://192.0.2.${n}:554/main`, transport: "tcp" },
  sub: { url: `rtsp://192.0.2.${n}:554/sub`, transport: "tcp" },
  username: "viewer",
  has_password: true,
  recording: {
    mode: "continuous",
    segment_seconds: 60,
    record_sub: false,
    schedule: [],
    pre_roll_seconds: 5,
    post_roll_seconds: 10,
  },
  engine: "auto",
  enabled: true,
  created_utc_ms: started - 40 * DAY,
});
let cameras = Array.from({ length: COUNT }, (_, i) => camera(i + 1));
const locks = new Map();
const supervision = {
  max_rss_mb: 1000,
  max_cpu_percent: 80,
  cpu_seconds: 60,
  heartbeat_seconds: 10,
  start_seconds: 20,
  media_window_seconds: 600,
  min_media_percent: 50,
  first_wait_ms: 500,
  wait_seconds: 5,
  longest_wait_seconds: 60,
  max_restarts: 5,
  restarts_within_seconds: 600,
  pause_seconds: 1800,
  disk_retry_seconds: 30,
  restarts_at_once: 2,
  handover_seconds: 30,
  orphan_seconds: 60,
};
const isDown = (id) => DOWN.has(Number(id.slice(3)));
const problem = (code, message, hint) => ({ code, message, hint });
const noBucket = problem(
  "no_such_path",
  "There is no such bucket.",
  "Check its name and region, and make it first.",
);
const turns = {
  kind: "able",
  pan_tilt: true,
  zoom: true,
  presets: ["Front door", "Gate and street", "The bins"].map((name, at) => ({ token: String(at), name })),
};
const noPtz = problem("not_found", "This camera cannot be turned from here.", "");
const stillWritten = problem(
  "bad_request",
  "Footage is being written to /mnt/cellar/footage.",
  "Let recording move to another place first: list that one before it, or free it.",
);
const endless = problem(
  "bad_request",
  "Nothing is ever deleted from the bucket s3://backup-of-the-house/cameras: it would grow, and cost, without end.",
  "Set the days that the bucket keeps, the most bytes it may hold, or a greatest age for every stream.",
);
const away = problem(
  "host_unreachable",
  "The camera does not answer at 192.0.2.7.",
  "Check its power and network.",
);

function recorder({ id }) {
  const base = { camera_id: id, engine: "rust", state: isDown(id) ? "waiting" : "running" };
  return {
    ...base,
    pid: 4000 + Number(id.slice(3)),
    cpu_percent: 1.4,
    rss_bytes: 14.2e6,
    restarts: 0,
    started_utc_ms: started,
  };
}

function stream(name, id) {
  const [width, height, bps] = name === "main" ? [1920, 1080, 4.1e6] : [640, 360, 0.52e6];
  const units = Math.floor(((Date.now() - started) / 1000) * FPS);
  const down = isDown(id);
  return {
    stream: name,
    is_playing: !down,
    problem: down ? away : null,
    video: { codec: "h264", rfc6381: "avc1.640028", width, height, fps: FPS },
    audio: name === "main" ? { codec: "aac", sample_rate_hz: 16000, channels: 1 } : null,
    bitrate_bps: down ? 0 : bps,
    fps: down ? 0 : FPS,
    last_picture_utc_ms: down ? started - 900_000 : Date.now(),
    units_in: units,
    units_on_disk: units,
    units_lost: 0,
    packets_lost: 0,
    reconnects: down ? 4 : 0,
    viewers: 1,
  };
}

function status(c) {
  const down = isDown(c.id);
  return {
    camera_id: c.id,
    state: !c.enabled ? "disabled" : down ? "offline" : "recording",
    since_utc_ms: down ? started - 900_000 : started,
    problem: down ? away : null,
    retry_at_utc_ms: down ? Date.now() + 20_000 : null,
    streams: [stream("main", c.id), stream("sub", c.id)],
    recorder: recorder(c),
    keeps: "continuous",
    keeps_until_utc_ms: null,
    last_gap: { start_utc_ms: started - 7_200_000, end_utc_ms: started - 7_000_000, reason: "network" },
    conversions: [{ stream: "720p", encoder: "h264_vaapi", runs_on: "hardware", viewers: 1 }],
  };
}

function timeline(id, from, to) {
  const oldest = started - 40 * DAY;
  const holes = [];
  const put = (start, end, reason) => holes.push({ start_utc_ms: start, end_utc_ms: end, reason });
  for (let day = 40; day >= 1; day -= 7)
    put(started - day * DAY, started - day * DAY + 5 * 3_600_000, "planned");
  put(started - 7_200_000, started - 7_000_000, "network");
  put(started - 1_500_000, started - 1_380_000, "camera");
  if (isDown(id)) put(started - 900_000, Date.now(), "network");
  const spans = [];
  let at = oldest;
  for (const hole of holes) {
    spans.push({
      start_utc_ms: at,
      end_utc_ms: hole.start_utc_ms,
      stream: "main",
      tier: "cache",
      locked: false,
    });
    at = hole.end_utc_ms;
  }
  spans.push({
    start_utc_ms: at,
    end_utc_ms: Math.max(at, Date.now() - 1000),
    stream: "main",
    tier: "cache",
    locked: false,
  });
  const sees = (span) =>
    span.end_utc_ms > from && span.start_utc_ms < to && span.end_utc_ms > span.start_utc_ms;
  const event = {
    id: 1,
    utc_ms: started - 7_200_000,
    kind: "camera_offline",
    camera_id: id,
    title: "No picture",
    body: "",
  };
  return { spans: cutAtLocks(id, spans.filter(sees)), gaps: holes.filter(sees), events: [event] };
}

/** The mock's spans are cut where locks begin and end, as the hub's are. */
function cutAtLocks(id, spans) {
  const edges = (locks.get(id) ?? []).flatMap((lock) => [lock.from_utc_ms, lock.to_utc_ms]);
  const isLocked = (at) => (locks.get(id) ?? []).some((l) => l.from_utc_ms <= at && l.to_utc_ms > at);
  return spans.flatMap((span) => {
    const inside = edges.filter((at) => at > span.start_utc_ms && at < span.end_utc_ms);
    const cuts = [...new Set([span.start_utc_ms, ...inside, span.end_utc_ms])].sort((a, b) => a - b);
    return cuts
      .slice(1)
      .map((end_utc_ms, i) => ({ ...span, start_utc_ms: cuts[i], end_utc_ms, locked: isLocked(cuts[i]) }));
  });
}

function playlist(id, from, to) {
  const lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:5"];
  const { spans } = timeline(id, from, to);
  for (let start = Math.floor(from / 60_000) * 60_000; start < Math.min(to, Date.now()); start += 60_000) {
    if (!spans.some((span) => span.start_utc_ms <= start && span.end_utc_ms >= start + 1000)) continue;
    const whole = start + 60_000 <= Date.now();
    const units = whole ? minute.units.length : Math.floor(((Date.now() - start - 1000) / 1000) * FPS);
    lines.push("#EXT-X-DISCONTINUITY", `#EXT-X-TARSIER-CODECS:"${CODECS}"`);
    lines.push(`#EXT-X-MAP:URI="segments/${start}.mp4",BYTERANGE="${minute.initBytes}@0"`);
    lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(start).toISOString()}`);
    for (let first = 0; first + PART_UNITS <= units; first += PART_UNITS) {
      const offset = minute.units[first].start;
      const end = minute.units[first + PART_UNITS - 1].end;
      lines.push(`#EXTINF:${(PART_UNITS / FPS).toFixed(3)},`, `#EXT-X-BYTERANGE:${end - offset}@${offset}`);
      lines.push(`segments/${start}.mp4`);
    }
  }
  if (to < Date.now() - 60_000) lines.push("#EXT-X-ENDLIST");
  return lines.join("\n");
}

function system() {
  const down = cameras.filter((c) => isDown(c.id)).length;
  return {
    version: "0.0.0-mock",
    started_utc_ms: started,
    now_utc_ms: Date.now(),
    time_zone: process.env.ZONE ?? "Europe/Berlin",
    machine_cpu_percent: 23,
    cores: 4,
    memory_total_bytes: 16e9,
    memory_used_bytes: 5.2e9,
    hub_cpu_percent: 1.7,
    hub_rss_bytes: 42e6,
    recording_cameras: cameras.length - down,
    offline_cameras: down,
    cameras: cameras.length,
    is_paused: paused,
    demo_cameras: cameras.length,
    rtsp: {
      url: "rtsp://127.0.0.1:8554",
      problem: null,
      tls_url: "rtsps://127.0.0.1:8322",
      tls_problem: null,
      certificate: {
        fingerprint_sha256: Array.from({ length: 32 }, (_, n) =>
          (n * 7 + 16).toString(16).toUpperCase(),
        ).join(":"),
        until_utc_ms: Date.now() + 3650 * DAY,
        is_own: true,
      },
    },
    open_alerts: alerts().filter((alert) => alert.resolved_utc_ms === null && alert.severity !== "info")
      .length,
    alerts_muted_until_utc_ms: muted,
  };
}

function storage() {
  const tier = {
    is_writable: true,
    name: "",
    state: "writable",
    away_since_utc_ms: null,
    min_free_bytes: 100e9,
    incoming: 0,
    is_written_to: false,
    last_cleanup: null,
    bytes_per_day: 43e9,
  };
  const ssd = {
    ...tier,
    id: "t1",
    kind: "cache",
    root: "/var/lib/tarsier/footage",
    disk_total_bytes: 2e12,
    disk_available_bytes: 1.1e12,
    footage_bytes: 0.72e12,
    segments: 41_222,
    days_left: 25.6,
    is_written_to: true,
  };
  const more = [
    {
      ...tier,
      id: "t2",
      kind: "archive",
      name: "The big disk in the cellar",
      root: "/mnt/cellar/footage",
      disk_total_bytes: 16e12,
      disk_available_bytes: 9e12,
      footage_bytes: 6.2e12,
      segments: 341_222,
      days_left: 210,
      incoming: 3,
    },
    {
      ...tier,
      id: "t3",
      kind: "object_store",
      name: "s3://backup-of-the-house/cameras",
      root: "s3://backup-of-the-house/cameras",
      disk_total_bytes: 0,
      disk_available_bytes: 0,
      footage_bytes: 0.4e12,
      segments: 21_222,
      days_left: null,
      min_free_bytes: null,
      incoming: 12,
    },
  ];
  const usage = (c, i) => ({
    camera_id: c.id,
    footage_bytes: 0.36e12 / (i + 1),
    segments: 9000,
    oldest_utc_ms: started - 40 * DAY,
    newest_utc_ms: Date.now(),
  });
  return {
    tiers: process.env.PLACES === "3" ? [ssd, ...more] : [ssd],
    cameras: cameras.map(usage),
  };
}

let policy = { tiers: [], keep: { min_days: 0 }, streams: [] };

function forecast({ keep = {} }) {
  const days = Math.min(keep.max_age_days ?? 25.6, 25.6);
  const limit = days < 25.6 ? "age" : "space";
  const stream = (c) => ({
    camera_id: c.id,
    stream: "main",
    bytes_per_day: 43e9 / cameras.length,
    is_rough: false,
    days,
    event_days: Math.max(days, keep.events_days ?? 0),
    limit,
    bucket_days: null,
  });
  const start_utc_ms = started - 20 * DAY;
  const what = { kind: "delete", why: limit === "age" ? "age" : "tier_full" };
  const next = { tier: "t1", camera_id: cameras[0]?.id, stream: "main", start_utc_ms, what };
  const short = (keep.min_days ?? 0) > days;
  return {
    streams: cameras.map(stream),
    tiers: {},
    next: cameras.length ? [{ ...next, when_utc_ms: Date.now() + 5 * DAY }] : [],
    warnings: short
      ? cameras.map((c) => ({
          kind: "minimum_not_kept",
          camera_id: c.id,
          stream: "main",
          min_days: keep.min_days,
          days,
        }))
      : [],
  };
}

const mockToken = (n) => ({
  id: n.toString(16).padStart(32, "0"),
  subject: [
    "window",
    "The neighbour",
    "Kitchen display",
    "Home automation in the cupboard under the stairs, second one",
    "cli",
  ][n % 5],
  role: n % 5 === 0 ? "admin" : "viewer",
  cameras: [null, ["cam1"], ["cam1", "cam2", "cam4", "cam3", "gone"], ["cam2"], null][n % 5],
  streams: n % 5 === 3 ? ["sub"] : null,
  rights: [null, null, ["live", "playback"], ["live"], null][n % 5],
  issued_utc_ms: started - n * 3_600_000,
  expires_utc_ms: started + [12, 20, 24 * 3650, 24 * 30, 1][n % 5] * 3_600_000,
  is_renewable: n % 5 === 0 || n % 5 === 4,
  used_utc_ms: n % 5 === 3 ? null : Date.now() - n * 61_000,
  running: [3, 0, 1, 0, 0][n % 5],
  has_rtsp_login: n % 5 === 2 || n % 5 === 3,
});
// The page's own is the first.
let tokens = Array.from({ length: Number(process.env.TOKENS ?? 0) + 1 }, (_, n) => mockToken(n));

const rtspLogin = (id) => ({ username: id.slice(-12), password: id.slice(-6).repeat(4) });

async function giveToken(request) {
  const { ttl_seconds, ...asked } = await bodyOf(request);
  const issued_utc_ms = Date.now();
  const id = issued_utc_ms.toString(16).padStart(32, "0");
  const given = { ...asked, id, issued_utc_ms, expires_utc_ms: issued_utc_ms + ttl_seconds * 1000 };
  tokens = [
    { ...given, is_renewable: false, used_utc_ms: null, running: 0, has_rtsp_login: true },
    ...tokens,
  ];
  const words = Buffer.from(JSON.stringify({ ...given, iat: issued_utc_ms })).toString("base64url");
  return {
    status: 201,
    ...given,
    rtsp_login: rtspLogin(id),
    token: `eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.${words}.${"x".repeat(43)}`,
  };
}

async function bodyOf(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

const page = (items) => ({ items, next: null });

let muted = null;
const noted = new Set();

function alerts() {
  const down = cameras.filter((c) => isDown(c.id));
  const since = started - 900_000;
  const base = { camera_ids: [], raised_utc_ms: since + 21_000, changed_utc_ms: since, occurrences: 1 };
  const open = {
    id: 7,
    kind: "camera_offline",
    severity: "critical",
    ...base,
    camera_ids: down.map((c) => c.id),
    since_utc_ms: since,
    resolved_utc_ms: null,
    title: down.length === 1 ? `${down[0].name}: no picture` : `${down.length} cameras: no picture`,
    body: `${down.map((c) => c.name).join(", ")}. Nothing of them is recorded meanwhile.`,
    hint: "Look first at what they share, a switch, its power, the network.",
  };
  const low = {
    ...open,
    id: 6,
    kind: "disk_low",
    severity: "warning",
    camera_ids: [],
    title: "The disk is nearly full: 41 GB are free",
    body: "When it is full, the oldest footage is deleted.",
    hint: "Make room, add a disk, or keep footage for fewer days.",
  };
  const past = { ...open, id: 3, title: "Garage: no picture", resolved_utc_ms: started, occurrences: 3 };
  const all = down.length === 0 ? [past] : [open, low, past];
  return all.map((alert) => ({
    ...alert,
    acknowledged_utc_ms: noted.has(alert.id) ? started : null,
    acknowledged_by: noted.has(alert.id) ? "mock" : null,
  }));
}

function ledger(c) {
  const gap = { start_utc_ms: started - 7_200_000, end_utc_ms: started - 7_000_000, reason: "network" };
  const gaps = [
    { reason: "camera", count: 1, ms: 120_000 },
    { reason: "network", count: 1, ms: 200_000 },
    { reason: "planned", count: 1, ms: 18_000_000 },
  ];
  return {
    camera_id: c.id,
    stream: "main",
    from_utc_ms: started - DAY,
    to_utc_ms: started,
    recorded_ms: DAY - 18_320_000,
    recorded_percent: 99.53,
    recorded_percent_of_all: 78.79,
    gaps: c.id === "cam2" ? [] : gaps,
    longest_gap: c.id === "cam2" ? null : gap,
    unknown_ms: 0,
    line:
      c.id === "cam2"
        ? "recorded 100 % of the last 24 h; no gaps"
        : "recorded 99.53 % of what was wanted in the last 24 h (78.79 % of all of it); 2 gaps, 1 camera, 1 network; 5 h not wanted",
  };
}

async function answer(request, url) {
  const path = url.pathname;
  const number = (name) => Number(url.searchParams.get(name));
  const range = [number("from_utc_ms"), number("to_utc_ms")];
  const [, id, rest] = /^\/api\/v1\/cameras\/([^/]+)(?:\/(.*))?$/.exec(path) ?? [];
  if (path.startsWith("/api/v1/session")) {
    const mock = {
      id: "0".repeat(32),
      subject: "mock",
      role: ROLE,
      cameras: null,
      streams: null,
      rights: null,
    };
    const token = path.endsWith("/stream") ? "mock" : null;
    return { ...mock, issued_utc_ms: Date.now(), expires_utc_ms: Date.now() + DAY, token };
  }
  if (path === "/api/v1/tokens") return request.method === "POST" ? giveToken(request) : page(tokens);
  if (path.endsWith("/rtsp-login")) return rtspLogin(path.split("/").at(-2));
  if (path.startsWith("/api/v1/tokens/"))
    return void (tokens = tokens.filter((token) => !path.endsWith(token.id)));
  if (path === "/api/v1/system") return system();
  if (path === "/api/v1/storage") return storage();
  if (path.startsWith("/api/v1/storage/tiers/")) return { status: 400, problem: stillWritten };
  if (path === "/api/v1/storage/tiers") return { status: 422, problem: noBucket };
  if (path === "/api/v1/supervision")
    return request.method === "PUT" ? Object.assign(supervision, await bodyOf(request)) : supervision;
  if (path === "/api/v1/storage/forecast") {
    const asked = await bodyOf(request);
    const isEndless = asked.tiers?.some((rules) => rules.bucket?.keep_days === null && !rules.max_bytes);
    return isEndless && !asked.keep?.max_age_days ? { status: 400, problem: endless } : forecast(asked);
  }
  if (path === "/api/v1/storage/policy")
    return request.method === "PUT" ? (policy = await bodyOf(request)) : policy;
  if (path === "/api/v1/status") return page(cameras.map(status));
  if (path === "/api/v1/recorders") return page(cameras.map(recorder));
  if (path === "/api/v1/recording") return void (paused = !paused);
  if (path === "/api/v1/alerts") return page(alerts());
  if (path === "/api/v1/alerts/mute") {
    if (request.method === "PUT") muted = muted === null ? Date.now() + 3_600_000 : null;
    return { until_utc_ms: muted };
  }
  if (path === "/api/v1/alerts/settings")
    return {
      hold_off_seconds: 10,
      webhook_url: "https://example.org/hooks/cameras",
      has_webhook_secret: true,
      webhook_result: { at_utc_ms: started, is_delivered: false, message: "Nobody answers there." },
    };
  if (path.endsWith("/acknowledge")) {
    noted.add(Number(path.split("/")[4]));
    return {};
  }
  if (path === "/api/v1/demo") return void (cameras = [camera(1), camera(2)]);
  if (path === "/api/v1/cameras" && request.method === "GET") return page(cameras);
  if (id === "test")
    return {
      status: 422,
      problem: problem(
        "wrong_credentials",
        "The camera refused the user name or password.",
        "Check both in the camera's own web page.",
      ),
    };
  if (rest === "locks" && request.method === "POST") {
    const lock = { ...(await bodyOf(request)), id: String(Date.now()), created_utc_ms: Date.now() };
    locks.set(id, [...(locks.get(id) ?? []), { ...lock, note: lock.note ?? "" }]);
    return { status: 201, ...lock };
  }
  if (rest === "locks") return locks.get(id) ?? [];
  if (rest?.startsWith("locks/")) {
    const lifted = rest.slice("locks/".length);
    return void locks.set(
      id,
      (locks.get(id) ?? []).filter((lock) => lock.id !== lifted),
    );
  }
  if (id && !rest && request.method === "PATCH") {
    const change = await bodyOf(request);
    cameras = cameras.map((c) => (c.id === id ? { ...c, ...change } : c));
    return cameras.find((c) => c.id === id);
  }
  if (rest === "ptz") return id === "cam1" ? turns : { kind: "unable", problem: noPtz };
  if (rest?.startsWith("ptz/")) return {};
  if (rest === "ledger") return ledger(cameras.find((c) => c.id === id));
  if (rest === "timeline") return timeline(id, ...range);
  if (rest?.endsWith("vod.m3u8"))
    return { type: "application/vnd.apple.mpegurl", body: playlist(id, ...range) };
  if (rest?.endsWith("still.jpg")) return { type: "image/jpeg", body: minute.still };
  if (rest?.endsWith(".mp4")) {
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
    return { status: 206, type: "video/mp4", body: minute.file.subarray(Number(from), Number(to) + 1) };
  }
  return { status: 404, problem: problem("not_found", "The mock does not know this.", "") };
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://mock");
  if (url.pathname === "/api/v1/events") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const event = {
      id: 1,
      utc_ms: started,
      kind: "hub_started",
      camera_id: null,
      title: "Tarsier started",
      body: "",
    };
    response.write(`id: 1\nevent: hub_started\ndata: ${JSON.stringify(event)}\n\n`);
    return;
  }
  const value = (await answer(request, url)) ?? {};
  const isRaw = "body" in value && "type" in value;
  const status = Number(value.status ?? 200);
  response.writeHead(status, { "content-type": isRaw ? value.type : "application/json" });
  response.end(isRaw ? value.body : JSON.stringify(value.problem ?? value));
});

const live = new WebSocketServer({ server });
live.on("connection", (socket, request) => {
  const id = request.url.split("/")[2];
  sockets.add(socket);
  socket.once("message", () => {
    if (isDown(id)) {
      socket.send(JSON.stringify({ kind: "waiting", problem: away }));
      return;
    }
    socket.send(
      JSON.stringify({ kind: "init", mime: MIME, width: 640, height: 360, stream: "main", is_best: true }),
    );
    socket.send(minute.init);
    const now = () => Math.floor((Date.now() / 1000) * FPS);
    let next = now() - (now() % (FPS * 2));
    const first = next;
    const send = () => {
      for (; next <= now(); next += 1) {
        socket.send(liveFragment(minute, next, ((next - first) * 90_000) / FPS, (next * 1000) / FPS));
      }
    };
    send();
    const timer = setInterval(send, 1000 / FPS);
    socket.on("close", () => clearInterval(timer));
  });
});

server.listen(PORT, "127.0.0.1", () => {
  console.log(
    JSON.stringify({ event: "ready", url: `http://127.0.0.1:${server.address().port}`, mock: true }),
  );
});
