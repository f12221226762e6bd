// What all parts of the benches in a browser share: the browser, and how they report. The last line is JSON.
import { createRequire } from "node:module";

export const require = createRequire(new URL("../../../../ui/package.json", import.meta.url));
const { chromium } = require("playwright-core");

/** What the bench tells in the environment. */
export const told = {
  url: process.env.TARSIER_URL,
  camera: process.env.TARSIER_CAMERA,
  seconds: Number(process.env.TARSIER_SECONDS ?? "30"),
  /** Pictures of the camera's film, after which its numbers begin anew. */
  pictures: Number(process.env.TARSIER_PICTURES ?? "0"),
};
export const base = new URL(told.url).origin;

/** A page in a browser of its own. */
export async function open(viewport) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--autoplay-policy=no-user-gesture-required",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
  const page = await browser.newPage({ viewport });
  return { browser, page };
}

/** Closes the browser and says what was measured. */
export async function report(browser, figures) {
  const version = browser.version();
  await browser.close();
  console.log(JSON.stringify({ browser: `Chromium ${version}`, ...figures }));
}
