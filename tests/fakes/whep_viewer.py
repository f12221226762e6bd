"""A viewer that none of us wrote: aiortc watches by WHEP until so many pictures (and packets of sound) are decoded, and says goodbye.

    whep_viewer.py URL TOKEN PICTURES SOUNDS

Prints one line of JSON. Deadlines are the caller's.
"""

import asyncio
import json
import sys
import urllib.parse
import urllib.request

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription


def ask(method, url, token, body=None):
    request = urllib.request.Request(url, method=method, data=body and body.encode())
    request.add_header("Authorization", f"Bearer {token}")
    if body:
        request.add_header("Content-Type", "application/sdp")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, answer.headers, answer.read().decode()


async def take(track, count):
    """So many decoded frames of the track."""
    return [await track.recv() for _ in range(count)]


async def watch(url, token, pictures, sounds):
    # Without this it would ask servers in the Internet where it is.
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    video = peer.addTransceiver("video", direction="recvonly").receiver
    audio = peer.addTransceiver("audio", direction="recvonly").receiver if sounds else None
    await peer.setLocalDescription(await peer.createOffer())
    loop = asyncio.get_running_loop()
    status, headers, sdp = await loop.run_in_executor(
        None, ask, "POST", url, token, peer.localDescription.sdp
    )
    await peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    frames, heard = await asyncio.gather(
        take(video.track, pictures), take(audio.track, sounds) if audio else take(None, 0)
    )
    told = {
        "posted": status,
        "pictures": len(frames),
        "width": frames[-1].width,
        "height": frames[-1].height,
        "rises": all(one.pts < two.pts for one, two in zip(frames, frames[1:])),
        "sounds": len(heard),
        "loudest": max((int(abs(frame.to_ndarray()).max()) for frame in heard), default=0),
        "answer": sdp,
    }
    session = urllib.parse.urljoin(url, headers["Location"])
    told["deleted"], _, _ = await loop.run_in_executor(None, ask, "DELETE", session, token)
    await peer.close()
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(watch(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
