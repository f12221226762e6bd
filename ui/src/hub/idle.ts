/**
 * Reads a body that may be long over a line that may be slow: what counts is that anything comes. A line that died while the
 * machine slept tells nobody, and would be waited for without end.
 *
 * What does not belong here: what is done when nothing comes.
 */

export class Idle {
  private readonly abort = new AbortController();
  private readonly patienceMs: number;
  private timer: ReturnType<typeof setTimeout>;

  constructor(patienceMs: number) {
    this.patienceMs = patienceMs;
    this.timer = this.wait();
  }

  /** Aborts when nothing came for that long. */
  get signal(): AbortSignal {
    return this.abort.signal;
  }

  /** All of a body; the request must end with `signal`. */
  async read(answer: Response): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array[] = [];
    let length = 0;
    this.came();
    const reader = answer.body?.getReader();
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      this.came();
      const part = next.value as Uint8Array;
      parts.push(part);
      length += part.byteLength;
    }
    const whole = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.byteLength;
    }
    return whole;
  }

  /** Nothing is waited for any more. */
  stop(): void {
    clearTimeout(this.timer);
  }

  private came(): void {
    clearTimeout(this.timer);
    this.timer = this.wait();
  }

  private wait(): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.abort.abort(new DOMException("nothing comes any more", "TimeoutError"));
    }, this.patienceMs);
  }
}
