// The browser's part of `cargo xtask bench live` for LL-HLS, played by hls.js in its low latency mode. It runs in a page
// of the hub, whose origin may ask for playlists; our own player is not in it.
import { readFileSync } from "node:fs";
import { base, open, report, require, told } from "./browser.mjs";
import { install } from "./watch.mjs";

const STARTS = 20;
const SETTLE_MS = 8_000;
const script = readFileSync(require.resolve("hls.js/dist/hls.min.js"), "utf8");
const playlist = `${base}/live/${told.camera}/main/index.m3u8?token=${process.env.TARSIER_TOKEN}`;

/** Runs in the page: plays, and tells after how many milliseconds the first picture was there. */
function play([source, millis]) {
  window.__hls?.hls.destroy();
  window.__hls?.video.remove();
  const video = document.createElement("video");
  video.muted = true;
  video.style.cssText = "position: fixed; inset: 0; width: 100%; height: 100%; z-index: 1000";
  document.body.append(video);
  const hls = new globalThis.Hls({ lowLatencyMode: true, enableWorker: false, maxLiveSyncPlaybackRate: 1.5 });
  window.__hls = { hls, video };
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const late = setTimeout(() => reject(new Error("no picture")), millis);
    video.requestVideoFrameCallback(() => {
      clearTimeout(late);
      resolve(performance.now() - begun);
    });
    hls.on(globalThis.Hls.Events.ERROR, (_, { fatal, details }) => fatal && reject(new Error(details)));
    hls.loadSource(source);
    hls.attachMedia(video);
    void video.play();
  });
}

const { browser, page } = await open({ width: 1280, height: 800 });
await page.addInitScript(install, told.pictures);
await page.goto(told.url);
await page.goto(`${base}/#/health`);
await page.waitForSelector(`[data-player="live"]`, { state: "detached" });
// As a script of the page's own realm: the content security policy takes none from elsewhere.
await page.evaluate(script);

const first = [];
for (let start = 0; start < STARTS; start += 1) first.push(await page.evaluate(play, [playlist, 20_000]));
// hls.js draws near to where it wants to be by playing a little faster.
await page.waitForTimeout(SETTLE_MS);
const watched = await page.evaluate((millis) => window.__bench.watch(window.__hls.video, millis), told.seconds * 1000);
const target = await page.evaluate(() => window.__hls.hls.targetLatency);
const player = `hls.js ${await page.evaluate(() => globalThis.Hls.version)}`;
await report(browser, { first_picture_ms: first, target_s: target, player, ...watched });
