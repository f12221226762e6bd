// A narrow line between a page and its hub: all that comes from the hub, by TCP and by UDP, goes through one queue, as in
// the router at the end of a line. What goes to the hub passes at once.
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";

/** What fits a packet of TCP. */
const PACKET = 1448;
/** What the router keeps: beyond that, datagrams are lost. TCP would find its pace by losses; here it waits for its turn. */
const KEPT_BYTES = 64 << 10;
const KEPT_OF_A_CONNECTION = 16;

export class Line {
  #bps = Infinity;
  #queue = [];
  #bytes = 0;
  #freeAtMs = 0;
  #timer = null;
  #isSending = false;
  #server;
  #hub;
  #connections = new Set();
  #relays = new Map();
  /** Datagrams from the hub: how many came, and how many of these were lost. */
  came = 0;
  lost = 0;

  /** Opens it in front of a hub. */
  static async open(hubUrl) {
    const line = new Line();
    line.#hub = new URL(hubUrl);
    line.#server = createServer((client) => line.#connected(client));
    await new Promise((resolve) =>
      line.#server.listen(0, "127.0.0.1", resolve),
    );
    return line;
  }

  /** The hub's address at this end. */
  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** From now on it carries so many bits a second. */
  carry(bps) {
    this.#bps = bps;
    this.#freeAtMs = Math.min(this.#freeAtMs, performance.now());
    if (this.#queue[0]) this.#queue[0].dueMs = undefined;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#send();
  }

  /** Leads WebRTC of a page through the line as well. */
  async lead(page) {
    await page.route("**/whep", async (route) => {
      if (route.request().method() !== "POST") return route.continue();
      const response = await route.fetch();
      const answer = await response.text();
      const led = [];
      for (const text of answer.split("\r\n")) {
        const [, before, port, after] =
          /^(a=candidate:\S+ \d+ udp \d+ \S+ )(\d+)( .*)$/i.exec(text) ?? [];
        led.push(
          port === undefined
            ? text
            : `${before}${await this.#relay(Number(port))}${after}`,
        );
      }
      await route.fulfill({ response, body: led.join("\r\n") });
    });
  }

  close() {
    clearTimeout(this.#timer);
    this.#server.close();
    for (const connection of this.#connections) connection.destroy();
    for (const { sockets } of this.#relays.values())
      for (const socket of sockets) socket.close();
  }

  #connected(client) {
    const server = connect(Number(this.#hub.port), this.#hub.hostname);
    let kept = 0;
    const take = () => {
      while (kept < KEPT_OF_A_CONNECTION) {
        const bytes =
          server.read(Math.min(PACKET, server.readableLength)) ?? null;
        if (bytes === null || bytes.length === 0) return;
        kept += 1;
        this.#put(bytes.length, () => {
          kept -= 1;
          client.write(bytes);
          take();
        });
      }
    };
    server.on("readable", take);
    // What is still in the queue comes before the end.
    server.on("end", () => this.#put(0, () => client.end()));
    client.pipe(server);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      this.#connections.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#connections.delete(socket);
        if (socket === client) server.destroy();
      });
    }
  }

  /** A port at this end for a UDP port of the hub. */
  async #relay(port) {
    const known = this.#relays.get(port);
    if (known) return known.port;
    const near = createSocket("udp4");
    const sockets = new Set([near]);
    const far = new Map();
    near.on("message", (message, from) => {
      const name = `${from.address}:${from.port}`;
      if (!far.has(name)) {
        const socket = createSocket("udp4");
        socket.on("error", () => undefined);
        socket.on("message", (bytes) => {
          this.came += 1;
          if (this.#bytes + bytes.length > KEPT_BYTES) this.lost += 1;
          else
            this.#put(bytes.length, () =>
              near.send(bytes, from.port, from.address, () => undefined),
            );
        });
        far.set(name, socket);
        sockets.add(socket);
      }
      far.get(name).send(message, port, this.#hub.hostname, () => undefined);
    });
    await new Promise((resolve) => near.bind(0, "127.0.0.1", resolve));
    const relay = { port: near.address().port, sockets };
    this.#relays.set(port, relay);
    return relay.port;
  }

  #put(bytes, deliver) {
    this.#queue.push({ bytes, deliver });
    this.#bytes += bytes;
    if (this.#timer === null && !this.#isSending) this.#send();
  }

  #send() {
    this.#isSending = true;
    this.#timer = this.#sendWhatIsDue();
    this.#isSending = false;
  }

  /** A timer for the next one; null if there is none. */
  #sendWhatIsDue() {
    for (let next = this.#queue[0]; next; next = this.#queue[0]) {
      const nowMs = performance.now();
      const tookMs =
        this.#bps === Infinity ? 0 : (next.bytes * 8000) / this.#bps;
      next.dueMs ??= Math.max(nowMs - 20, this.#freeAtMs) + tookMs;
      if (this.#bps !== Infinity && next.dueMs > nowMs) {
        return setTimeout(() => this.#send(), next.dueMs - nowMs);
      }
      this.#freeAtMs = next.dueMs;
      this.#queue.shift();
      this.#bytes -= next.bytes;
      next.deliver();
    }
    return null;
  }
}
