// What all parts of the benches in a browser share: the browser, and how they report. The last line is JSON.
import { launch } from "../chromium.mjs";

export { require } from "../chromium.mjs";

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
  const browser = await launch();
  const page = await browser.newPage({ viewport });
  return { browser, page };
}

/** Closes the browser and says what was measured. */
export async function report(browser, figures) {
  const version = browser.version();
  await browser.close();
  console.log(JSON.stringify({ browser: `Chromium ${version}`, ...figures }));
}
