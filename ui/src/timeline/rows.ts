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
