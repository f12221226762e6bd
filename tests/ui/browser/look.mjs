// What a person sees on a page: pictures that move, in an order, without a dark moment.

/** Waits until `count` different pictures were shown; returns their media times and how different they looked. */
export function watchPictures(page, selector, count, withinMs = 15_000) {
  return page.evaluate(
    ([css, wanted, deadline]) =>
      new Promise((resolve, reject) => {
        const times = [];
        const looks = new Set();
        const canvas = new OffscreenCanvas(64, 36);
        const g = canvas.getContext("2d", { willReadFrequently: true });
        const late = setTimeout(
          () =>
            reject(
              new Error(`${times.length} pictures of ${wanted} in ${css}`),
            ),
          deadline,
        );
        let followed = null;
        const seen = (video) => (_now, facts) => {
          if (video !== followed) return;
          if (facts.mediaTime !== times.at(-1)) times.push(facts.mediaTime);
          g.drawImage(video, 0, 0, 64, 36);
          let hash = 0;
          for (const byte of g.getImageData(0, 0, 64, 36).data)
            hash = (hash * 31 + byte) | 0;
          looks.add(hash);
          if (times.length >= wanted) {
            clearTimeout(late);
            resolve({ times, looks: looks.size });
          } else {
            video.requestVideoFrameCallback(seen(video));
          }
        };
        // A live picture may move to another element: WebRTC takes over from the media source.
        const follow = () => {
          const video = document.querySelector(css);
          if (video && video !== followed) {
            followed = video;
            times.length = 0;
            video.requestVideoFrameCallback(seen(video));
          }
          if (times.length < wanted) requestAnimationFrame(follow);
        };
        follow();
      }),
    [selector, count, withinMs],
  );
}

/**
 * Looks, from now on, whether a host has a video with a picture; call the result for the moments at which it had none,
 * each with what was there instead.
 */
export async function watchForDark(page, selector) {
  await page.evaluate((css) => {
    const state = { dark: [], isOver: false };
    // A video keeps its picture on the screen while it seeks; only before its first one it is dark.
    const lit = new WeakSet();
    const known = new WeakSet();
    globalThis.journeyDark = state;
    const videosNow = () => [...document.querySelectorAll(`${css} video`)];
    // As soon as one is there: its first picture may come, and another video end for it, before the next look.
    const meet = () => {
      for (const video of videosNow()) {
        if (video.readyState >= 2 && video.videoWidth > 0) lit.add(video);
        if (known.has(video)) continue;
        known.add(video);
        video.requestVideoFrameCallback(() => lit.add(video));
      }
    };
    const observer = new MutationObserver(meet);
    observer.observe(document, { childList: true, subtree: true });
    for (const video of videosNow()) {
      const { totalVideoFrames, droppedVideoFrames } =
        video.getVideoPlaybackQuality();
      if (totalVideoFrames > droppedVideoFrames) lit.add(video);
    }
    const look = () => {
      meet();
      const videos = videosNow();
      if (!videos.some((video) => lit.has(video)))
        state.dark.push({
          atMs: Math.round(performance.now()),
          videos: videos.map((video) => ({
            isRtc: video.srcObject !== null,
            isMuted: video.muted,
            readyState: video.readyState,
            widthPx: video.videoWidth,
            atS: video.currentTime,
          })),
        });
      if (state.isOver) observer.disconnect();
      else requestAnimationFrame(look);
    };
    look();
  }, selector);
  return () =>
    page.evaluate(() => {
      globalThis.journeyDark.isOver = true;
      return globalThis.journeyDark.dark;
    });
}

/** Makes the page believe that nobody can see it, or that somebody can again. */
export function setHidden(page, isHidden) {
  return page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", {
      configurable: true,
      get: () => hidden,
    });
    Object.defineProperty(document, "visibilityState", {
      configurable: true,
      get: () => (hidden ? "hidden" : "visible"),
    });
    document.dispatchEvent(new Event("visibilitychange"));
  }, isHidden);
}
