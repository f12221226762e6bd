// What runs in the page to measure the pictures of one video element, whoever plays it: which of them is on the screen
// when. It asks nothing of ours: the number of a picture is drawn in it (`tests/bench/cameras.rs`), and a canvas reads it.

/** Runs in the page before anything else. */
export function install(pictures) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [64, 1];
  const context = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
  context.imageSmoothingEnabled = false;

  /** The number in the picture that the video shows, or null. */
  const number = (video) => {
    const { videoWidth: width, videoHeight: height } = video;
    if (width === 0) return null;
    context.drawImage(video, 0, (height * 34) / 36, width, height / 36, 0, 0, 64, 1);
    const { data } = context.getImageData(0, 0, 64, 1);
    const light = (column) => data[column * 4 + 1];
    const [white, black] = [light(1), light(18)];
    if (white - black < 128) return null;
    let value = 0;
    for (let column = 2; column < 18; column += 1) value = value * 2 + (light(column) > (white + black) / 2 ? 1 : 0);
    return value < pictures ? value : null;
  };
  /** Reading a number costs some milliseconds: not of each picture. */
  const EVERY = 4;

  const watch = (video, millis) =>
    new Promise((resolve) => {
      const before = video.getVideoPlaybackQuality().droppedVideoFrames;
      /** Of each picture that was read: its number, when it was on the screen in Unix microseconds, its RTP time if any. */
      const seen = [];
      const count = { unread: 0, jumps: 0, waits: 0 };
      let [isOver, first, last, shown] = [false, null, null, 0];
      const picture = (now, facts) => {
        if (isOver) return;
        video.requestVideoFrameCallback(picture);
        if (shown % EVERY === 0) {
          const value = number(video);
          const unixMs = performance.timeOrigin + Math.max(now, facts.expectedDisplayTime);
          if (value === null) count.unread += 1;
          else seen.push([value, Math.round(unixMs * 1000), facts.rtpTimestamp ?? null]);
        }
        shown += 1;
        first ??= facts.presentedFrames;
        last = facts.presentedFrames;
      };
      video.requestVideoFrameCallback(picture);
      video.addEventListener("seeking", () => (count.jumps += 1));
      video.addEventListener("waiting", () => (count.waits += 1));
      setTimeout(() => {
        isOver = true;
        const dropped = video.getVideoPlaybackQuality().droppedVideoFrames - before;
        resolve({ seen, dropped, presented: last === null ? 0 : last - first + 1, ...count });
      }, millis);
    });
  window.__bench = { watch };
}
