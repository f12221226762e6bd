/** Something asked for again and again while a view is open. */

export class Poll<T> {
  value = $state.raw<T | null>(null);
  error = $state.raw<unknown>(null);

  /** Call inside `$effect`; the returned function ends it. */
  start(everyMs: number, ask: () => Promise<T>): () => void {
    let timer: ReturnType<typeof setTimeout> | null = null;
    let isOver = false;
    const once = async (): Promise<void> => {
      try {
        this.value = await ask();
        this.error = null;
      } catch (error) {
        this.error = error;
      }
      if (!isOver) timer = setTimeout(() => void once(), everyMs);
    };
    void once();
    return () => {
      isOver = true;
      if (timer !== null) clearTimeout(timer);
    };
  }
}
