/** What somebody is given to open: links and addresses with a token in them. Pure; nothing is kept. */

import type { Stream } from "../../hub/generated/Stream";

/** Behind `#`, which no server and no log ever sees. */
export function pageLink(origin: string, token: string): string {
  return `${origin}/#token=${token}`;
}

export function hlsAddress(origin: string, camera: string, token: string): string {
  return `${origin}/live/${encodeURIComponent(camera)}/index.m3u8?token=${token}`;
}

export function rtspAddress(server: string, camera: string, stream: Stream, token: string): string {
  return `${server}/${encodeURIComponent(camera)}/${stream}?token=${token}`;
}

/** Nobody can open it from another machine. */
export function isOfThisMachine(address: string): boolean {
  return /^\w+:\/\/(127\.\d+\.\d+\.\d+|localhost|\[::1\])(?=[:/]|$)/.test(address);
}
