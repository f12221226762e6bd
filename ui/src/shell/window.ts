/** Tarsier's own window, or a browser. The only file that knows. */

export function isOwnWindow(): boolean {
  return "__TAURI_INTERNALS__" in globalThis;
}
