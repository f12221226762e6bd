// A line that becomes narrow, and wide again, under a page with a real browser and a real hub: the picture goes on, smaller,
// and comes back, without a dark moment; and grid and full picture share a connection.
//
//   TARSIERD=target/debug/tarsierd node tests/ui/browser/narrow.mjs
//
// How quick that is, is measured by `cargo xtask bench narrow`; here only that it happens.
import assert from "node:assert/strict";
import { launch } from "./chromium.mjs";
import { api, Hub, until } from "./hub.mjs";
import { Line } from "./line.mjs";
import { watchForDark, watchPictures } from "./look.mjs";

/** On a busy machine, too. */
const PATIENCE_MS = 90_000;
/** Less than the main stream of a demo camera has, and more than its sub stream. */
const NARROW_BPS = 300_000;

const hub = new Hub();
await hub.start();
const ask = api(hub, hub.token());
const browser = await launch();
const lines = [];

async function step(name, act) {
  const startMs = Date.now();
  await act();
  console.log(`ok  ${name}  (${((Date.now() - startMs) / 1000).toFixed(1)} s)`);
}

/** A page at the end of a line of its own. */
async function open(view, { without = [] } = {}) {
  const line = await Line.open(hub.url);
  lines.push(line);
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.addInitScript((names) => {
    for (const name of names) delete globalThis[name];
  }, without);
  await line.lead(page);
  await page.goto(`${line.url}/#token=${hub.token()}`);
  await page.evaluate((to) => (location.hash = `/${to}`), view);
  return { page, line };
}

const playing = (page, host, more) =>
  page.waitForSelector(`${host}[data-state=playing]${more}`);

/** Goes down and up again, and is never dark. */
async function goesDownAndUp({ page, line }, host, wide, narrow) {
  await playing(page, host, wide);
  const dark = await watchForDark(page, host);
  line.carry(NARROW_BPS);
  await playing(page, host, narrow);
  await watchPictures(page, `${host} video`, 25, PATIENCE_MS);
  line.carry(Infinity);
  await playing(page, host, wide);
  await watchPictures(page, `${host} video`, 25, PATIENCE_MS);
  assert.deepEqual(await dark(), [], "there was a picture all the time");
}

try {
  let id;
  await step("a camera with two streams is there", async () => {
    await ask("POST", "/api/v1/demo", { cameras: 1 });
    [{ id }] = (await ask("GET", "/api/v1/cameras")).items;
    await until("both streams flow", 60_000, async () => {
      const { streams } = await ask("GET", `/api/v1/cameras/${id}/status`);
      return (
        streams.length === 2 && streams.every(({ is_playing }) => is_playing)
      );
    });
  });
  const host = `[data-player=live][data-camera="${id}"]`;

  await step(
    "Media Source follows a line that becomes narrow, and wide again",
    async () => {
      const opened = await open(`live/${id}`, {
        without: ["RTCPeerConnection"],
      });
      await goesDownAndUp(
        opened,
        host,
        "[data-way=mse][data-stream=main]",
        "[data-way=mse][data-stream=sub]",
      );
      await opened.page.context().close();
    },
  );

  await step(
    "grid and full picture are one connection, and never dark",
    async () => {
      const { page } = await open("live", { without: ["RTCPeerConnection"] });
      await playing(page, host, "[data-way=mse][data-stream=sub]");
      const dark = await watchForDark(page, host);
      const sockets = [];
      page.on("websocket", (socket) => sockets.push(socket.url()));
      for (const [view, stream] of [
        [`live/${id}`, "main"],
        ["live", "sub"],
      ]) {
        await page.evaluate((to) => (location.hash = `/${to}`), view);
        await playing(page, host, `[data-way=mse][data-stream=${stream}]`);
        await watchPictures(page, `${host} video`, 25, PATIENCE_MS);
      }
      assert.deepEqual(sockets, [], "no connection was opened for it");
      assert.deepEqual(await dark(), [], "there was a picture all the time");
      await page.context().close();
    },
  );

  await step(
    "WebRTC that is more than the line carries gives way, and comes back",
    async () => {
      const opened = await open(`live/${id}`);
      await goesDownAndUp(
        opened,
        host,
        "[data-way=webrtc][data-stream=main]",
        "[data-way=mse][data-stream=sub]",
      );
      // One at least for each of the pictures that were watched at the end.
      assert.ok(opened.line.came > 25, "WebRTC went through the line");
      await opened.page.context().close();
    },
  );

  await step("who may see the sub stream alone sees that", async () => {
    const { token } = await ask("POST", "/api/v1/tokens", {
      subject: "Sub alone",
      role: "viewer",
      cameras: [id],
      streams: ["sub"],
      ttl_seconds: 600,
    });
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(`${hub.url}/#token=${token}`);
    await page.evaluate((to) => (location.hash = `/${to}`), `live/${id}`);
    await playing(page, host, "[data-stream=sub]");
    await watchPictures(page, `${host} video`, 25, PATIENCE_MS);
  });
} finally {
  await browser.close();
  for (const line of lines) line.close();
  await hub.stop();
}
