// From the first start to a hub that was killed, through a real browser and a real hub.
//
//   TARSIERD=target/debug/tarsierd SCREENSHOTS=DIR node tests/ui/browser/journey.mjs
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import assert from "node:assert/strict";
import { launch, require } from "./chromium.mjs";
import { api, Hub, until } from "./hub.mjs";
import { watchForDark, setHidden, watchPictures } from "./look.mjs";

const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.SCREENSHOTS ?? "";
if (shots) mkdirSync(shots, { recursive: true });

const SIZES = {
  laptop: { width: 1280, height: 800 },
  phone: { width: 390, height: 844 },
};
const VIEWS = [
  "live",
  "timeline",
  "cameras",
  "cameras/access",
  "storage",
  "health",
];
const FRAME_S = 0.2;
/** A player that was refused three times tries WebRTC again after 2, 8 and 32 s. */
const WAY_MS = 60_000;
const figures = {};

const hub = new Hub();
await hub.start();
const ask = api(hub, hub.token());
const browser = await launch();
const page = await browser.newPage({
  viewport: SIZES.laptop,
  colorScheme: "dark",
});
page.setDefaultTimeout(15_000);
await page.addInitScript(() => {
  const peers = (globalThis.journeyPeers = []);
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...options) {
      super(...options);
      peers.push(this);
    }
  };
});
const broken = [];
/** From `journeyLosesSound = true` on, the sound of live pictures is lost on its way. */
await page.addInitScript(() => {
  const { set } = Object.getOwnPropertyDescriptor(
    WebSocket.prototype,
    "onmessage",
  );
  const isSound = (data) => {
    if (!(data instanceof ArrayBuffer)) return false;
    // `prft` and the head of `moof` are before `tfhd`, and always as long: then the track.
    const head = new DataView(data, 0, Math.min(data.byteLength, 80));
    return head.byteLength === 80 && head.getUint32(76) === 2;
  };
  Object.defineProperty(WebSocket.prototype, "onmessage", {
    set(heard) {
      set.call(this, (event) => {
        const isLost = globalThis.journeyLosesSound && isSound(event.data);
        // Something comes all the same: the hub is told how many messages have arrived.
        heard.call(this, isLost ? { data: new ArrayBuffer(0) } : event);
      });
    },
  });
});
page.on("pageerror", (error) =>
  broken.push(`${error.name}: ${error.message}\n${error.stack}`),
);
page.on("console", (message) => {
  // A blocked resource would be a hole in the content security policy, or in the page.
  if (message.text().includes("Content Security Policy"))
    broken.push(message.text());
});

const go = (view) => page.evaluate((to) => (location.hash = `/${to}`), view);
const shot = (name) =>
  shots ? page.screenshot({ path: join(shots, `${name}.png`) }) : null;
const past = (field) =>
  page.evaluate(
    (key) => document.querySelector("[data-player=past]")?.dataset[key],
    field,
  );

/** Both cameras play, over that way. */
const allOver = (way) =>
  page.waitForFunction(
    (wanted) => {
      const hosts = [...document.querySelectorAll("[data-player=live]")];
      return (
        hosts.length === 2 &&
        hosts.every(
          ({ dataset }) =>
            dataset.way === wanted && dataset.state === "playing",
        )
      );
    },
    way,
    { timeout: WAY_MS },
  );

async function step(name, act) {
  const startMs = Date.now();
  await act();
  console.log(`ok  ${name}  (${((Date.now() - startMs) / 1000).toFixed(1)} s)`);
}

async function accessible(name) {
  // As a script of the page's own realm: the content security policy takes none from elsewhere.
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    globalThis.axe.run(document, { resultTypes: ["violations"] }),
  );
  const words = found.violations.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}\n  ${nodes.map((n) => n.html).join("\n  ")}`,
  );
  assert.deepEqual(words, [], `axe finds nothing on ${name}`);
}

async function allLive(withinMs) {
  await page.waitForFunction(
    () => {
      const tiles = [...document.querySelectorAll("[data-tile]")];
      return (
        tiles.length >= 2 && tiles.every((tile) => tile.dataset.live === "true")
      );
    },
    null,
    { timeout: withinMs },
  );
}

/** The stretch of time that the timeline shows, in seconds, once it has come to rest. */
function inSight(canvas) {
  return canvas.evaluate(
    (node) =>
      new Promise((resolve) => {
        let [last, calm] = ["", 0];
        const look = () => {
          const now = `${node.ariaValueMin} ${node.ariaValueMax}`;
          calm = now === last ? calm + 1 : 0;
          last = now;
          if (calm < 5) requestAnimationFrame(look);
          else resolve(now.split(" ").map(Number));
        };
        look();
      }),
  );
}

async function seekTo(utcMs) {
  const canvas = page.locator("canvas");
  const at = utcMs / 1000;
  let [min, max] = await inSight(canvas);
  // What was waited for may lie beyond the edge by now.
  for (let i = 0; i < 6 && (at <= min || at >= max); i += 1) {
    await canvas.focus();
    await page.keyboard.press("-");
    [min, max] = await inSight(canvas);
  }
  const box = await canvas.boundingBox();
  const x = ((at - min) / (max - min)) * box.width;
  assert.ok(
    x > 0 && x < box.width,
    `the moment is in sight: ${at} in ${min} to ${max}`,
  );
  await canvas.click({ position: { x, y: 50 } });
}

try {
  await step(
    "the first start welcomes, and keeps its key out of sight",
    async () => {
      await page.goto(`${hub.url}/#token=${hub.token()}`);
      await page.getByRole("button", { name: "Try demo cameras" }).waitFor();
      assert.ok(
        !page.url().includes("token"),
        "the token is not left in the address bar",
      );
      await shot("first-run");
      await accessible("the first run");
      await page.getByRole("button", { name: "Add a camera" }).click();
      await page.getByLabel("Camera address").fill("rtsp://127.0.0.1:9/none");
      await page.getByRole("button", { name: "Test", exact: true }).click();
      const problem = page.getByRole("alert");
      await problem.waitFor();
      assert.ok(
        (await problem.innerText()).length > 20,
        "a closed port is said in words",
      );
      await shot("test-failed");
      await accessible("the form of a camera");
      await page.keyboard.press("Escape");
    },
  );

  await step("a token that is refused is said to be", async () => {
    const stranger = await (await browser.newContext()).newPage();
    await stranger.goto(hub.url);
    const field = stranger.getByLabel("Paste the token here");
    const open = stranger.getByRole("button", { name: "Open Tarsier" });
    await field.fill("nonsense");
    await open.click();
    await stranger.getByText("does not accept this token").waitFor();
    await field.fill(hub.token("viewer"));
    await open.click();
    await stranger.getByText("No cameras to see yet").waitFor();
    await stranger.context().close();
  });

  await step("two demo cameras, and their pictures move", async () => {
    await page.getByRole("button", { name: "Try demo cameras" }).click();
    await allLive(40_000);
    const { items } = await ask("GET", "/api/v1/cameras");
    assert.equal(items.length, 2);
    for (const camera of items) {
      const recording = { ...camera.recording, segment_seconds: 60 };
      await ask("PATCH", `/api/v1/cameras/${camera.id}`, { recording });
    }
    await allLive(40_000);
    for (const { id } of items) {
      const { looks, times } = await watchPictures(
        page,
        `[data-tile="${id}"] video`,
        30,
      );
      assert.ok(
        looks >= 15,
        `the pictures of ${id} differ (${looks} of ${times.length})`,
      );
    }
    await until("the delay is measured", 5000, () =>
      page.evaluate(
        () => document.querySelector("[data-player=live]").dataset.delayMs,
      ),
    );
    figures.grid = await page.evaluate(() =>
      [...document.querySelectorAll("[data-player=live]")].map((host) => ({
        ...host.dataset,
      })),
    );
  });

  await step(
    "live comes over WebRTC, and without it all the same",
    async () => {
      await allOver("webrtc");
      const decoded = await page.evaluate(async () => {
        let frames = 0;
        for (const peer of globalThis.journeyPeers) {
          for (const report of (await peer.getStats()).values())
            if (report.type === "inbound-rtp") frames += report.framesDecoded;
        }
        return frames;
      });
      assert.ok(decoded > 0, "the browser decodes what comes over WebRTC");
      figures.webrtc = await page.evaluate(() =>
        [...document.querySelectorAll("[data-player=live]")].map((host) => ({
          ...host.dataset,
        })),
      );
      await page.route("**/whep", (route) => route.abort());
      await page.evaluate(() =>
        globalThis.journeyPeers.forEach((peer) => peer.close()),
      );
      await allOver("mse");
      await page.unroute("**/whep");
      await allOver("webrtc");
    },
  );

  await step(
    "live comes over WebRTC where UDP does not get through",
    async () => {
      await page.route("**/whep", async (route) => {
        const answer = await route.fetch();
        const body = (await answer.text()).replace(
          /a=candidate:\S+ \d+ udp .*\r\n/g,
          "",
        );
        await route.fulfill({ response: answer, body });
      });
      await go("health");
      await page.waitForSelector("[data-player=live]", { state: "detached" });
      await page.evaluate(() => globalThis.journeyPeers.splice(0));
      await go("live");
      await until("pictures of both over TCP", 60_000, async () => {
        const lines = await page.evaluate(async () => {
          let lines = 0;
          for (const peer of globalThis.journeyPeers) {
            const reports = [...(await peer.getStats()).values()];
            const ends = new Map(reports.map((report) => [report.id, report]));
            lines += reports.filter(
              (report) =>
                report.type === "candidate-pair" &&
                report.nominated &&
                report.bytesReceived > 20_000 &&
                ends.get(report.remoteCandidateId)?.protocol === "tcp",
            ).length;
          }
          return lines;
        });
        return lines === 2 ? lines : null;
      });
      await allOver("webrtc");
      await page.unroute("**/whep");
    },
  );

  await step(
    "one camera full, without a dark moment, and back by keys",
    async () => {
      const [first] = (await ask("GET", "/api/v1/cameras")).items;
      await page.locator(`[data-opener="${first.id}"]`).focus();
      const dark = await watchForDark(page, `[data-tile="${first.id}"]`);
      await page.keyboard.press("Enter");
      const host = `[data-tile="${first.id}"] [data-player=live]`;
      await page.waitForSelector(
        `${host}[data-stream=main][data-state=playing]`,
      );
      await page.waitForFunction(() =>
        document.activeElement?.matches("[data-back]"),
      );
      await page.keyboard.press("i");
      await watchPictures(page, `${host} video`, 10);
      await shot("one-camera");
      await accessible("one camera");
      figures.full = await page.evaluate(
        (css) => ({ ...document.querySelector(css).dataset }),
        host,
      );
      await page.keyboard.press("i");
      await page.keyboard.press("Escape");
      if (first.sub)
        await page.waitForSelector(
          `${host}[data-stream=sub][data-state=playing]`,
        );
      assert.deepEqual(await dark(), [], "there was a picture all the time");
      await page.waitForFunction(
        (id) => document.activeElement?.dataset.opener === id,
        first.id,
      );
    },
  );

  await step("tiles out of sight give the page no work", async () => {
    const context = await browser.newContext({
      viewport: { width: 390, height: 160 },
    });
    const low = await context.newPage();
    await low.goto(`${hub.url}/#token=${hub.token()}`);
    const seen = '[data-player=live][data-state="playing"]';
    await low.waitForSelector(seen);
    assert.equal(await low.locator("[data-tile]").count(), 2);
    assert.equal(await low.locator(seen).count(), 1, "one of them is in sight");
    await until("nothing moves but the pictures", 5000, () =>
      low.evaluate(() => document.getAnimations().length === 0),
    );
    await context.close();
  });

  await step(
    "a picture in a window of its own stays there when another way takes over",
    async () => {
      if (!(await page.evaluate(() => document.pictureInPictureEnabled))) {
        console.log("NOT RUN: this browser has no picture-in-picture");
        return;
      }
      const [{ id }] = (await ask("GET", "/api/v1/cameras")).items;
      const host = `[data-tile="${id}"] [data-player=live]`;
      const outside = (way) =>
        page.waitForFunction(
          ([css, wanted]) => {
            const place = document.querySelector(css);
            const shown = document.pictureInPictureElement;
            return (
              shown !== null &&
              place.contains(shown) &&
              place.dataset.way === wanted &&
              (shown.srcObject !== null) === (wanted === "webrtc")
            );
          },
          [host, way],
          { timeout: WAY_MS },
        );
      const inside = () =>
        page.waitForFunction(() => document.pictureInPictureElement === null);
      await page.locator(`[data-opener="${id}"]`).click();
      await page.waitForSelector(
        `${host}[data-stream=main][data-way=webrtc][data-state=playing]`,
      );
      await page.keyboard.press("p");
      await outside("webrtc");
      await accessible("a picture in a window of its own");
      await page.route("**/whep", (route) => route.abort());
      await page.evaluate(() =>
        globalThis.journeyPeers.forEach((peer) => peer.close()),
      );
      await outside("mse");
      await page.unroute("**/whep");
      await outside("webrtc");
      await page.keyboard.press("p");
      await inside();
      await page.getByRole("button", { name: "Picture in picture" }).click();
      await outside("webrtc");
      await go("timeline");
      await inside();
      await go("live");
      await allLive(20_000);
    },
  );

  await step(
    "a camera is heard, mute when its sound is lost, and never dark",
    async () => {
      const { items } = await ask("GET", "/api/v1/cameras");
      const { id } = await until("a camera with sound", 20_000, async () => {
        for (const camera of items) {
          const { streams } = await ask(
            "GET",
            `/api/v1/cameras/${camera.id}/status`,
          );
          if (streams.some(({ stream, audio }) => stream === "main" && audio))
            return camera;
        }
        return null;
      });
      const tile = `[data-tile="${id}"]`;
      const host = `${tile} [data-player=live]`;
      const dark = await watchForDark(page, tile);
      await page.locator(`[data-opener="${id}"]`).click();
      await page.waitForSelector(
        `${host}[data-stream=main][data-state=playing]`,
      );
      await page.getByRole("button", { name: "Sound on" }).click();
      await page.waitForSelector(
        `${host}[data-way=sound][data-state=playing]`,
        {
          timeout: 30_000,
        },
      );
      const heard = () =>
        page.$eval(`${host} video`, (video) => ({
          atS: video.currentTime,
          bytes: video.webkitAudioDecodedByteCount,
          isMuted: video.muted,
        }));
      const before = await heard();
      assert.equal(before.isMuted, false);
      await watchPictures(page, `${host} video`, 30);
      await until("sound is decoded", 20_000, async () => {
        const now = await heard();
        return now.bytes > before.bytes && now.atS > before.atS + 1;
      });
      figures.sound = await page.evaluate(
        (css) => ({ ...document.querySelector(css).dataset }),
        host,
      );
      await shot("sound");
      await accessible("a camera that is heard");
      const [picture] = await Promise.all([
        page.waitForEvent("download"),
        page.keyboard.press("s"),
      ]);
      assert.match(
        picture.suggestedFilename(),
        /\d{4}(-\d\d){2} \d\d(-\d\d){2}\.jpg$/,
      );
      await page.evaluate(() => (globalThis.journeyLosesSound = true));
      await page.waitForSelector(`${tile} [data-sound=lost]`);
      await page.waitForFunction(
        (css) => document.querySelector(css).dataset.way !== "sound",
        host,
      );
      await watchPictures(page, `${host} video`, 10);
      await page.evaluate(() => (globalThis.journeyLosesSound = false));
      await page.keyboard.press("m");
      await page.waitForFunction(
        (css) => {
          const videos = [...document.querySelectorAll(`${css} video`)];
          return (
            document.querySelector(css).dataset.way !== "sound" &&
            videos.every((video) => video.muted)
          );
        },
        host,
        { timeout: 30_000 },
      );
      assert.deepEqual(await dark(), [], "there was a picture all the time");
      await page.keyboard.press("Escape");
    },
  );

  await step("a past moment plays at once", async () => {
    const { id } = (await ask("GET", "/api/v1/cameras")).items[0];
    const footage = await until(
      "half a minute of footage",
      60_000,
      async () => {
        const now = Date.now();
        const { spans } = await ask(
          "GET",
          `/api/v1/cameras/${id}/timeline?from_utc_ms=${now - 600_000}&to_utc_ms=${now}&max_spans=100`,
        );
        const last = spans.at(-1);
        return last && last.end_utc_ms - last.start_utc_ms > 25_000
          ? last
          : null;
      },
    );
    await go("timeline");
    await page.waitForSelector("[data-player=live][data-state=playing]");
    await page.locator("canvas").focus();
    for (let i = 0; i < 4; i += 1) await page.keyboard.press("+");
    const wanted = footage.end_utc_ms - 15_000;
    const startMs = Date.now();
    await seekTo(wanted);
    await page.waitForFunction(
      () => document.querySelector("[data-player=past]")?.dataset.pictureUtcMs,
    );
    figures.pastFirstPictureMs = Date.now() - startMs;
    const shown = Number(await past("pictureUtcMs"));
    assert.ok(
      Math.abs(shown - wanted) < 3000,
      `the picture is from the moment that was clicked (${shown - wanted} ms off)`,
    );
    const { times } = await watchPictures(page, "[data-player=past] video", 25);
    assert.ok(times.at(-1) > times[0], "it plays forwards");
    await shot("past");
    await accessible("the past");
  });

  await step("single pictures, both ways", async () => {
    await page.keyboard.press("k");
    await page.waitForSelector("[data-player=past][data-state=paused]");
    const seen = [Number(await past("pictureUtcMs"))];
    for (const key of [".", ".", ".", ","]) {
      const before = seen.at(-1);
      await page.keyboard.press(key);
      seen.push(
        await until("another picture", 5000, async () => {
          const now = Number(await past("pictureUtcMs"));
          return now === before ? null : now;
        }),
      );
    }
    assert.ok(
      seen[1] > seen[0] && seen[2] > seen[1] && seen[3] > seen[2],
      `each is later: ${seen.join(" ")}`,
    );
    assert.equal(seen[4], seen[2], "and back is the one before");
  });

  await step("across the border of two files without a seam", async () => {
    const { id } = (await ask("GET", "/api/v1/cameras")).items[0];
    const border = await until(
      "a second file with ten seconds in it",
      150_000,
      async () => {
        const range = `from_utc_ms=${Date.now() - 600_000}&to_utc_ms=${Date.now()}`;
        const { items } = await ask(
          "GET",
          `/api/v1/cameras/${id}/main/segments?${range}`,
        );
        const joined = items.findLast((next, i) => {
          const before = items[i - 1];
          if (!before || Date.now() - next.start_utc_ms < 15_000) return false;
          return (
            Math.abs(
              before.start_utc_ms + before.duration_ms - next.start_utc_ms,
            ) < 60
          );
        });
        return joined?.start_utc_ms;
      },
    );
    await seekTo(border - 4000);
    await page.keyboard.press(" ");
    await page.waitForSelector("[data-player=past][data-state=playing]");
    const { times } = await watchPictures(
      page,
      "[data-player=past] video",
      150,
      40_000,
    );
    // Media time 0 on the wall clock: what `pictureUtcMs` says of the newest picture, less its media time.
    const epochMs = await page.evaluate(() => {
      const host = document.querySelector("[data-player=past]");
      return (
        Number(host.dataset.positionUtcMs) -
        host.querySelector("video").currentTime * 1000
      );
    });
    const after = times.findIndex(
      (time) => epochMs + time * 1000 >= border - 20,
    );
    assert.ok(after > 0, "the border was crossed");
    assert.ok(
      times.every((time, i) => i === 0 || time > times[i - 1]),
      "never backwards",
    );
    const steps = times.slice(1).map((time, i) => time - times[i]);
    figures.stepOverBorderS = times[after] - times[after - 1];
    // A busy machine leaves pictures out anywhere; what counts is that the border is no worse than elsewhere,
    // and that what is buffered has no hole there.
    const elsewhere = Math.max(...steps.filter((_step, i) => i !== after - 1));
    figures.widestStepElsewhereS = elsewhere;
    assert.ok(
      figures.stepOverBorderS <= Math.max(FRAME_S, elsewhere),
      `no picture is missing at the border (${figures.stepOverBorderS.toFixed(3)} s)`,
    );
    const isWhole = await page.evaluate(
      (atS) => {
        const { buffered } = document.querySelector("[data-player=past] video");
        return [...Array(buffered.length).keys()].some(
          (i) => buffered.start(i) < atS - 1 && buffered.end(i) > atS + 1,
        );
      },
      (border - epochMs) / 1000,
    );
    assert.ok(
      isWhole,
      "one stretch is buffered from before the border to behind it",
    );
  });

  await step("the past goes over into live", async () => {
    await seekTo(Date.now() - 14_000);
    await page.waitForSelector("[data-player=past][data-state=playing]");
    // At its own speed it would stay fourteen seconds behind for ever.
    for (const key of "lll") await page.keyboard.press(key);
    await page
      .locator("button.live[aria-pressed=true]")
      .waitFor({ timeout: 40_000 });
    await page.waitForSelector("[data-player=live][data-state=playing]");
    await page.waitForSelector("[data-player=past]", { state: "detached" });
    await watchPictures(page, "[data-player=live] video", 10);
  });

  await step("a week is painted by keys, and the hub follows it", async () => {
    const { id, recording } = (await ask("GET", "/api/v1/cameras")).items[0];
    await go("cameras");
    await page.getByRole("button", { name: "Edit" }).first().click();
    await page
      .getByLabel("Recording", { exact: true })
      .selectOption("schedule");
    // Not today: nothing that the journey looks at later goes unrecorded.
    const day = (new Date().getDay() + 2) % 7;
    await page.locator(`[data-cell="0-0"]`).focus();
    for (let i = 0; i < day; i += 1) await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Shift+ArrowRight");
    await page.keyboard.press("Enter");
    await accessible("the week of a camera");
    await shot("week");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const kept = (await ask("GET", `/api/v1/cameras/${id}`)).recording;
    assert.equal(kept.mode, "schedule");
    const spans = kept.schedule.map(
      ({ days, from, to, mode }) => `${days.length} ${from} ${to} ${mode}`,
    );
    assert.deepEqual(spans.sort(), [
      "1 02:00 24:00 continuous",
      "6 00:00 24:00 continuous",
    ]);
    await ask("PATCH", `/api/v1/cameras/${id}`, { recording });
  });

  await step("a span is locked, and unlocked after a second look", async () => {
    const { id } = (await ask("GET", "/api/v1/cameras")).items[0];
    const locks = () => ask("GET", `/api/v1/cameras/${id}/locks`);
    await go("timeline");
    await page.locator("canvas").focus();
    await page.keyboard.press("s");
    await page.getByLabel("Why").fill("Broken window");
    await accessible("the lock of a span");
    await shot("lock");
    await page.getByRole("button", { name: /^Lock \d/ }).click();
    const [lock] = await until("the lock", 5000, async () => {
      const all = await locks();
      return all.length === 1 ? all : null;
    });
    assert.equal(lock.note, "Broken window");
    await page.getByRole("button", { name: "Lock footage" }).click();
    await page.getByRole("button", { name: "Locked so far" }).click();
    await page.getByRole("button", { name: /^Unlock / }).click();
    assert.equal((await locks()).length, 1, "it is not unlocked by one click");
    await accessible("what is locked");
    await page.getByRole("button", { name: "Unlock it" }).click();
    await page.getByText("Nothing of this camera is locked.").waitFor();
    assert.deepEqual(await locks(), []);
    await page.keyboard.press("Escape");
  });

  await step("a rule of storage is told of before it is saved", async () => {
    await go("storage");
    await page.getByRole("button", { name: "Change how long" }).click();
    const dialog = page.getByRole("dialog");
    const save = dialog.getByRole("button", { name: "Save" });
    await dialog.getByLabel("Delete after").fill("0");
    await dialog.getByText("nothing could be kept").waitFor();
    assert.ok(await save.isDisabled(), "what the hub refuses cannot be saved");
    await dialog.getByLabel("Delete after").fill("30");
    await until("what it would mean", 10_000, () => save.isEnabled());
    await accessible("the rules of storage");
    await shot("policy");
    await save.click();
    await dialog.waitFor({ state: "detached" });
    const policy = await ask("GET", "/api/v1/storage/policy");
    assert.equal(policy.keep.max_age_days, 30);
  });

  await step("recorders are judged by other numbers, and back", async () => {
    const rules = () => ask("GET", "/api/v1/supervision");
    const usual = await rules();
    const open = () =>
      page
        .getByRole("button", { name: "When recorders are restarted" })
        .click();
    const saved = async () => {
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
    };
    await go("health");
    await open();
    await page.getByLabel("it uses more memory than (MB)").first().fill("1500");
    await accessible("the rules of recorders");
    await shot("supervision");
    await saved();
    assert.deepEqual(await rules(), { ...usual, max_rss_mb: 1500 });
    await open();
    await page.getByRole("button", { name: "All back to usual" }).click();
    await saved();
    assert.deepEqual(await rules(), usual);
  });

  await step("access is given, used and taken back", async () => {
    const { id, name } = (await ask("GET", "/api/v1/cameras")).items[0];
    await go("cameras");
    await page.getByRole("button", { name: "Who may watch" }).click();
    await page.getByRole("button", { name: "Give access" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Who it is for").fill("The neighbour");
    await dialog.getByLabel("Only some").check();
    await dialog.getByLabel(name, { exact: true }).check();
    await accessible("giving access");
    await shot("give");
    await dialog.getByRole("button", { name: "Give access" }).click();
    const shown = (name) =>
      dialog.getByRole("textbox", { name, exact: true }).inputValue();
    const link = await shown("Link to the pages");
    const hls = await shown("HLS");
    const token = await shown("The token itself");
    assert.ok(link.startsWith(hub.url) && link.endsWith(`#token=${token}`));
    const rtsp = await shown("RTSP, Main stream");
    const password = await shown("Password");
    assert.ok(rtsp.includes(`:${password}@127.0.0.1:`), "ready to be copied");
    await accessible("what was given");
    await dialog.getByRole("button", { name: "Done" }).click();
    await dialog.getByRole("button", { name: "Close all the same" }).click();
    await dialog.waitFor({ state: "detached" });
    const isKept = await page.evaluate(
      (secret) =>
        [localStorage, sessionStorage].some((store) =>
          JSON.stringify(store).includes(secret),
        ) ||
        [...document.querySelectorAll("input")].some((input) =>
          input.value.includes(secret),
        ),
      token,
    );
    assert.ok(!isKept, "a token that was shown once is not kept in the page");
    const row = page
      .locator("[data-token]")
      .filter({ hasText: "The neighbour" });
    await row.getByText("not used yet").waitFor();
    await row.getByRole("button", { name: "Addresses for RTSP" }).click();
    await dialog
      .getByLabel("How the program connects")
      .selectOption("RTSPS, encrypted");
    const rtsps = await shown("RTSPS, Main stream");
    assert.ok(rtsps.includes(`:${password}@127.0.0.1:`), "the same password");
    assert.match(await dialog.locator("code").textContent(), /^(..:){31}..$/);
    await accessible("what was given, again");
    await shot("rtsp");
    await dialog.getByRole("button", { name: "Done" }).click();
    await dialog.waitFor({ state: "detached" });

    const theirs = await (await browser.newContext()).newPage();
    await theirs.goto(link);
    await theirs.waitForSelector(`[data-tile="${id}"][data-live=true]`);
    const tiles = await theirs.locator("[data-tile]").count();
    assert.equal(tiles, 1, "they see the one camera that was given");
    await until(
      "a playlist",
      10_000,
      async () => (await fetch(hls)).status === 200,
    );
    await row.getByText("open now").waitFor();
    await row.getByRole("button", { name: "Take back" }).click();
    await dialog.getByText("Open with it now").waitFor();
    await accessible("taking access back");
    await shot("take-back");
    await dialog.getByRole("button", { name: "Take back" }).click();
    await row.waitFor({ state: "detached" });
    await theirs.getByRole("heading", { name: "needs a key" }).waitFor();
    assert.equal((await fetch(hls)).status, 401);
    await theirs.context().close();
  });

  await step("dialogs close by Escape, and give the focus back", async () => {
    const dialog = page.getByRole("dialog");
    const gone = () => dialog.waitFor({ state: "detached" });
    const OPENERS = [
      ["cameras", "Add a camera"],
      ["cameras", "Edit"],
      ["cameras", "Delete"],
      ["cameras/access", "Give access"],
      ["storage", "Add a disk or store"],
      ["storage", "Change how long"],
      ["health", "How alerts are told"],
      ["health", "When recorders are restarted"],
      ["timeline", "Go to a time"],
      ["timeline", "Keys"],
    ];
    for (const [view, name] of OPENERS) {
      await go(view);
      const opener = page.getByRole("button", { name, exact: true }).first();
      await opener.focus();
      await page.keyboard.press("Enter");
      await dialog.waitFor();
      const isInside = await dialog.evaluate((node) =>
        node.contains(document.activeElement),
      );
      assert.ok(isInside, `the focus goes into the dialog: ${name}`);
      await page.keyboard.press("Escape");
      await gone();
      const isBack = await opener.evaluate(
        (node) => node === document.activeElement,
      );
      assert.ok(isBack, `the focus is back where it was: ${name}`);
    }

    await go("live");
    await page.locator("[data-tile]").first().waitFor();
    await page.keyboard.press("?");
    await dialog.getByText("Sound on or off").waitFor();
    await accessible("the keys of live");
    await page.keyboard.press("Escape");
    await gone();

    // What is shown once is not lost by one key, and a second one closes it for good.
    await go("cameras/access");
    const give = page.getByRole("button", { name: "Give access" }).first();
    await give.click();
    await dialog.getByLabel("Who it is for").fill("Escape");
    await page.keyboard.press("Enter");
    await dialog.getByRole("button", { name: "Done" }).waitFor();
    await page.keyboard.press("Escape");
    await dialog.getByText("Nothing has been copied").waitFor();
    await page.keyboard.press("Escape");
    await gone();
    await give.click();
    await dialog.getByLabel("Who it is for").waitFor();
    await page.keyboard.press("Escape");
    await gone();
    const { items } = await ask("GET", "/api/v1/tokens");
    const { id } = items.find(({ subject }) => subject === "Escape");
    await ask("DELETE", `/api/v1/tokens/${id}`);
  });

  await step("a killed hub comes back, and the pictures with it", async () => {
    await go("live");
    await allLive(20_000);
    await hub.kill();
    await page.locator("[data-banner=unreachable]").waitFor();
    await shot("hub-away");
    await hub.start();
    const startMs = Date.now();
    await allLive(60_000);
    figures.backAfterKillMs = Date.now() - startMs;
    await page
      .locator("[data-banner=unreachable]")
      .waitFor({ state: "detached" });
    for (const { id } of (await ask("GET", "/api/v1/cameras")).items) {
      await watchPictures(page, `[data-tile="${id}"] video`, 10, 30_000);
    }
  });

  await step(
    "a hidden page takes no pictures, a shown one has them again",
    async () => {
      const viewers = async () => {
        const { items } = await ask("GET", "/api/v1/status");
        return items
          .flatMap((camera) => camera.streams)
          .reduce((sum, stream) => sum + stream.viewers, 0);
      };
      await until(
        "somebody watches",
        10_000,
        async () => (await viewers()) > 0,
      );
      await setHidden(page, true);
      await until(
        "nobody watches",
        20_000,
        async () => (await viewers()) === 0,
      );
      await setHidden(page, false);
      await watchPictures(page, "[data-tile] video", 20);
      await allLive(10_000);
    },
  );

  await step(
    "every view, on a laptop and a phone, dark and light",
    async () => {
      for (const [size, viewport] of Object.entries(SIZES)) {
        await page.setViewportSize(viewport);
        for (const colorScheme of ["dark", "light"]) {
          await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
          for (const view of VIEWS) {
            await go(view);
            await page
              .getByRole("heading", { level: 1 })
              .first()
              .waitFor({ state: "attached" });
            if (view === "live") await allLive(20_000);
            if (view === "timeline")
              await page.waitForSelector(
                "[data-player=live][data-state=playing]",
              );
            if (view === "storage")
              await page.getByRole("table").first().waitFor();
            if (view === "health")
              await page.getByRole("table").first().waitFor();
            await shot(`${view.replace("/", "-")}-${size}-${colorScheme}`);
            await accessible(`${view} (${size}, ${colorScheme})`);
            const isWide = await page.evaluate(
              () => document.documentElement.scrollWidth > innerWidth,
            );
            assert.ok(!isWide, `${view} fits a ${size}`);
          }
        }
      }
    },
  );

  assert.deepEqual(broken, [], "nothing broke on the way");
  console.log(JSON.stringify(figures, null, 2));
} catch (error) {
  await shot("failed");
  console.error(broken.join("\n"));
  throw error;
} finally {
  await browser.close();
  await hub.stop();
}
