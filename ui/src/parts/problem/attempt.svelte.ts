/** Something that is asked of the hub: whether it is on its way, and why it was not done. */

import { wordsFor, type Words } from "./words";

export class Attempt {
  isBusy = $state(false);
  problem = $state.raw<Words | null>(null);

  /** True if it was done. One that is on its way is not asked for twice. */
  async run(act: () => Promise<unknown>): Promise<boolean> {
    if (this.isBusy) return false;
    this.isBusy = true;
    this.problem = null;
    try {
      await act();
      return true;
    } catch (error) {
      this.problem = wordsFor(error);
      return false;
    } finally {
      this.isBusy = false;
    }
  }
}
