// Development mock, never shipped: see README.md beside it.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { FPS, liveFragment, makeMinute } from "./media.mjs";

const COUNT = Number(process.env.CAMERAS ?? 2);
const DOWN = new Set((process.env.DOWN ?? "").split(",").filter(Boolean).map(Number));
const PORT = Number(process.env.PORT ?? 8787);
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
  recording: { mode: "continuous", segment_seconds: 60, record_sub: false },
  engine: "auto",
  enabled: true,
  created_utc_ms: started - 40 * DAY,
});
let cameras = Array.from({ length: COUNT }, (_, i) => camera(i + 1));
const isDown = (id) => DOWN.has(Number(id.slice(3)));
const problem = (code, message, hint) => ({ code, message, hint });
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
    last_gap: { start_utc_ms: started - 7_200_000, end_utc_ms: started - 7_000_000, reason: "network" },
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
  return { spans: spans.filter(sees), gaps: holes.filter(sees), events: [event] };
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
  };
}

function storage() {
  const tier = { id: "t1", kind: "cache", root: "/var/lib/tarsier/footage", is_writable: true };
  const sizes = {
    disk_total_bytes: 2e12,
    disk_available_bytes: 1.1e12,
    footage_bytes: 0.72e12,
    segments: 41_222,
  };
  const usage = (c, i) => ({
    camera_id: c.id,
    footage_bytes: 0.36e12 / (i + 1),
    segments: 9000,
    oldest_utc_ms: started - 40 * DAY,
    newest_utc_ms: Date.now(),
  });
  return {
    tiers: [{ ...tier, ...sizes, bytes_per_day: 43e9, days_left: 25.6 }],
    cameras: cameras.map(usage),
  };
}

const page = (items) => ({ items, next: null });

async function answer(request, url) {
  const path = url.pathname;
  const number = (name) => Number(url.searchParams.get(name));
  const range = [number("from_utc_ms"), number("to_utc_ms")];
  const [, id, rest] = /^\/api\/v1\/cameras\/([^/]+)(?:\/(.*))?$/.exec(path) ?? [];
  if (path === "/api/v1/session")
    return { subject: "mock", role: "admin", cameras: null, expires_utc_ms: Date.now() + DAY, token: null };
  if (path === "/api/v1/system") return system();
  if (path === "/api/v1/storage") return storage();
  if (path === "/api/v1/status") return page(cameras.map(status));
  if (path === "/api/v1/recorders") return page(cameras.map(recorder));
  if (path === "/api/v1/recording") return void (paused = !paused);
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
  response.writeHead(value.status ?? 200, { "content-type": isRaw ? value.type : "application/json" });
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
    socket.send(JSON.stringify({ kind: "init", mime: MIME, width: 640, height: 360, stream: "main" }));
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
