#!/usr/bin/python3
"""A WebRTC viewer made by GStreamer: one that none of us wrote, and that decodes H.265 without a graphics card.

    gst_viewer.py [--codec h264|h265]

Prints {"offer": SDP}, then reads {"answer": SDP} as a line of standard input, and prints for each picture that it has
decoded {"picture": NUMBER, "width": W, "height": H}; {"error": TEXT} for what GStreamer complains of. It ends when its
standard input does. Needs GStreamer's plugins good, bad, libav and nice, and
openssl.
"""

import argparse
import hashlib
import json
import re
import ssl
import subprocess
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402  (versions must be asked for first)

DECODING = {
    "h264": "rtph264depay ! h264parse ! avdec_h264 output-corrupt=false",
    "h265": "rtph265depay ! h265parse ! avdec_h265 output-corrupt=false",
}


def certificate():
    """As browsers have one: GStreamer's own is RSA, which the hub's DTLS does not take."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    made = ["openssl", "req", "-x509", *curve, "-subj", "/CN=viewer", "-days", "2", "-keyout", "-", "-out", "-"]
    return subprocess.run(made, check=True, capture_output=True, text=True).stdout


def with_fingerprint(sdp, pem):
    """An offer with the fingerprint of that certificate instead of that of GStreamer's own."""
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE") :].strip())
    print_of = ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())
    return re.sub(r"a=fingerprint:\S+ \S+", f"a=fingerprint:sha-256 {print_of}", sdp)


def tell(**what):
    print(json.dumps(what), flush=True)


class Viewer:
    def __init__(self, codec, loop):
        self.codec = codec
        self.loop = loop
        self.pictures = 0
        self.pipeline = Gst.Pipeline()
        self.webrtc = Gst.ElementFactory.make("webrtcbin")
        self.webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.webrtc.connect("pad-added", self.pad_added)
        self.pem = certificate()
        self.webrtc.connect("deep-element-added", self.element_added)
        self.pipeline.add(self.webrtc)
        # Kept, or Python would take the only reference of webrtcbin with it.
        self.ice = self.webrtc.get_property("ice-agent")
        # Tests reach nothing beyond this machine.
        self.ice.emit("add-local-ip-address", "127.0.0.1")
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.complained)
        self.pipeline.set_state(Gst.State.PLAYING)
        caps = f"application/x-rtp,media=video,encoding-name={codec.upper()},payload=96,clock-rate=90000"
        if codec == "h264":
            caps += ",packetization-mode=(string)1"
        self.webrtc.emit(
            "add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps)
        )
        self.webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offer_made))

    def element_added(self, webrtc, inner, element):
        factory = element.get_factory()
        if factory and factory.get_name() == "dtlsdec":
            element.set_property("pem", self.pem)

    def complained(self, bus, message):
        error, debug = message.parse_error()
        tell(error=f"{error.message} ({debug})")

    def offer_made(self, promise):
        # The offer lives as long as the reply does.
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self.webrtc.emit("set-local-description", offer, Gst.Promise.new())
        # The hub answers to where it is asked from: no candidate needs to be in it.
        tell(offer=with_fingerprint(offer.sdp.as_text(), self.pem))

    def answered(self, channel, condition):
        line = sys.stdin.readline() if condition & GLib.IOCondition.IN else ""
        if not line:
            self.loop.quit()
            return False
        result, sdp = GstSdp.SDPMessage.new_from_text(json.loads(line)["answer"])
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.webrtc.emit("set-remote-description", answer, Gst.Promise.new())
        return True

    def pad_added(self, webrtc, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        text = f"queue ! {DECODING[self.codec]} ! fakesink name=screen sync=false signal-handoffs=true"
        decoding = Gst.parse_bin_from_description(text, True)
        decoding.get_by_name("screen").connect("handoff", self.shown)
        self.pipeline.add(decoding)
        decoding.sync_state_with_parent()
        pad.link(decoding.get_static_pad("sink"))

    def shown(self, screen, buffer, pad):
        self.pictures += 1
        caps = pad.get_current_caps().get_structure(0)
        tell(picture=self.pictures, width=caps.get_value("width"), height=caps.get_value("height"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--codec", choices=sorted(DECODING), default="h265")
    options = parser.parse_args()
    Gst.init(None)
    loop = GLib.MainLoop()
    viewer = Viewer(options.codec, loop)
    wanted = GLib.IOCondition.IN | GLib.IOCondition.HUP
    GLib.io_add_watch(GLib.IOChannel.unix_new(sys.stdin.fileno()), GLib.PRIORITY_DEFAULT, wanted, viewer.answered)
    loop.run()


if __name__ == "__main__":
    main()
