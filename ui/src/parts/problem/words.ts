/** What to say when something failed: the hub's own words where it gave some. */

import { HubError } from "../../hub/request";
import { t } from "../../i18n";

export interface Words {
  readonly message: string;
  readonly hint: string;
}

export function wordsFor(error: unknown): Words {
  if (error instanceof HubError) {
    if (error.problem) return error.problem;
    if (error.isUnreachable) return { message: t("error.unreachable"), hint: t("error.unreachableHint") };
  }
  return { message: t("error.unknown"), hint: t("error.unknownHint") };
}
