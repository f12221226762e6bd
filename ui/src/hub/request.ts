/**
 * One request to the hub and its answer. What goes wrong becomes a `HubError` that carries the hub's own words.
 *
 * What does not belong here: what the hub can be asked (`client`).
 */

import type { Page } from "./generated/Page";
import type { Problem } from "./generated/Problem";

/** The hub said no; or, without a `problem`, said nothing. */
export class HubError extends Error {
  readonly problem: Problem | null;
  readonly status: number;

  constructor(status: number, problem: Problem | null) {
    super(problem?.message ?? `the hub answered ${status}`);
    this.status = status;
    this.problem = problem;
  }

  /** It could not be asked at all. */
  get isUnreachable(): boolean {
    return this.status === 0 || (this.problem === null && this.status >= 502 && this.status <= 504);
  }
}

export const TIMEOUT_MS = 10_000;
const PAGE = 200;

export class Requests {
  protected token: string;
  private readonly refused: () => void;

  /** `refused` is called when the hub no longer takes the token. */
  constructor(token: string, refused: () => void) {
    this.token = token;
    this.refused = refused;
  }

  setToken(token: string): void {
    this.token = token;
  }

  protected async all<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    let after: string | null = null;
    do {
      const query = new URLSearchParams({ limit: String(PAGE) });
      if (after !== null) query.set("after", after);
      const page: Page<T> = await this.json("GET", `${path}?${query}`);
      items.push(...page.items);
      after = page.next ?? null;
    } while (after !== null);
    return items;
  }

  protected async json<T>(method: string, path: string, body?: unknown, timeoutMs = TIMEOUT_MS): Promise<T> {
    const answer = await this.send(method, path, body, AbortSignal.timeout(timeoutMs));
    const text = await answer.text();
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  protected async send(
    method: string,
    path: string,
    body?: unknown,
    signal: AbortSignal = AbortSignal.timeout(TIMEOUT_MS),
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const all = new Headers({ ...bearer(this.token), ...headers });
    const isJson = body !== undefined && !all.has("Content-Type");
    if (isJson) all.set("Content-Type", "application/json");
    let answer: Response;
    try {
      answer = await fetch(path, {
        method,
        headers: all,
        body: isJson ? JSON.stringify(body) : ((body ?? null) as string | null),
        signal,
        cache: "no-store",
      });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new HubError(0, null);
    }
    if (answer.ok) return answer;
    const problem = await readProblem(answer);
    if (answer.status === 401) this.refused();
    throw new HubError(answer.status, problem);
  }
}

export function bearer(token: string | null): { Authorization: string } {
  return { Authorization: `Bearer ${token ?? ""}` };
}

async function readProblem(answer: Response): Promise<Problem | null> {
  try {
    const value = (await answer.json()) as Partial<Problem>;
    if (typeof value.message !== "string" || typeof value.code !== "string") return null;
    return { code: value.code, message: value.message, hint: value.hint ?? "" };
  } catch {
    return null;
  }
}
