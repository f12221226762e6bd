#!/usr/bin/python3
"""A WebRTC server that none of us wrote: GStreamer's webrtcbin shows the H.264 pictures of an RTSP server by WHEP.

    gst_whep.py URL

Answers POST http://127.0.0.1:PORT/whep with one webrtcbin for each viewer; camera and packets are shared by all. Prints
{"port": PORT} when it listens, and ends when its standard input does. Needs GStreamer's plugins good, bad and nice.
"""

import hashlib
import http.server
import json
import re
import ssl
import subprocess
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402  (versions must be asked for first)

PATIENCE_SECONDS = 20
SSRC = 1
CERTIFICATE = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=viewers -keyout - -out -"


class Refused(Exception):
    """The offer cannot be answered."""


def payload_type(offer):
    """Of H.264 in packets of any kind (RFC 6184, packetization mode 1)."""
    kinds = re.findall(r"a=rtpmap:(\d+) H264/90000", offer)
    modes = dict(re.findall(r"a=fmtp:(\d+) .*packetization-mode=(\d)", offer))
    return next((int(kind) for kind in kinds if modes.get(kind) == "1"), None)


def promised(element, action, *arguments):
    """Waits for an action of webrtcbin. What it answers lives as long as the promise."""
    promise = Gst.Promise.new()
    element.emit(action, *arguments, promise)
    promise.wait()
    return promise


class Relay:
    """The camera, read once."""

    def __init__(self, url):
        self.pipeline = Gst.parse_launch(
            f"rtspsrc location={url} protocols=tcp latency=0 ! rtph264depay ! h264parse config-interval=-1 "
            f"! rtph264pay name=pay ssrc={SSRC} config-interval=-1 mtu=1200 aggregate-mode=zero-latency "
            "! tee name=tee allow-not-linked=true"
        )
        self.lock = threading.Lock()
        self.kind = None
        self.agents = []
        # It makes RSA ones by itself, which the viewers do not know.
        made = subprocess.run(CERTIFICATE.split(), capture_output=True, check=True, text=True)
        self.certificate = made.stdout
        whole = self.certificate[self.certificate.index("-----BEGIN CERTIFICATE") :]
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(whole)).hexdigest().upper()
        self.fingerprint = ":".join(re.findall("..", digest))

    def watch(self, text):
        """Answers an offer."""
        kind = payload_type(text)
        if kind is None:
            raise Refused("the offer has no H.264")
        with self.lock:
            # The first viewer's number is that of all: they are of one make.
            if self.kind is None:
                self.kind = kind
                self.pipeline.get_by_name("pay").set_property("pt", kind)
                self.pipeline.set_state(Gst.State.PLAYING)
            if kind != self.kind:
                raise Refused("another payload type than the first viewer's")
            self.wait_for_packets()
        # It sometimes refuses to send to the first one, and not to the next.
        for _ in range(5):
            answer = self.answer(kind, text)
            if "a=sendonly" in answer:
                return answer
        raise Refused("the viewer is sent nothing")

    def answer(self, kind, text):
        with self.lock:
            viewer = self.viewer(kind)
        gathered = threading.Event()
        viewer.connect("notify::ice-gathering-state", lambda *_: self.is_gathered(viewer) and gathered.set())
        sdp = GstSdp.SDPMessage.new_from_text(text)[1]
        offer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.OFFER, sdp)
        promised(viewer, "set-remote-description", offer)
        made = promised(viewer, "create-answer", None)
        reply = made.get_reply()
        promised(viewer, "set-local-description", reply.get_value("answer"))
        if not self.is_gathered(viewer) and not gathered.wait(PATIENCE_SECONDS):
            raise Refused("no candidates were gathered")
        answer = viewer.get_property("local-description").sdp.as_text()
        # It tells that of the certificate which it had before.
        return re.sub(r"a=fingerprint:sha-256 \S+", f"a=fingerprint:sha-256 {self.fingerprint}", answer)

    def wait_for_packets(self):
        pad = self.pipeline.get_by_name("tee").get_static_pad("sink")
        until = time.monotonic() + PATIENCE_SECONDS
        while not pad.get_current_caps():
            if time.monotonic() > until:
                raise Refused("the camera sends nothing")
            time.sleep(0.02)

    @staticmethod
    def is_gathered(viewer):
        return viewer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE

    def certify(self, _viewer, _bin, element):
        factory = element.get_factory()
        if factory and factory.get_name() == "dtlsdec":
            element.set_property("pem", self.certificate)

    def viewer(self, kind):
        # A viewer who is not connected yet must not hold up the others.
        caps = f"application/x-rtp,media=video,encoding-name=H264,payload={kind},ssrc=(uint){SSRC}"
        queue = Gst.parse_bin_from_description(f"queue leaky=downstream max-size-buffers=2000 ! capsfilter caps={caps}", True)
        viewer = Gst.ElementFactory.make("webrtcbin")
        viewer.connect("deep-element-added", self.certify)
        viewer.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        # Without it, it has addresses of networks alone.
        ice = viewer.get_property("ice-agent")
        ice.emit("add-local-ip-address", "127.0.0.1")
        # The bindings give away a reference that is not theirs.
        self.agents.append(ice)
        for element in (queue, viewer):
            self.pipeline.add(element)
        sink = viewer.request_pad_simple("sink_0")
        sink.set_property("msid", "camera")
        # It answers before it has seen what it will send.
        sink.get_property("transceiver").set_property("codec-preferences", Gst.Caps.from_string(caps))
        if queue.get_static_pad("src").link(sink) != Gst.PadLinkReturn.OK:
            raise Refused("the viewer cannot be linked")
        for element in (viewer, queue):
            element.sync_state_with_parent()
        tee = self.pipeline.get_by_name("tee").request_pad_simple("src_%u")
        if tee.link(queue.get_static_pad("sink")) != Gst.PadLinkReturn.OK:
            raise Refused("the viewer cannot be linked")
        return viewer


def main():
    Gst.init(None)
    relay = Relay(sys.argv[1])
    loop = GLib.MainLoop()
    threading.Thread(target=loop.run, daemon=True).start()

    class Whep(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            offer = self.rfile.read(int(self.headers["Content-Length"])).decode()
            try:
                status, kind, body = 201, "application/sdp", relay.watch(offer)
            except Refused as why:
                status, kind, body = 422, "text/plain", str(why)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Location", "/whep/viewer")
            self.send_header("ETag", '"viewer"')
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Whep)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_port}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
