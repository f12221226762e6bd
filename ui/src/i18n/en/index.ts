/** Every word on the screen, a file a page. Another language is another folder with the same keys. `{name}` is filled in. */

import { access } from "./access";
import { cameras } from "./cameras";
import { frame } from "./frame";
import { health } from "./health";
import { live } from "./live";
import { ptz } from "./ptz";
import { storage } from "./storage";
import { timeline } from "./timeline";

export const PARTS = { frame, live, ptz, timeline, cameras, access, storage, health } as const;

export const en = {
  ...frame,
  ...live,
  ...ptz,
  ...timeline,
  ...cameras,
  ...access,
  ...storage,
  ...health,
} as const;
