#!/usr/bin/python3
"""A WebRTC viewer that none of us wrote: aiortc, by WHEP (RFC 9725).

    aiortc_viewer.py URL [--sound] [--pictures N]

Posts an offer to the URL, decodes N pictures, and with --sound a second of sound, deletes the session and prints what it got:
{"pictures": N, "width": W, "height": H, "sound_ms": MS, "deleted": STATUS}. It ends with an error
when that takes longer than a minute.
"""

import argparse
import asyncio
import json
import urllib.parse
import urllib.request

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

PATIENCE_SECONDS = 60


def ask(method, url, body=None):
    """The answer's status, its body and where the session is."""
    headers = {"Content-Type": "application/sdp"} if body else {}
    request = urllib.request.Request(url, body, headers, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        return answer.status, answer.read().decode(), answer.headers.get("Location")


async def pictures(track, wanted, got):
    while got["pictures"] < wanted:
        frame = await track.recv()
        got["pictures"] += 1
        got["width"], got["height"] = frame.width, frame.height


async def sound(track, got):
    while got["sound_ms"] < 1000:
        frame = await track.recv()
        got["sound_ms"] += 1000 * frame.samples // frame.sample_rate


async def watch(options):
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    got = {"pictures": 0}
    video = peer.addTransceiver("video", direction="recvonly")
    audio = peer.addTransceiver("audio", direction="recvonly") if options.sound else None
    await peer.setLocalDescription(await peer.createOffer())
    _, answer, location = await asyncio.to_thread(ask, "POST", options.url, peer.localDescription.sdp.encode())
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    wanted = [pictures(video.receiver.track, options.pictures, got)]
    if audio:
        got["sound_ms"] = 0
        wanted.append(sound(audio.receiver.track, got))
    await asyncio.gather(*wanted)
    session = urllib.parse.urljoin(options.url, location) + "?" + urllib.parse.urlsplit(options.url).query
    got["deleted"], _, _ = await asyncio.to_thread(ask, "DELETE", session)
    await peer.close()
    print(json.dumps(got), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--pictures", type=int, default=50)
    asyncio.run(asyncio.wait_for(watch(parser.parse_args()), PATIENCE_SECONDS))


if __name__ == "__main__":
    main()
