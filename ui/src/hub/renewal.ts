/**
 * Hands a later token over to something that goes on (a live socket, a WebRTC session) before the one that it was opened
 * with ends.
 *
 * What does not belong here: how a token is asked for, and how it is handed over.
 */

import type { Session } from "./generated/Session";

/** What cannot be asked or handed over now is tried again so soon. */
const AGAIN_MS = 5000;
const SHORTEST_MS = 500;
/** Timers count in 31 bits. */
const LONGEST_MS = 2_000_000_000;

export interface RenewalOptions {
  readonly ask: () => Promise<Session>;
  readonly handOver: (token: string) => void | Promise<void>;
}

export class Renewal {
  private readonly o: RenewalOptions;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private isOver = false;

  constructor(options: RenewalOptions) {
    this.o = options;
  }

  /** With the token that it was opened with. Its life is counted from now: the hub's clock may be another. */
  start(session: Session): void {
    this.later(renewAfterMs(session));
  }

  stop(): void {
    this.isOver = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private later(waitMs: number): void {
    if (this.isOver) return;
    this.timer = setTimeout(() => {
      this.renew().catch(() => {
        this.later(AGAIN_MS);
      });
    }, waitMs);
  }

  private async renew(): Promise<void> {
    const session = await this.o.ask();
    if (this.isOver) return;
    if (session.token !== null) await this.o.handOver(session.token);
    this.start(session);
  }
}

/** At half of its life, so that one lost attempt costs nothing. */
export function renewAfterMs(session: Session): number {
  const lifeMs = session.expires_utc_ms - session.issued_utc_ms;
  return Math.min(Math.max(lifeMs / 2, SHORTEST_MS), LONGEST_MS);
}
