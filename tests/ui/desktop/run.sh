#!/usr/bin/env bash
# The desktop journey in a session of its own: display, bus, window manager, home. Called by `cargo xtask test`.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
mkdir -m 700 "$scratch/home" "$scratch/run"

export HOME="$scratch/home" XDG_RUNTIME_DIR="$scratch/run" TARSIER_SCRATCH="$scratch"
export LANG=C.UTF-8 LC_ALL=C.UTF-8 GDK_BACKEND=x11 NO_AT_BRIDGE=1
# Not WEBKIT_DISABLE_DMABUF_RENDERER=1: WebKitGTK 2.50 then never calls requestVideoFrameCallback back (measured).
unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME WAYLAND_DISPLAY DISPLAY DBUS_SESSION_BUS_ADDRESS

xvfb-run --auto-servernum --server-args "-screen 0 1400x900x24 -nolisten tcp" \
  dbus-run-session -- node "$here/journey.mjs"
