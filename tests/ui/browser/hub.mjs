// A real hub for a journey: its own data folder, a port that it picks, killed and started again at will.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const program = process.env.TARSIERD ?? join(root, "target/debug/tarsierd");
const ui = join(root, "ui/dist");
const READY_MS = 20_000;

export class Hub {
  #dir = mkdtempSync(join(tmpdir(), "tarsier-journey-"));
  #child = null;
  url = "";

  constructor() {
    if (!existsSync(program))
      throw new Error(
        `${program} is missing: build the hub, or name it in TARSIERD`,
      );
    if (!existsSync(join(ui, "index.html")))
      throw new Error("ui/dist is missing: npm run build in ui/");
  }

  /** Starts it, again at the address of the first time. */
  async start() {
    const listen = this.url === "" ? "127.0.0.1:0" : new URL(this.url).host;
    const args = ["serve", "--data-dir", this.#dir, "--listen", listen];
    for (const server of ["rtsp", "rtsps"])
      args.push(`--${server}-listen`, "127.0.0.1:0");
    const child = spawn(program, args, {
      env: { ...process.env, TARSIER_UI: ui },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    const log = [];
    createInterface({ input: child.stderr }).on("line", (line) =>
      log.splice(0, Math.max(0, log.push(line) - 40)),
    );
    this.url = await new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`no ready line within 20 s\n${log.join("\n")}`)),
        READY_MS,
      );
      child.once("exit", (code) =>
        reject(new Error(`the hub ended with ${code}\n${log.join("\n")}`)),
      );
      createInterface({ input: child.stdout }).on("line", (line) => {
        const said = JSON.parse(line);
        if (said.event !== "ready") return;
        clearTimeout(late);
        resolve(said.url);
      });
    });
  }

  token(role = "admin") {
    return execFileSync(
      program,
      ["token", "--data-dir", this.#dir, "--role", role],
      {
        encoding: "utf8",
      },
    ).trim();
  }

  /** As a power cut would: nothing is closed. */
  async kill() {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  async stop() {
    const child = this.#child;
    this.#child = null;
    if (child && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 8000);
      await ended;
      clearTimeout(late);
    }
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Asks the hub's API as a program would. */
export function api(hub, token) {
  return async (method, path, body) => {
    const answer = await fetch(new URL(path, hub.url), {
      method,
      headers: {
        Authorization: `Bearer ${token}`,
        "Content-Type": "application/json",
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await answer.text();
    if (!answer.ok)
      throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
    return text === "" ? null : JSON.parse(text);
  };
}

/** Asks until the answer pleases, or the time is over. */
export async function until(what, withinMs, ask) {
  const end = Date.now() + withinMs;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end)
      throw new Error(
        `not within ${withinMs} ms: ${what} (last: ${String(last)})`,
      );
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
