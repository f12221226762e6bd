// The browser's part of `cargo xtask bench live`: how soon the first picture is there, and how late each picture is.
//
// It does not trust the player: it reads the `prft` box (arrival at the recorder) of every fragment as it comes over
// the socket, and asks `requestVideoFrameCallback` which picture is shown when. The last line is JSON.
import { createRequire } from "node:module";

const require = createRequire(new URL("../../../ui/package.json", import.meta.url));
const { chromium } = require("playwright-core");

const { TARSIER_URL: url, TARSIER_CAMERA: camera, TARSIER_SECONDS: seconds = "30" } = process.env;
const STARTS = 40;

/** Runs in the page before anything else: notes when each picture had reached the recorder. */
function listen() {
  // What is measured is the way over the socket: without WebRTC it is the only one.
  delete globalThis.RTCPeerConnection;
  const arrived = new Map();
  window.__bench = { arrived, delays: [], jumps: 0 };
  const word = (view, at) => view.getUint32(at);
  const note = (data) => {
    const view = new DataView(data);
    if (view.byteLength < 32 || word(view, 4) !== 0x70726674) return; // "prft"
    const unixMs = (word(view, 16) - 2208988800) * 1000 + (word(view, 20) / 2 ** 32) * 1000;
    const ticks = view.getUint8(8) === 1 ? Number(view.getBigUint64(24)) : word(view, 24);
    arrived.set(Math.round(ticks / 90), unixMs);
    if (arrived.size > 2000) arrived.delete(arrived.keys().next().value);
  };
  window.WebSocket = class extends window.WebSocket {
    constructor(...args) {
      super(...args);
      arrived.clear();
      this.addEventListener("message", ({ data }) => data instanceof ArrayBuffer && note(data));
    }
  };
}

/** Runs in the page: the delay of each picture that is shown for so long. */
function watch([selector, millis]) {
  return new Promise((resolve) => {
    const { arrived, delays } = window.__bench;
    const video = document.querySelector(selector);
    const before = video.getVideoPlaybackQuality().droppedVideoFrames;
    let [last, missed, jumps] = [null, 0, 0];
    const seen = (now, facts) => {
      const at = arrived.get(Math.round(facts.mediaTime * 1000));
      if (at !== undefined) delays.push(performance.timeOrigin + Math.max(now, facts.expectedDisplayTime) - at);
      if (last !== null && facts.presentedFrames - last > 1) missed += facts.presentedFrames - last - 1;
      last = facts.presentedFrames;
      video.requestVideoFrameCallback(seen);
    };
    video.requestVideoFrameCallback(seen);
    video.addEventListener("seeking", () => (jumps += 1));
    setTimeout(() => {
      const dropped = video.getVideoPlaybackQuality().droppedVideoFrames - before;
      resolve({ delays, dropped, missed, jumps });
    }, millis);
  });
}

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
  ],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
await page.addInitScript(listen);
const base = new URL(url).origin;
await page.goto(url);
const player = `[data-player="live"][data-camera="${camera}"]`;

const first = [];
for (let start = 0; start < STARTS; start += 1) {
  await page.goto(`${base}/#/health`);
  await page.waitForSelector(player, { state: "detached" });
  await page.goto(`${base}/#/live`);
  const host = await page.waitForSelector(`${player}[data-first-picture-ms]`, { state: "attached", timeout: 20_000 });
  first.push(Number(await host.getAttribute("data-first-picture-ms")));
}
const watched = await page.evaluate(watch, [`${player} video`, Number(seconds) * 1000]);
const version = browser.version();
await browser.close();
console.log(
  JSON.stringify({
    browser: `Chromium ${version}`,
    first_picture_ms: first,
    delay_ms: watched.delays,
    dropped: watched.dropped,
    missed_callbacks: watched.missed,
    jumps: watched.jumps,
  }),
);
