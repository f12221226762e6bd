// What the journey stands on: waiting with a deadline, processes that end with it, the session's tray and
// notifications, the hub's API. What does not belong here: what Tarsier should do.
import { spawn, execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, readlinkSync, statSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
export const scratch = process.env.TARSIER_SCRATCH;
export const program = (name) => path.join(process.env.CARGO_TARGET_DIR ?? path.join(root, "target"), "debug", name);

/** Asks until the answer is something; `what` is the sentence that failed when it never is. */
export async function until(what, seconds, ask) {
  const deadline = performance.now() + seconds * 1000;
  let last;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer;
      last = answer;
    } catch (error) {
      last = error.message ?? error;
    }
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what} (last: ${JSON.stringify(last)})`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export function assert(is, sentence) {
  if (!is) throw new Error(sentence);
}

// ---- processes ----------------------------------------------------------------------------------------------------

const started = [];

/** A child that ends with the journey, if not before. Its words are kept and shown when the journey fails. */
export function start(name, file, args, options = {}) {
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"], ...options });
  const entry = { name, child, said: [] };
  entry.ended = new Promise((resolve) => {
    child.on("exit", (code, signal) => resolve({ code, signal }));
    child.on("error", (error) => resolve({ error }));
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (data) => {
      entry.said.push(data.toString());
      if (entry.said.length > 400) entry.said.shift();
    });
  }
  started.push(entry);
  return entry;
}

export async function endAll() {
  for (const { child } of started.toReversed()) {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
  }
  const all = Promise.all(started.map((entry) => entry.ended));
  const late = new Promise((resolve) => setTimeout(resolve, 5000).unref());
  await Promise.race([all, late]);
  for (const { child } of started) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
}

export function lastWords() {
  return started.map(({ name, said }) => `--- ${name} said:\n${said.join("").slice(-3000)}`).join("\n");
}

/** Ids of processes that run this program with this argument. */
export function pidsOf(file, argument) {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        // A program that was built anew meanwhile is called "… (deleted)".
        const runs = readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, "");
        return runs === file && args.includes(argument);
      } catch {
        return false; // it ended meanwhile
      }
    })
    .map(Number);
}

export function isAlive(pid) {
  try {
    // A zombie answers to signal 0, too.
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// ---- the session: tray, notifications, windows ----------------------------------------------------------------------

export class Session {
  #entry;
  #answers = new Map();
  #next = 0;
  notifications = [];
  trays = 0;
  isReady = false;

  constructor() {
    // The system's own python: it has dbus and gi.
    this.#entry = start("session.py", "/usr/bin/python3", [path.join(import.meta.dirname, "session.py")]);
    readline.createInterface({ input: this.#entry.child.stdout }).on("line", (line) => this.#hear(JSON.parse(line)));
  }

  #hear(message) {
    if (message.event === "ready") this.isReady = true;
    else if (message.event === "tray") this.trays += 1;
    else if (message.event === "notification") this.notifications.push(message);
    else if (message.event === "answer") {
      const { resolve, reject } = this.#answers.get(message.id);
      this.#answers.delete(message.id);
      if (message.error) reject(new Error(message.error));
      else resolve(message.value);
    }
  }

  #ask(wish) {
    const id = (this.#next += 1);
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve, reject });
      this.#entry.child.stdin.write(`${JSON.stringify({ id, ...wish })}\n`);
    });
  }

  menu = () => this.#ask({ do: "menu" });
  labels = async () => (await this.menu()).map((entry) => entry.label);
  icon = () => this.#ask({ do: "icon" });
  press = (label) => this.#ask({ do: "press", label });
  isOwned = (name) => this.#ask({ do: "owned", name });
  click = (notification) => this.#ask({ do: "click", notification: notification.number });
}

/** Windows of ours that a person sees, as X ids. */
export function visibleWindows() {
  try {
    const found = execFileSync("xdotool", ["search", "--onlyvisible", "--name", "^Tarsier$"], { stdio: "pipe" });
    return found.toString().trim().split("\n").filter(Boolean);
  } catch {
    return []; // xdotool says "none" by its exit code
  }
}

/** As a person does it. */
export function closeWindow(id) {
  execFileSync("xdotool", ["windowactivate", "--sync", id, "key", "--clearmodifiers", "alt+F4"], { stdio: "pipe" });
}

export function takePicture(name) {
  const folder = process.env.TARSIER_PICTURES;
  if (folder) execFileSync("import", ["-window", "root", path.join(folder, `${name}.png`)]);
}

// ---- the hub --------------------------------------------------------------------------------------------------------

export class Hub {
  constructor(dataDir) {
    this.dataDir = dataDir;
  }

  file() {
    return JSON.parse(readFileSync(path.join(this.dataDir, "run", "hub.json"), "utf8"));
  }

  async api(method, route, body) {
    this.token ??= execFileSync(program("tarsierd"), ["token", "--data-dir", this.dataDir, "--role", "admin"]).toString().trim();
    const answer = await fetch(this.file().url + route, {
      method,
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    assert(answer.ok, `${method} ${route} answers ${answer.status}: ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** Bytes of footage on disk for each camera: what is written, without what is only preallocated. */
  footage() {
    const bytes = {};
    const tier = path.join(this.dataDir, "footage");
    for (const entry of readdirSync(tier, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith(".mp4")) continue;
      const [camera] = path.relative(tier, entry.parentPath).split(path.sep);
      bytes[camera] = (bytes[camera] ?? 0) + statSync(path.join(entry.parentPath, entry.name)).size;
    }
    return bytes;
  }
}
