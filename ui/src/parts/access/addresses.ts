/** What somebody is given to open: links and addresses with a token in them. Pure; nothing is kept. */

import type { RtspLogin } from "../../hub/generated/RtspLogin";
import type { RtspServer } from "../../hub/generated/RtspServer";
import type { Stream } from "../../hub/generated/Stream";

/** Behind `#`, which no server and no log ever sees. */
export function pageLink(origin: string, token: string): string {
  return `${origin}/#token=${token}`;
}

export function hlsAddress(origin: string, camera: string, token: string): string {
  return `${origin}/live/${encodeURIComponent(camera)}/index.m3u8?token=${token}`;
}

export function rtspAddress(server: string, camera: string, stream: Stream, login: RtspLogin): string {
  const [scheme, address] = server.split("://");
  return `${scheme}://${login.username}:${login.password}@${address}/${encodeURIComponent(camera)}/${stream}`;
}

/** How a program may connect by RTSP. */
export type Way = "rtsp" | "rtspOpen" | "rtsps";

/** Those that there are: what nobody else can read first. */
export function waysIn(server: RtspServer): { readonly kind: Way; readonly url: string }[] {
  const { url, tls_url: tls } = server;
  const isHere = url !== null && isOfThisMachine(url);
  const plain = url === null ? [] : [{ kind: isHere ? "rtsp" : "rtspOpen", url } as const];
  const encrypted = tls === null ? [] : [{ kind: "rtsps", url: tls } as const];
  return isHere && (tls === null || isOfThisMachine(tls))
    ? [...plain, ...encrypted]
    : [...encrypted, ...plain];
}

/** Nobody can open it from another machine. */
export function isOfThisMachine(address: string): boolean {
  return /^\w+:\/\/(127\.\d+\.\d+\.\d+|localhost|\[::1\])(?=[:/]|$)/.test(address);
}
