// The desktop journey: the real window, hub and recorders, looked at from outside as a person and a desktop would.
//
// Steered by WebKitWebDriver (which starts the window), session.py (tray, notifications) and xdotool (closing windows).
// Every wait has a deadline. Run it by `cargo xtask desktop`, which gives it a display and a bus of its own.
import { readFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import {
  Hub, Session, assert, closeWindow, endAll, freePort, isAlive, lastWords, pidsOf, program, root, scratch, start,
  takePicture, until, visibleWindows,
} from "./lib.mjs";

const require = createRequire(path.join(root, "ui", "package.json"));
const { Builder, By, Capabilities } = require("selenium-webdriver");

const MUTE = "Mute alerts for 1 hour";
const UNMUTE = "Turn alerts back on";
const MENU = [
  "Open Tarsier", "Pause recording", MUTE, "Start at login", "Quit window (recording goes on)",
  "Stop recording and quit",
];
const SINGLE = "dev.tarsier.window.SingleInstance";
const QUICK = 20; // seconds for what happens at once, on a busy machine
const START = 120; // seconds for a start of window, hub, recorders and pages
const OFFLINE = 30; // seconds from a camera's death to its alert: promised
const BACK = 60; // seconds: the slowest attempt (30 s), the hub's ten seconds of calm, and a busy machine

const dataDir = path.join(scratch, "data");
const hub = new Hub(dataDir);
const session = new Session();
let driver;
let windowPid;
let steps = 0;

async function step(sentence, act) {
  const began = performance.now();
  await act();
  steps += 1;
  console.log(`ok - ${sentence} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
}

const inPage = (code, ...args) => driver.executeScript(code, ...args);
const line = async () => (await session.labels())[0];

/** For each playing video: where it is, and 32 x 18 of its pixels. */
function videos() {
  return inPage(`
    return [...document.querySelectorAll("video")].filter((video) => video.videoWidth > 0).map((video) => {
      const canvas = document.createElement("canvas");
      canvas.width = 32; canvas.height = 18;
      const context = canvas.getContext("2d");
      context.drawImage(video, 0, 0, 32, 18);
      return { at: video.currentTime, pixels: [...context.getImageData(0, 0, 32, 18).data] };
    });`);
}

/** Of each live picture on the page. */
const playerStates = () =>
  inPage(`return [...document.querySelectorAll("[data-player=live]")].map((player) => player.dataset.state);`);

const allLive = () =>
  until("the page shows every camera live", START, async () => {
    const states = await playerStates();
    assert(states.length === 3 && states.every((state) => state === "playing"), `they are ${states}`);
    return true;
  });

/** What a failure is understood by. */
const pageFacts = () =>
  inPage(`
    return [...document.querySelectorAll("[data-player=live]")].map((player) => ({
      ...player.dataset,
      videos: [...player.querySelectorAll("video")].map((video) => ({
        at: video.currentTime, readyState: video.readyState, isPaused: video.paused, isSeeking: video.seeking,
        buffered: [...Array(video.buffered.length).keys()].map((n) => [video.buffered.start(n), video.buffered.end(n)]),
      })),
    }));`).catch((error) => `none: ${error.message}`);

const isBlack = ({ pixels }) => !pixels.some((value, index) => index % 4 !== 3 && value > 60);
const differs = (a, b) => a.pixels.filter((value, index) => Math.abs(value - b.pixels[index]) > 8).length > 10;

async function openWithDriver() {
  const port = await freePort();
  const webDriver = start("WebKitWebDriver", "WebKitWebDriver", [`--port=${port}`], {
    env: { ...process.env, TAURI_WEBVIEW_AUTOMATION: "true", TARSIER_LOG: "info" },
  });
  await until("WebKitWebDriver answers", QUICK, async () => (await fetch(`http://127.0.0.1:${port}/status`)).ok);
  const capabilities = new Capabilities();
  capabilities.setBrowserName("wry");
  capabilities.set("webkitgtk:browserOptions", {
    binary: program("tarsier"),
    args: ["--data-dir", dataDir, "--demo", "2"],
  });
  driver = await new Builder().withCapabilities(capabilities).usingServer(`http://127.0.0.1:${port}/`).build();
  return webDriver;
}

async function journey() {
  start("openbox", "openbox", []);
  await until("the session offers a tray", QUICK, () => session.isReady);
  // A file where the data folder should be: nobody, not even root, can make a folder there.
  writeFileSync(dataDir, "in the way");

  await step("a data folder that cannot be written to is said in words, with a button", async () => {
    await openWithDriver();
    [windowPid] = await until("the window runs", QUICK, () => pidsOf(program("tarsier"), dataDir));
    const text = await until("the page says what is wrong", START, async () => {
      const shown = await driver.findElement(By.css("main")).getText();
      return shown.includes("Try again") && shown;
    });
    assert(text.includes("The data folder cannot be written to."), `the page must say what happened: ${text}`);
    assert(text.includes(dataDir), `the page must name the folder: ${text}`);
    takePicture("failed");
  });

  await step("the button tries again, and the window shows the hub's pages", async () => {
    rmSync(dataDir);
    mkdirSync(dataDir);
    await driver.findElement(By.id("retry")).click();
    await until("the hub's page is open", START, async () => (await driver.getCurrentUrl()).startsWith(hub.file().url));
    const url = await until("the token is gone from the address", QUICK, async () => {
      const url = await driver.getCurrentUrl();
      return !url.includes("token=") && url;
    });
    assert(url.startsWith("http://127.0.0.1:"), `the pages come from loopback: ${url}`);
  });

  await step("the window shows both cameras, live: not black, and moving", async () => {
    const first = await until("two videos show pictures that are not black", START, async () => {
      const now = await videos();
      return now.length >= 2 && now.slice(0, 2).every((video) => !isBlack(video)) && now;
    });
    await until("both videos move on", QUICK, async () => {
      const now = await videos();
      return now.length >= 2 && [0, 1].every((n) => now[n].at > first[n].at + 1 && differs(now[n], first[n]));
    });
    takePicture("live");
  });

  await step("the tray says that two cameras are recorded, and offers everything", async () => {
    await until("the tray's line is right", QUICK, async () => (await line()) === "Recording 2 cameras");
    const labels = await session.labels();
    assert(JSON.stringify(labels.slice(1)) === JSON.stringify(MENU), `the menu is ${JSON.stringify(labels)}`);
    assert(existsSync(await session.icon()), "the tray has a picture");
  });

  await step("pause and resume from the tray", async () => {
    const recording = readFileSync(await session.icon());
    await session.press("Pause recording");
    await until("the hub is paused", QUICK, async () => (await hub.api("GET", "/api/v1/system")).is_paused);
    await until("the tray says so", QUICK, async () => (await line()) === "Recording is paused");
    await until("the tray's picture tells a pause from recording", QUICK, async () =>
      !recording.equals(readFileSync(await session.icon())));
    await session.press("Resume recording");
    await until("the tray says so", START, async () => (await line()) === "Recording 2 cameras");
  });

  await step("alerts are muted and unmuted from the tray, and the tray shows what others mute", async () => {
    const mutedUntil = async () => (await hub.api("GET", "/api/v1/alerts/mute")).until_utc_ms;
    const offers = async (label) => (await session.labels()).includes(label);
    await session.press(MUTE);
    const untilUtcMs = await until("the hub is muted", QUICK, mutedUntil);
    const minutes = (untilUtcMs - Date.now()) / 60_000;
    assert(minutes > 59 && minutes <= 60.1, `the menu promises an hour, not ${minutes} minutes`);
    await until("the tray offers to turn them back on", QUICK, () => offers(UNMUTE));
    await session.press(UNMUTE);
    await until("the hub tells people again", QUICK, async () => (await mutedUntil()) === null);
    await until("the tray offers to mute", QUICK, () => offers(MUTE));
    await hub.api("PUT", "/api/v1/alerts/mute", { until_utc_ms: Date.now() + 60_000 });
    await until("the tray shows that somebody else muted them", QUICK, () => offers(UNMUTE));
    await hub.api("PUT", "/api/v1/alerts/mute", { until_utc_ms: null });
    await until("the tray shows that they are back on", QUICK, () => offers(MUTE));
  });

  await step("start at login is written and taken back", async () => {
    const entry = path.join(process.env.HOME, ".config", "autostart", "Tarsier.desktop");
    const isTicked = async () => (await session.menu()).find((item) => item.label === "Start at login").checked;
    await session.press("Start at login");
    await until("the entry is there", QUICK, () => existsSync(entry));
    const text = readFileSync(entry, "utf8");
    assert(text.includes("--hidden") && text.includes(dataDir), `the entry opens the same folder in the tray: ${text}`);
    await until("the tick is there", QUICK, isTicked);
    await session.press("Start at login");
    await until("the entry is gone", QUICK, async () => !existsSync(entry) && !(await isTicked()));
  });

  await step("closing the window leaves it in the tray", async () => {
    const [id] = await until("the window is seen", QUICK, () => visibleWindows().length > 0 && visibleWindows());
    closeWindow(id);
    await until("the window is gone from the screen", QUICK, () => visibleWindows().length === 0);
    assert(isAlive(windowPid), "the program lives on in the tray");
  });

  await step("a second start shows the first window and ends", async () => {
    assert(await session.isOwned(SINGLE), "the first window has its name on the bus");
    const second = start("second tarsier", program("tarsier"), ["--data-dir", dataDir]);
    const { code } = await Promise.race([
      second.ended,
      until("the second start ends", QUICK, () => false),
    ]);
    assert(code === 0, `the second start ends well, not with ${code}`);
    await until("the first window is seen again", QUICK, () => visibleWindows().length > 0);
    const pids = pidsOf(program("tarsier"), dataDir);
    assert(pids.length === 1 && pids[0] === windowPid, `one program runs, the first: ${pids}`);
  });

  const port = await freePort();
  const serveGarden = () =>
    start("Garden", program("tarsierd"), ["demo-camera", "--listen", `127.0.0.1:${port}`, "--cameras", "1"]);
  let garden;

  await step("a camera is added and the tray counts it", async () => {
    garden = serveGarden();
    const at = `rtsp://127.0.0.1:${port}/cam1`;
    await hub.api("POST", "/api/v1/cameras", { name: "Garden", main: { url: `${at}/main` }, sub: { url: `${at}/sub` } });
    await until("three cameras are recorded", START, async () => (await line()) === "Recording 3 cameras");
  });

  await step("a camera that dies is notified, and a click on that shows the window", async () => {
    closeWindow((await until("the window is seen", QUICK, () => visibleWindows().length > 0 && visibleWindows()))[0]);
    await until("the window is gone from the screen", QUICK, () => visibleWindows().length === 0);
    const recording = readFileSync(await session.icon());
    garden.child.kill("SIGKILL");
    const note = await until("the notification comes", OFFLINE, () =>
      session.notifications.find(({ title }) => title.includes("Garden")),
    );
    assert(note.body.length > 0, `it says what to do: ${JSON.stringify(note)}`);
    await until("the tray says it, too", QUICK, async () => (await line()) === "Recording 2 of 3 cameras, 1 offline");
    await until("the tray's picture tells it, too", QUICK, async () =>
      !recording.equals(readFileSync(await session.icon())));
    await session.click(note);
    await until("the window is seen", QUICK, () => visibleWindows().length > 0);
    await until("its page says which camera has no pictures", QUICK, async () => {
      const states = await playerStates();
      return states.length === 3 && states.filter((state) => state === "playing").length === 2;
    });
    takePicture("offline");
  });

  await step("the camera's return is notified", async () => {
    const before = session.notifications.length;
    garden = serveGarden();
    await until("the notification comes", BACK, () =>
      session.notifications.slice(before).find(({ title }) => title.includes("Garden")),
    );
    await until("three cameras are recorded", START, async () => (await line()) === "Recording 3 cameras");
    await allLive();
    assert(session.notifications.length === before + 1, `one camera, one note: ${JSON.stringify(session.notifications)}`);
  });

  await step("a hub that is killed is started again by the window, and the recorders never notice", async () => {
    const { pid } = hub.file();
    const recorders = async () =>
      (await hub.api("GET", "/api/v1/recorders")).items.map((recorder) => recorder.pid).sort().join();
    const before = await recorders();
    process.kill(pid, "SIGKILL");
    await until("another hub answers", START, async () => hub.file().pid !== pid && (await recorders()) === before);
    await until("the tray says that all is well", START, async () => (await line()) === "Recording 3 cameras");
    await allLive();
    takePicture("hub-back");
  });

  await step("kill -9 of the window stops no recording", async () => {
    const { pid } = hub.file();
    process.kill(windowPid, "SIGKILL");
    await until("the window is dead", QUICK, () => !isAlive(windowPid));
    // The bus hears of it a moment later; until then a next start would speak to the dead.
    await until("the bus knows it", QUICK, async () => !(await session.isOwned(SINGLE)));
    const then = hub.footage();
    const system = await hub.api("GET", "/api/v1/system");
    assert(isAlive(pid) && system.recording_cameras === 3, `the hub records on: ${JSON.stringify(system)}`);
    assert(Object.keys(then).length === 3, `each camera has footage: ${JSON.stringify(then)}`);
    await until("the footage of each camera grows", QUICK, () => {
      const now = hub.footage();
      return Object.keys(then).every((camera) => now[camera] > then[camera]);
    });
  });

  await step("the next window finds the same hub, and can stop it and itself", async () => {
    const { pid } = hub.file();
    const trays = session.trays;
    const next = start("next tarsier", program("tarsier"), ["--data-dir", dataDir, "--hidden"]);
    await until("its tray is there", START, () => session.trays > trays);
    await until("it found the hub", START, async () => (await line()) === "Recording 3 cameras");
    assert(hub.file().pid === pid, "it is the hub that was there");
    assert(visibleWindows().length === 0, "--hidden shows no window");
    await session.press("Stop recording and quit");
    const { code } = await Promise.race([next.ended, until("the window ends", START, () => false)]);
    assert(code === 0, `the window ends well, not with ${code}`);
    await until("the hub has ended", QUICK, () => !isAlive(pid));
  });
}

try {
  await journey();
  console.log(`\n${steps} passed, 0 failed`);
} catch (error) {
  takePicture("failure");
  console.log(`\nnot ok - ${error.stack}\n${lastWords()}`);
  if (driver) console.log(`--- players on the page:\n${JSON.stringify(await pageFacts(), null, 1)}`);
  for (const log of ["hub-start.log"]) {
    const file = path.join(dataDir, "logs", log);
    if (existsSync(file)) console.log(`--- ${log}:\n${readFileSync(file, "utf8").slice(-3000)}`);
  }
  console.log(`\n${steps} passed, 1 failed`);
  process.exitCode = 1;
} finally {
  // The hub is detached: it ends by its own id.
  for (const pid of [...pidsOf(program("tarsier"), dataDir), ...pidsOf(program("tarsierd"), dataDir)]) process.kill(pid, "SIGTERM");
  await endAll();
  await until("nothing of ours runs", QUICK, () => pidsOf(program("tarsierd"), dataDir).length === 0).catch((error) => {
    console.log(`not ok - ${error.message}`);
    process.exitCode = 1;
  });
}
