// The browser's part of `cargo xtask bench narrow`: a line between the page and the hub is cut to a quarter of what the
// camera's main stream has, and made wide again, several times. TARSIER_WAY is mse, or webrtc for a page with both ways.
import { base, open, report, told } from "./browser.mjs";
import { Line } from "../line.mjs";
import { longestStill, movedAfter, notePictures, noted, now } from "../moving.mjs";

const way = process.env.TARSIER_WAY;
const wide = Number(process.env.TARSIER_WIDE_BPS);
const narrow = Number(process.env.TARSIER_NARROW_BPS);
const rounds = Number(process.env.TARSIER_ROUNDS);
const [high, low] = [1080, 360];
/** Watched after the cut, and waited for at most after its end. */
const NARROW_MS = 15_000;
const WIDE_MS = 40_000;

const { browser, page } = await open({ width: 1280, height: 800 });
const line = await Line.open(base);
if (way === "mse") await page.addInitScript(() => delete globalThis.RTCPeerConnection);
else await line.lead(page);
line.carry(wide);
await page.goto(`${line.url}/${new URL(told.url).hash}`);
await page.goto(`${line.url}/#/live/${told.camera}`);
const host = `[data-player=live][data-camera="${told.camera}"]`;
await notePictures(page, host);

const settled = (more) => page.waitForSelector(`${host}[data-state=playing]${more}`, { timeout: 120_000 });
const figures = { moving_ms: [], low_ms: [], still_ms: [], back_ms: [], ways: [], never: 0, lost: 0 };
const isOnHigh = async () => {
  const last = await noted(page, (await now(page)) - 1000);
  return last.length >= 10 && last.every(([, height]) => height === high);
};
for (let round = 0; round < rounds; round += 1) {
  // As one who has just come: what was learnt of the line in the round before is forgotten.
  await page.evaluate(() => (location.hash = "/health"));
  await page.waitForSelector(host, { state: "detached" });
  await page.evaluate((id) => (location.hash = `/live/${id}`), told.camera);
  await settled(`[data-way=${way}][data-stream=main]`);
  // At another place of the GOP each time.
  await page.waitForTimeout(3000 + round * 370);
  // A busy machine is a narrow line, too: what is cut is a large picture that moves.
  for (let tries = 0; !(await isOnHigh()); tries += 1) {
    if (tries === 60) throw new Error("the large picture does not last");
    await page.waitForTimeout(1000);
  }
  const cutMs = await now(page);
  line.carry(narrow);
  await page.waitForTimeout(NARROW_MS);
  const after = await noted(page, cutMs);
  // A place where a picture was lately stands still only when that was the last for a while.
  const stood = after.filter(([, height]) => height !== high);
  const moving = movedAfter(stood, cutMs);
  if (moving === null) figures.never += 1;
  else figures.moving_ms.push(moving);
  figures.still_ms.push(longestStill(after, cutMs, cutMs + NARROW_MS));
  figures.ways.push(await page.getAttribute(host, "data-way"));
  const backMs = await now(page);
  line.carry(wide);
  await settled("[data-stream=main]").catch(() => undefined);
  await page.waitForTimeout(2000);
  const up = movedAfter(await noted(page, backMs), backMs, high);
  if (up === null || up > WIDE_MS) figures.never += 1;
  else figures.back_ms.push(up);
  const lows = after.filter(([, height]) => height === low);
  if (lows.length > 0) figures.low_ms.push(lows[0][0] - cutMs);
}
figures.lost = line.lost;
line.close();
await report(browser, figures);
