/**
 * Decides when the sound of a live picture has failed: a media source plays no picture whose sound is missing.
 *
 * What does not belong here: what is done then (`hearing`).
 */

/** Sound that is so far behind the pictures holds them up (guess: cameras send it in pieces of up to half a second). */
const MOST_BEHIND_S = 1;
/** It comes with the last GOP, or with the next pictures (guess). */
const BEGINS_WITHIN_MS = 2000;

export class Silence {
  private beganAtMs = 0;
  private pictureS = 0;
  private soundS: number | null = null;

  /** A run with sound begins. */
  begin(nowMs: number): void {
    this.beganAtMs = nowMs;
    this.pictureS = 0;
    this.soundS = null;
  }

  /** A picture of the run came. */
  picture(mediaS: number): void {
    this.pictureS = Math.max(this.pictureS, mediaS);
  }

  /** Sound of the run came. */
  sound(mediaS: number): void {
    this.soundS = Math.max(this.soundS ?? 0, mediaS);
  }

  isSilent(nowMs: number): boolean {
    if (this.soundS !== null) return this.pictureS - this.soundS > MOST_BEHIND_S;
    return nowMs - this.beganAtMs > BEGINS_WITHIN_MS;
  }
}
