#!/usr/bin/python3
"""An RTSP camera made by GStreamer's RTSP server: one that none of us wrote.

    gst_camera.py [--codec h264|h265] [--audio aac|alaw|mulaw|none] [--auth none|basic|digest]
                  [--user NAME] [--b-frames N] [--size WxH] [--gop PICTURES]
    gst_camera.py --relay URL      the H.264 pictures of another RTSP server instead, read once for all who watch

Serves rtsp://127.0.0.1:PORT/live on a free port and prints {"port": PORT} when it listens. It ends when its standard
input does, so that it never outlives the test that started it. The password comes
in the environment as GST_CAMERA_PASSWORD. Needs GStreamer's plugins good, bad, ugly and libav.
"""

import argparse
import json
import os
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402  (versions must be asked for first)


def pipeline(options):
    if options.relay:
        source = f"rtspsrc location={options.relay} protocols=tcp latency=0"
        return f"( {source} ! rtph264depay ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
    width, height = options.size.split("x")
    picture = f"videotestsrc is-live=true pattern=ball ! video/x-raw,width={width},height={height},framerate=25/1,format=I420"
    encoder = {
        "h264": f"x264enc speed-preset=ultrafast bitrate=500 key-int-max={options.gop} bframes={options.b_frames} "
        f"option-string=scenecut=0 {'' if options.b_frames else 'tune=zerolatency'} "
        f"! video/x-h264,profile={'main' if options.b_frames else 'baseline'} ! h264parse ! rtph264pay",
        "h265": f"x265enc speed-preset=ultrafast tune=zerolatency bitrate=500 key-int-max={options.gop} "
        "option-string=scenecut=0:log-level=none ! h265parse ! rtph265pay",
    }[options.codec]
    text = f"( {picture} ! {encoder} name=pay0 pt=96 config-interval=-1"
    tone = "audiotestsrc is-live=true wave=ticks volume=0.3"
    law = "audio/x-raw,rate=8000,channels=1"
    text += {
        "none": "",
        "aac": f" {tone} ! audio/x-raw,rate=16000,channels=1 ! audioconvert ! avenc_aac bitrate=32000 ! aacparse ! rtpmp4gpay name=pay1 pt=97",
        "alaw": f" {tone} ! {law} ! alawenc ! rtppcmapay name=pay1 pt=8",
        "mulaw": f" {tone} ! {law} ! mulawenc ! rtppcmupay name=pay1 pt=0",
    }[options.audio]
    return text + " )"


def protect(server, factory, options):
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    if options.auth == "basic":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(options.user, options.password), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(options.user, options.password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--codec", choices=["h264", "h265"], default="h264")
    parser.add_argument("--audio", choices=["aac", "alaw", "mulaw", "none"], default="aac")
    parser.add_argument("--auth", choices=["none", "basic", "digest"], default="none")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--b-frames", type=int, default=0)
    parser.add_argument("--size", default="320x180")
    parser.add_argument("--gop", type=int, default=25)
    parser.add_argument("--relay")
    options = parser.parse_args()
    options.password = os.environ.get("GST_CAMERA_PASSWORD", "")

    Gst.init(None)
    loop = GLib.MainLoop()
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(pipeline(options))
    factory.set_shared(True)
    if options.auth != "none":
        protect(server, factory, options)
    server.get_mount_points().add_factory("/live", factory)
    if server.attach(None) == 0:
        sys.exit("gst_camera: cannot listen")

    def parent_gone(channel, condition):
        loop.quit()
        return False

    GLib.io_add_watch(GLib.IOChannel.unix_new(sys.stdin.fileno()), GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP, parent_gone)
    print(json.dumps({"port": server.get_bound_port()}), flush=True)
    loop.run()


if __name__ == "__main__":
    main()
