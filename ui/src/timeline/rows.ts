/** What is drawn of one camera: words only. */

export type GapLook = "lost" | "planned" | "deleted" | "unknown";

export interface RowSpan {
  readonly startMs: number;
  readonly endMs: number;
}

export interface RowGap extends RowSpan {
  readonly reason: string;
  readonly look: GapLook;
}

export interface RowMark {
  readonly atMs: number;
  readonly title: string;
}

export interface Row {
  readonly cameraId: string;
  readonly spans: readonly RowSpan[];
  readonly gaps: readonly RowGap[];
  readonly marks: readonly RowMark[];
  /** What no rule deletes, ordered. */
  readonly locks: readonly RowSpan[];
  readonly isLoading: boolean;
}

/** Only footage that should exist and does not is lost. */
export function lookOf(reason: string): GapLook {
  switch (reason) {
    case "planned":
      return "planned";
    case "deleted":
      return "deleted";
    case "unknown":
      return "unknown";
    default:
      return "lost";
  }
}

/** Spans that overlap or touch, in one piece. */
export function joined(spans: readonly RowSpan[]): readonly RowSpan[] {
  const all: RowSpan[] = [];
  for (const span of [...spans].sort((a, b) => a.startMs - b.startMs)) {
    const last = all.at(-1);
    if (last && span.startMs <= last.endMs) {
      all.splice(-1, 1, { startMs: last.startMs, endMs: Math.max(last.endMs, span.endMs) });
    } else {
      all.push(span);
    }
  }
  return all;
}
