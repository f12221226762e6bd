/** What a camera can turn: asked when its picture or its settings are opened, again while the hub is still asking the camera itself. */

import type { Ptz } from "../../hub/generated/Ptz";
import type { PtzAbility } from "../../hub/generated/PtzAbility";
import { HubError } from "../../hub/request";

/** The hub itself waits for two seconds before it says that it does not know yet. */
const AGAIN_MS = 1000;
/** A hub that is away, or a camera that swallows everything: then nobody looks at this picture for long. */
const TRIES = 40;

export class Ability {
  /** As the hub said last; null: nothing yet. */
  state = $state.raw<Ptz | null>(null);

  /** Null: it cannot, or it is not known yet. */
  get value(): PtzAbility | null {
    return this.state?.kind === "able" ? this.state : null;
  }

  /** Call inside `$effect`; the returned function ends it. */
  start(ask: () => Promise<Ptz>): () => void {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | null = null;
    let tries = 0;
    this.state = null;
    const once = async (): Promise<void> => {
      let isOpen = true;
      try {
        const ptz = await ask();
        isOpen = ptz.kind === "looking";
        if (!isOver) this.state = ptz;
      } catch (error) {
        isOpen = error instanceof HubError && error.isUnreachable;
      }
      tries += 1;
      if (isOpen && !isOver && tries < TRIES) timer = setTimeout(() => void once(), AGAIN_MS);
    };
    void once();
    return () => {
      isOver = true;
      if (timer !== null) clearTimeout(timer);
    };
  }
}
