// A camera that codes AV1, in a real browser: its own pictures by WebRTC, and by Media Source.
//
//   TARSIERD=target/debug/tarsierd node tests/ui/browser/av1.mjs
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { launch } from "./chromium.mjs";
import { api, Hub, until } from "./hub.mjs";
import { watchPictures } from "./look.mjs";

/** On a busy machine, too. */
const PATIENCE_MS = 60_000;
const film = fileURLToPath(
  new URL("../../fixtures/aom_lime_av.mp4", import.meta.url),
);
/** As a container may have it: the sequence header in its head alone. */
const bare = join(mkdtempSync(join(tmpdir(), "tarsier-av1-")), "bare.mp4");
execFileSync("ffmpeg", [
  ...["-v", "error", "-nostdin", "-i", film, "-c", "copy"],
  ...["-bsf:v", "filter_units=remove_types=1", bare],
]);
const ENCODER = [
  ...["-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", bare],
  ...["-c", "copy", "-f", "mp4", "-movflags"],
  ...["empty_moov+frag_every_frame+default_base_moof", "pipe:1"],
];

/** The film over HTTP, again and again, to each who asks. */
async function camera() {
  const encoders = new Set();
  const server = createServer((_request, answer) => {
    const encoder = spawn("ffmpeg", ENCODER, {
      stdio: ["ignore", "pipe", "inherit"],
    });
    encoders.add(encoder);
    encoder.stdout.pipe(answer);
    answer.on("close", () => {
      encoders.delete(encoder);
      encoder.kill("SIGKILL");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = () => {
    for (const encoder of encoders) encoder.kill("SIGKILL");
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}/live.mp4`, stop };
}

const quay = await camera();
const hub = new Hub();
await hub.start();
const ask = api(hub, hub.token());
const browser = await launch();

async function step(name, act) {
  const startMs = Date.now();
  await act();
  console.log(`ok  ${name}  (${((Date.now() - startMs) / 1000).toFixed(1)} s)`);
}

/** A page whose WebRTC connections are noted, or that has none. */
async function open(view, { hasRtc }) {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.addInitScript((keep) => {
    if (!keep) {
      delete globalThis.RTCPeerConnection;
      return;
    }
    const peers = (globalThis.journeyPeers = []);
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...options) {
        super(...options);
        peers.push(this);
      }
    };
  }, hasRtc);
  await page.goto(`${hub.url}/#token=${hub.token()}`);
  await page.evaluate((to) => (location.hash = `/${to}`), view);
  return page;
}

/** Pictures move there, and are lime as the film is. */
async function moves(page, video) {
  await watchPictures(page, video, 60, PATIENCE_MS);
  const seen = await page.evaluate((css) => {
    const g = new OffscreenCanvas(1, 1).getContext("2d");
    const shown = document.querySelector(css);
    const [x, y] = [shown.videoWidth / 2, shown.videoHeight / 2];
    g.drawImage(shown, x, y, 1, 1, 0, 0, 1, 1);
    return [...g.getImageData(0, 0, 1, 1).data].slice(0, 3);
  }, video);
  // The film does not say by which matrix its colours were made.
  const [red, green, blue] = seen;
  assert.ok(red < 40 && green > 190 && blue < 40, `lime, not ${seen}`);
}

try {
  const { id } = await ask("POST", "/api/v1/cameras", {
    name: "Quay",
    main: { url: quay.url },
  });
  const host = `[data-player=live][data-camera="${id}"]`;
  await until("its pictures flow", PATIENCE_MS, async () => {
    const { streams } = await ask("GET", `/api/v1/cameras/${id}/status`);
    return streams.some(({ is_playing }) => is_playing);
  });

  await step("WebRTC shows the camera's own AV1", async () => {
    const page = await open(`live/${id}`, { hasRtc: true });
    const own = "[data-state=playing][data-way=webrtc][data-stream=main]";
    await page.waitForSelector(`${host}${own}`);
    await moves(page, `${host} video`);
    const told = await page.evaluate(async () => {
      const reports = await globalThis.journeyPeers.at(-1).getStats();
      const all = [...reports.values()];
      const { codecId, ...inbound } = all.find(
        ({ type }) => type === "inbound-rtp",
      );
      const { mimeType } = all.find((report) => report.id === codecId);
      return { mimeType, ...inbound };
    });
    assert.equal(told.mimeType, "video/AV1");
    assert.ok(told.keyFramesDecoded > 1, `${told.keyFramesDecoded} keyframes`);
    await page.context().close();
  });

  await step("Media Source shows it, too", async () => {
    const page = await open(`live/${id}`, { hasRtc: false });
    const own = "[data-state=playing][data-way=mse][data-stream=main]";
    await page.waitForSelector(`${host}${own}`);
    await moves(page, `${host} video`);
    await page.context().close();
  });
} finally {
  await browser.close();
  await hub.stop();
  quay.stop();
  rmSync(dirname(bare), { recursive: true, force: true });
}
