/**
 * The browser's picture-in-picture window, which shows one video element: it is moved from an element that ends to the
 * one that is seen instead, so that it stays open.
 *
 * A window that is open may be moved without a click; one that has closed may not. So an element that it shows, or is
 * about to show, must not end before. What does not belong here: who opens it, and its button.
 */

type Video = HTMLVideoElement;

/** What the window was asked to show, until it does or refuses. */
let coming: { readonly video: Video; readonly settled: Promise<unknown> } | null = null;

/** Whether this browser has such windows and may open them. WebKitGTK and Firefox have none. */
export function hasOutside(): boolean {
  return document.pictureInPictureEnabled;
}

/** Browsers without such windows have no element of that name. */
export function isOutside(video: Video | null): boolean {
  return video !== null && document.pictureInPictureElement === video;
}

/** Whether nobody sees a video: its page is behind others, and it has no window of its own. */
export function isUnseen(video: Video | null): boolean {
  return document.hidden && !isOutside(video);
}

/** Opens the window, upon a click or a key, or moves it. */
export async function goOut(video: Video): Promise<void> {
  const asked = video.requestPictureInPicture();
  const mine = { video, settled: asked.catch(() => undefined) };
  coming = mine;
  try {
    await asked;
  } finally {
    if (coming === mine) coming = null;
  }
}

/** Closes the window if it shows this one: that ends, and nothing is seen instead. */
export function comeIn(video: Video | null): void {
  if (!isOutside(video)) return;
  document.exitPictureInPicture().catch(() => {
    // It has closed by itself.
  });
}

/** Ends what `from` shows: at once, or if the window shows it, when that has gone on to what is seen then. */
export function handOver(from: Video | null, seen: () => Video | null, end: () => void): void {
  if (from !== null && coming?.video === from) {
    void coming.settled.then(() => {
      if (coming?.video === from) coming = null;
      handOver(from, seen, end);
    });
    return;
  }
  const to = isOutside(from) ? seen() : null;
  // Where it is refused, the window closes with the old element.
  if (to === null || to === from) end();
  else goOut(to).then(end, end);
}
