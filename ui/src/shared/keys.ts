/** Keys of a page: a letter means what it says only without others that are held. */

interface Pressed {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}

/** A letter in small, whatever shift and caps lock are; `ArrowLeft` and the like as they are; null if it is the browser's. */
export function plainKey(event: Pressed): string | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}
