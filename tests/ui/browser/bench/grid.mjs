// The browser's part of `cargo xtask bench grid`: a window in which so many of all the cameras are seen, and for each of
// these how many pictures came and how many the browser presented.
import { open, report, told } from "./browser.mjs";

const listed = Number(process.env.TARSIER_LISTED);
const wanted = Number(process.env.TARSIER_SHOWN);
const SETTLE_MS = 20_000;
/** Windows are tried from here, row by row. */
const SMALLEST = { width: 720, height: 240 };
const LARGEST = { width: 1920, height: 1200 };

/** Runs in the page before anything else: who may bring pictures is known. */
function install() {
  const [peers, units] = [new Set(), new Map()];
  const Peer = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Peer {
    constructor(...args) {
      super(...args);
      peers.add(this);
    }
    close() {
      peers.delete(this);
      super.close();
    }
  };
  const of = (camera) => {
    if (!units.has(camera)) units.set(camera, { came: 0, skipped: 0 });
    return units.get(camera);
  };
  window.WebSocket = class extends window.WebSocket {
    constructor(url, ...rest) {
      super(url, ...rest);
      const camera = /\/live\/([^/]+)\//.exec(url)?.[1];
      if (camera === undefined) return;
      this.addEventListener("message", ({ data }) => {
        if (typeof data === "string") {
          const message = JSON.parse(data);
          if (message.kind === "skipped") of(camera).skipped += message.units;
        } else if (new DataView(data).getUint32(4) === 0x70726674) {
          of(camera).came += 1; // "prft": a fragment, and the grid has no sound
        }
      });
    }
  };

  const inbound = async (video) => {
    const track = video.srcObject?.getVideoTracks()[0];
    for (const peer of peers) {
      const receiver = peer.getReceivers().find((it) => it.track.id === track?.id);
      if (!receiver) continue;
      for (const report of (await receiver.getStats()).values()) if (report.type === "inbound-rtp") return report;
    }
    return null;
  };
  const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
  // Asked for at the begin and at the end alone: a page that is called back for each picture has less time to show them.
  // A video element that was taken away presents nothing any more.
  const presentedBy = (video) =>
    Promise.race([
      new Promise((resolve) => video.requestVideoFrameCallback((_now, facts) => resolve(facts.presentedFrames))),
      pause(5000).then(() => null),
    ]);
  const numbers = async (tile) => {
    const { camera, video, way } = tile;
    const presented = await presentedBy(video);
    if (presented === null) return null;
    if (way === "webrtc") {
      const report = await inbound(video);
      if (!report) return null;
      const { framesReceived, framesDropped = 0, packetsLost = 0 } = report;
      return { came: framesReceived, dropped: framesDropped, lost: packetsLost, presented };
    }
    const { came, skipped } = of(camera);
    return { came, dropped: video.getVideoPlaybackQuality().droppedVideoFrames, lost: skipped, presented };
  };

  /** The tiles that are in sight now. */
  const tiles = () =>
    [...document.querySelectorAll(`[data-player="live"][data-way]`)]
      .filter((host) => host.querySelector("video"))
      .map((host) => {
        const { camera, way } = host.dataset;
        return { host, camera, way, video: host.querySelector("video") };
      });

  window.__bench = {
    async watch(millis) {
      const all = tiles();
      const before = await Promise.all(all.map(numbers));
      await pause(millis);
      const after = await Promise.all(all.map(numbers));
      return all.map((tile, index) => {
        const isSame = tile.host.querySelector("video") === tile.video && tile.host.dataset.way === tile.way;
        const [from, to] = [before[index], after[index]];
        if (!isSame || !from || !to) return { way: tile.way, isReplaced: true };
        const since = (key) => to[key] - from[key];
        return {
          way: tile.way,
          isReplaced: false,
          came: since("came"),
          shown: since("presented"),
          dropped: since("dropped"),
          lost: since("lost"),
        };
      });
    },
  };
}

/** Runs in the page before anything else: what is not measured is not there. */
function keepFrom(names) {
  for (const name of names) delete globalThis[name];
}
const OTHERS = { both: [], mse: ["RTCPeerConnection"], webrtc: ["MediaSource", "ManagedMediaSource"] };

const { browser, page } = await open(SMALLEST);
await page.addInitScript(install);
await page.addInitScript(keepFrom, OTHERS[process.env.TARSIER_WAY]);
await page.goto(told.url);
await page.waitForFunction((count) => document.querySelectorAll("[data-tile]").length === count, listed);

/** Tiles whose place is in sight. */
const inSight = () =>
  page.evaluate(() => {
    const area = document.querySelector(".scroll").getBoundingClientRect();
    return [...document.querySelectorAll("[data-tile]")].filter((tile) => {
      const { top, bottom } = tile.getBoundingClientRect();
      return bottom > area.top && top < area.bottom;
    }).length;
  });
async function fit() {
  for (let { width } = SMALLEST; width <= LARGEST.width; width += 160) {
    for (let { height } = SMALLEST; height <= LARGEST.height; height += 40) {
      await page.setViewportSize({ width, height });
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      const count = await inSight();
      if (count === wanted) return { width, height };
      if (count > wanted) break;
    }
  }
  throw new Error(`no window shows ${wanted} of ${listed} cameras`);
}
const { width, height } = await fit();
await page.waitForFunction(
  (count) => document.querySelectorAll(`[data-player="live"][data-way]`).length >= count,
  wanted,
  { timeout: 60_000 },
);
await page.waitForTimeout(SETTLE_MS);
const tiles = await page.evaluate((millis) => window.__bench.watch(millis), told.seconds * 1000);

const kept = tiles.filter((tile) => !tile.isReplaced);
const sum = (key) => kept.reduce((total, tile) => total + tile[key], 0);
const fewest = kept.reduce(
  (least, tile) => (tile.shown < least.shown ? tile : least),
  kept[0] ?? { shown: 0, came: 0 },
);
await report(browser, {
  window: `${width} x ${height}`,
  tiles: tiles.length,
  by_webrtc: tiles.filter((tile) => tile.way === "webrtc").length,
  by_mse: tiles.filter((tile) => tile.way === "mse").length,
  came: sum("came"),
  shown: sum("shown"),
  not_shown: sum("came") - sum("shown"),
  dropped: sum("dropped"),
  lost: sum("lost"),
  replaced: tiles.length - kept.length,
  fewest_shown: fewest.shown,
  fewest_came: fewest.came,
});
