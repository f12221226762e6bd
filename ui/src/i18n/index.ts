/** Words by key. A language is a file beside this one, added to `LANGUAGES`. */

import { en } from "./en";

export type MessageKey = keyof typeof en;
export type Messages = Readonly<Record<MessageKey, string>>;

const LANGUAGES: Readonly<Record<string, Messages>> = { en };

/** The first language of the reader that we have. */
function choose(): { readonly locale: string; readonly messages: Messages } {
  for (const locale of globalThis.navigator?.languages ?? []) {
    const messages = LANGUAGES[locale.split("-")[0] ?? ""];
    if (messages) return { locale, messages };
  }
  return { locale: "en", messages: en };
}

const { locale: chosen, messages } = choose();

export const locale = chosen;

export function t(key: MessageKey, values: Readonly<Record<string, string | number>> = {}): string {
  return messages[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
