import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Idle } from "./idle";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A body that ends with the signal, as that of a request does. */
function body(signal: AbortSignal): { answer: Response; put: (bytes: number[]) => void; end: () => void } {
  let control: ReadableStreamDefaultController<Uint8Array> | null = null;
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      control = controller;
      signal.addEventListener("abort", () => {
        controller.error(signal.reason);
      });
    },
  });
  return {
    answer: new Response(stream),
    put: (bytes) => control?.enqueue(new Uint8Array(bytes)),
    end: () => control?.close(),
  };
}

it("waits for bytes that come slowly", async () => {
  const idle = new Idle(1000);
  const { answer, put, end } = body(idle.signal);
  const all = idle.read(answer);
  for (let n = 0; n < 10; n += 1) {
    await vi.advanceTimersByTimeAsync(900);
    put([n]);
  }
  await vi.advanceTimersByTimeAsync(900);
  end();
  expect([...(await all)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

it("does not wait for ever at a line that died", async () => {
  const idle = new Idle(1000);
  const { answer, put } = body(idle.signal);
  const all = idle.read(answer).catch((error: unknown) => String(error));
  put([1]);
  await vi.advanceTimersByTimeAsync(1100);
  expect(await all).toContain("nothing comes any more");
});

it("counts the time before the answer too, and none after the end", async () => {
  const [waits, stopped] = [new Idle(1000), new Idle(1000)];
  stopped.stop();
  await vi.advanceTimersByTimeAsync(1100);
  expect([waits.signal.aborted, stopped.signal.aborted]).toEqual([true, false]);
});
