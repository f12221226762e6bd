/** Words by key. A language is a folder beside `en`, added to `LANGUAGES`: a word that it lacks does not compile. */

import { en } from "./en";

export type MessageKey = keyof typeof en;
export type Messages = Readonly<Record<MessageKey, string>>;

/** What is filled into a text: the names in its braces. */
type Names<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Names<Rest>
  : never;
type NamesOf<Key extends MessageKey> = Names<(typeof en)[Key]>;
/** None for a text without braces. A value that is forgotten does not compile. */
type Values<Key extends MessageKey> = [NamesOf<Key>] extends [never]
  ? []
  : [values: Readonly<Record<NamesOf<Key>, string | number>>];

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

export function t<Key extends MessageKey>(key: Key, ...[values]: Values<Key>): string {
  const named: Readonly<Record<string, string | number>> = values ?? {};
  return messages[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(named[name] ?? whole));
}
