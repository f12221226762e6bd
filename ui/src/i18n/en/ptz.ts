/** Turning the camera that is seen alone. */

export const ptz = {
  "ptz.pad": "Turn {name}",
  "ptz.show": "Show what turns the camera (T)",
  "ptz.hide": "Hide what turns the camera (T)",
  "ptz.up": "Turn up",
  "ptz.down": "Turn down",
  "ptz.left": "Turn left",
  "ptz.right": "Turn right",
  "ptz.nearer": "Zoom in",
  "ptz.farther": "Zoom out",
  "ptz.presets": "Go to…",
  "ptz.looking": "Asking the camera whether it turns…",
  "ptz.it": "This camera {what}.",
  "ptz.turns": "turns",
  "ptz.zooms": "zooms",
  "ptz.remembers": "remembers {n} positions",
  "ptz.remembers1": "remembers 1 position",
} as const;
