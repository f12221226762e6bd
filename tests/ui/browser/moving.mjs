// When pictures of a place on the page move, whichever video shows them: for journeys and benches on narrow lines.

/** Notes, from now on, each picture that a place shows: when, in ms, and how high it is. */
export async function notePictures(page, selector) {
  await page.evaluate((css) => {
    const noted = (globalThis.notedPictures = []);
    const known = new WeakSet();
    const look = () => {
      for (const video of document.querySelectorAll(`${css} video`)) {
        if (known.has(video)) continue;
        known.add(video);
        const shown = (nowMs, { height }) => {
          noted.push([nowMs, height]);
          video.requestVideoFrameCallback(shown);
        };
        video.requestVideoFrameCallback(shown);
      }
      requestAnimationFrame(look);
    };
    look();
  }, selector);
}

export const now = (page) => page.evaluate(() => performance.now());

/** What was noted since then. */
export const noted = (page, sinceMs) =>
  page.evaluate(
    (since) => globalThis.notedPictures.filter(([atMs]) => atMs >= since),
    sinceMs,
  );

/** Of what moves: no gap is longer, and it goes on for so long. */
const GAP_MS = 250;
const STRETCH_MS = 1000;

/**
 * How long it took after that moment until pictures moved: those of that height, or of any. Null if they never did.
 * A line that becomes narrow is not felt at once: what had moved on until it stood still does not count.
 */
export function movedAfter(pictures, sinceMs, height = null) {
  const times = pictures
    .filter(([, high]) => height === null || high === height)
    .map(([atMs]) => atMs);
  let began = null;
  let last = null;
  for (const atMs of times) {
    if (last === null || atMs - last > GAP_MS) began = atMs;
    last = atMs;
    if (atMs - began >= STRETCH_MS) return began - sinceMs;
  }
  return null;
}

/** The longest time without a picture. */
export function longestStill(pictures, sinceMs, untilMs) {
  const times = pictures.map(([atMs]) => atMs).filter((atMs) => atMs < untilMs);
  return Math.max(
    ...[...times, untilMs].map((atMs, i) => atMs - (times[i - 1] ?? sinceMs)),
  );
}
