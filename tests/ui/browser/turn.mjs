// A camera is turned from the page: held and let go, by mouse, finger and keys, through a real browser and a real hub.
//
//   TARSIERD=target/debug/tarsierd SCREENSHOTS=DIR node tests/ui/browser/turn.mjs
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import assert from "node:assert/strict";
import { launch, require } from "./chromium.mjs";
import { api, Hub, until } from "./hub.mjs";
import { onvifCamera } from "./onvif.mjs";

const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.SCREENSHOTS ?? "";
if (shots) mkdirSync(shots, { recursive: true });

const SIZES = {
  laptop: { width: 1280, height: 800 },
  phone: { width: 390, height: 844 },
};
/** On a busy machine, too. */
const PATIENCE_MS = 30_000;

const camera = await onvifCamera();
const hub = new Hub();
await hub.start();
const ask = api(hub, hub.token());
const browser = await launch();

async function step(name, act) {
  const startMs = Date.now();
  camera.told.length = 0;
  await act();
  console.log(`ok  ${name}  (${((Date.now() - startMs) / 1000).toFixed(1)} s)`);
}

async function open(role, options = {}) {
  const context = await browser.newContext({
    viewport: SIZES.laptop,
    colorScheme: "dark",
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`${hub.url}/#token=${hub.token(role)}`);
  return page;
}

/** The camera was told such a thing, and nothing after it but what may follow. */
const told = (what, is) =>
  until(what, PATIENCE_MS, () => camera.told.some(is)).catch((error) => {
    throw new Error(`${error.message}; told: ${JSON.stringify(camera.told)}`);
  });
const stopped = () =>
  until(
    "it was told to stop",
    PATIENCE_MS,
    () => camera.told.at(-1) === "stop",
  );

const [turns, stands] = ["demo-driveway", "demo-garden"];
let page = await open("admin");
const pad = () => page.getByRole("group", { name: "Turn Demo driveway" });
const see = (id) => page.evaluate((to) => (location.hash = `/live/${to}`), id);

try {
  await step("a camera that turns has a pad, another has none", async () => {
    await ask("POST", "/api/v1/demo", { cameras: 2 });
    await ask("PATCH", `/api/v1/cameras/${turns}`, { onvif_url: camera.url });
    await page.waitForSelector(`[data-tile="${turns}"][data-live=true]`);
    await see(stands);
    await page.getByRole("heading", { name: "Demo garden" }).waitFor();
    const answer = page.waitForResponse((it) =>
      it.url().endsWith(`${turns}/ptz`),
    );
    await see(turns);
    await answer;
    await pad().waitFor();
    await see(stands);
    await page.getByRole("heading", { name: "Demo garden" }).waitFor();
    await page.waitForSelector("[data-ptz]", { state: "detached" });
    await see(turns);
    await pad().waitFor();
  });

  await step("held, it turns; let go, it stops", async () => {
    await pad().getByRole("button", { name: "Turn left" }).hover();
    await page.mouse.down();
    await told("it turns to the left", (it) => it.pan < 0 && it.tilt === 0);
    await page.mouse.up();
    await stopped();
  });

  await step("a pointer that is let go elsewhere stops it", async () => {
    await pad().getByRole("button", { name: "Zoom in" }).hover();
    await page.mouse.down();
    await told("it zooms", (it) => it.zoom > 0 && it.pan === 0);
    await page.mouse.move(200, 200);
    await page.mouse.up();
    await stopped();
  });

  await step(
    "arrows turn it while the pad has the focus, two of them aslant",
    async () => {
      await pad().getByRole("button", { name: "Turn up" }).focus();
      await page.keyboard.down("ArrowRight");
      await page.keyboard.down("ArrowUp");
      await told("it turns aslant", (it) => it.pan > 0 && it.tilt > 0);
      await page.keyboard.up("ArrowRight");
      await told("it turns up alone", (it) => it.pan === 0 && it.tilt > 0);
      await page.keyboard.up("ArrowUp");
      await stopped();
      assert.ok(
        page.url().endsWith(turns),
        "no arrow has led to another camera",
      );
      await page.keyboard.press("-");
      await told("it zooms out", (it) => it.zoom < 0);
      await stopped();
    },
  );

  await step("who leaves the window while a key is held lets go", async () => {
    await page.keyboard.down("ArrowDown");
    await told("it turns down", (it) => it.tilt < 0);
    await page.evaluate(() => window.dispatchEvent(new Event("blur")));
    await stopped();
    await page.keyboard.up("ArrowDown");
  });

  await step("it goes to a position that it remembers", async () => {
    await pad().getByRole("button", { name: "Go to…" }).click();
    await page.getByRole("button", { name: "Gate and street" }).click();
    await told("it goes there", (it) => it === "to 1");
    camera.mood.refuses = true;
    await pad().getByRole("button", { name: "Go to…" }).click();
    await page.getByRole("button", { name: "Garden", exact: true }).click();
    await pad().getByText("No such preset").waitFor();
    camera.mood.refuses = false;
  });

  await step("T leads to the pad, and puts it away", async () => {
    const focused = (name) =>
      page.waitForFunction(
        (wanted) => document.activeElement?.ariaLabel === wanted,
        name,
      );
    await page.getByRole("button", { name: "All cameras" }).focus();
    await page.keyboard.press("t");
    await focused("Turn up");
    await page.keyboard.press("t");
    await pad().waitFor({ state: "detached" });
    await focused("All cameras");
    await page.keyboard.press("t");
    await focused("Turn up");
  });

  await step("on a laptop and a phone, dark and light", async () => {
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      for (const colorScheme of ["dark", "light"]) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await page.waitForSelector(`[data-tile="${turns}"][data-live=true]`);
        const box = await pad().boundingBox();
        assert.ok(
          box.x >= 0 &&
            box.x + box.width <= viewport.width &&
            box.y + box.height <= viewport.height,
          `the pad fits a ${size}: ${JSON.stringify(box)}`,
        );
        const shot = (name) =>
          shots
            ? page.screenshot({
                path: join(shots, `turn-${name}-${size}-${colorScheme}.png`),
              })
            : null;
        await shot("pad");
        await page.evaluate(axe);
        const found = await page.evaluate(() =>
          globalThis.axe.run(document, { resultTypes: ["violations"] }),
        );
        const words = found.violations.map(({ id, help }) => `${id}: ${help}`);
        assert.deepEqual(
          words,
          [],
          `axe finds nothing (${size}, ${colorScheme})`,
        );
        await pad().getByRole("button", { name: "Go to…" }).click();
        await shot("presets");
        await page.keyboard.press("Escape");
        assert.ok(page.url().endsWith(turns), "Escape closes the menu alone");
      }
    }
    await page.setViewportSize(SIZES.laptop);
  });

  await step("the settings of a camera say where it is turned", async () => {
    await page.evaluate(() => (location.hash = "/cameras"));
    await page.getByRole("button", { name: "Edit" }).first().click();
    const field = page.getByLabel("ONVIF address");
    await field.waitFor();
    assert.equal(await field.inputValue(), `${camera.url}/`);
    await page
      .getByText("This camera turns, zooms, remembers 4 positions.")
      .evaluate((words) => words.scrollIntoView({ block: "center" }));
    if (shots)
      await page.screenshot({ path: join(shots, "turn-settings-laptop.png") });
    await page.getByRole("button", { name: "Cancel" }).click();
    await see(turns);
    await pad().waitFor();
  });

  await step("a page that vanishes leaves no camera turning", async () => {
    await pad().getByRole("button", { name: "Turn right" }).hover();
    await page.mouse.down();
    await told("it turns", (it) => it.pan > 0);
    await page.context().close();
    await stopped();
  });

  await step(
    "a finger turns it, and who may only watch turns nothing",
    async () => {
      page = await open("admin", { viewport: SIZES.phone, hasTouch: true });
      await see(turns);
      await pad().getByRole("button", { name: "Turn down" }).tap();
      await told("it turns down", (it) => it.tilt < 0);
      await stopped();
      await page.context().close();
      page = await open("viewer");
      await page.waitForSelector(`[data-tile="${turns}"][data-live=true]`);
      let asked = 0;
      page.on("request", (it) => (asked += Number(it.url().includes("/ptz"))));
      await see(turns);
      await page.getByRole("heading", { name: "Demo driveway" }).waitFor();
      await page.waitForSelector(
        `[data-tile="${turns}"] [data-player=live][data-state=playing]`,
      );
      assert.equal(
        asked + (await page.locator("[data-ptz]").count()),
        0,
        "nor is it asked",
      );
    },
  );
} catch (error) {
  if (shots)
    await page
      .screenshot({ path: join(shots, "failed.png") })
      .catch(() => null);
  throw error;
} finally {
  await browser.close();
  await hub.stop();
  camera.close();
}
