/** What a camera can turn, as a sentence. */

import type { PtzAbility } from "../../hub/generated/PtzAbility";
import { t } from "../../i18n";

export function whatItCan(ability: PtzAbility): string {
  const n = ability.presets.length;
  const what: string[] = [];
  if (ability.pan_tilt) what.push(t("ptz.turns"));
  if (ability.zoom) what.push(t("ptz.zooms"));
  if (n > 0) what.push(n === 1 ? t("ptz.remembers1") : t("ptz.remembers", { n }));
  return t("ptz.it", { what: what.join(", ") });
}
