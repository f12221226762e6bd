// The browser's part of `cargo xtask bench live` for the two ways of our own page: how soon the first picture is there,
// and which picture is on the screen when (`watch.mjs`). TARSIER_WAY is mse or webrtc; the page is kept from the other.
import { base, open, report, told } from "./browser.mjs";
import { install } from "./watch.mjs";

const STARTS = 40;
const way = process.env.TARSIER_WAY;

/** Runs in the page before anything else: what is not measured is not there. */
function keepFrom(names) {
  for (const name of names) delete globalThis[name];
}
const OTHERS = { mse: ["RTCPeerConnection"], webrtc: ["MediaSource", "ManagedMediaSource"] };

const { browser, page } = await open({ width: 1280, height: 800 });
await page.addInitScript(install, told.pictures);
await page.addInitScript(keepFrom, OTHERS[way]);
await page.goto(told.url);
const player = `[data-player="live"][data-camera="${told.camera}"]`;

const first = [];
for (let start = 0; start < STARTS; start += 1) {
  await page.goto(`${base}/#/health`);
  await page.waitForSelector(player, { state: "detached" });
  await page.goto(`${base}/#/live`);
  const shown = `${player}[data-way="${way}"][data-first-picture-ms]`;
  const host = await page.waitForSelector(shown, { state: "attached", timeout: 20_000 });
  first.push(Number(await host.getAttribute("data-first-picture-ms")));
}
const watched = await page.evaluate(
  ([selector, millis]) => window.__bench.watch(document.querySelector(selector), millis),
  [`${player} video`, told.seconds * 1000],
);
await report(browser, { first_picture_ms: first, ...watched });
