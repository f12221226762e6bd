/** Around every page: places, banners, the key, and what many pages say; their keys. */

export const frame = {
  "app.name": "Tarsier",

  "nav.label": "Places",
  "nav.live": "Live",
  "nav.timeline": "Timeline",
  "nav.cameras": "Cameras",
  "nav.storage": "Storage",
  "nav.health": "Health",
  "nav.theme": "Colours: {theme}",
  "nav.skip": "Skip to the content",

  "theme.system": "as the system",
  "theme.dark": "dark",
  "theme.light": "light",

  "common.cancel": "Cancel",
  "common.close": "Close",
  "common.save": "Save",
  "common.unknown": "Not known yet",

  "banner.unreachable":
    "Tarsier has not answered since {time}. Recording may still go on. We try again every second.",
  "banner.paused": "Recording is paused. Nothing is written until you resume it; live pictures go on.",
  "banner.resume": "Resume recording",

  "token.title": "This page needs a key",
  "token.text": "Tarsier shows pictures only to people you trust. Ask on the machine that records:",
  "token.window": "Close this window and open Tarsier again; it brings its own key.",
  "token.label": "Paste the token here",
  "token.go": "Open Tarsier",
  "token.refused": "The hub does not accept this token. It may have expired, or belong to another hub.",

  "error.unknown": "Something went wrong.",
  "error.unknownHint": "Try again. If it stays so, the hub's log tells more.",
  "error.unreachable": "Tarsier did not answer.",
  "error.unreachableHint": "Check that it is running, then try again.",

  "keys.title": "Keys",
  "keys.space": "Play or pause",
  "keys.jkl": "Back, stop, on; again for faster",
  "keys.arrows": "5 seconds back or on",
  "keys.shiftArrows": "1 minute back or on",
  "keys.comma": "One picture back or on",
  "keys.updown": "Another camera",
  "keys.plus": "Show less or more time",
  "keys.g": "Go to a time",
  "keys.s": "Choose footage to lock",
  "keys.be": "It begins, it ends at this picture",
  "keys.home": "Oldest footage, live",
  "keys.i": "Figures",
  "keys.liveArrows": "Another camera",
  "keys.enter": "See it alone",
  "keys.escape": "All cameras",
  "keys.m": "Sound on or off",
  "keys.snapshot": "Save this picture",
  "keys.p": "Picture in picture",
  "keys.t": "What turns the camera; then arrows, + and − turn it",
  "keys.help": "These keys",
} as const;
