#!/usr/bin/python3
"""Makes every picture in this folder from the drawings (*.svg): `/usr/bin/python3 icons/make-icons.py`.

Needs librsvg's loader for GdkPixbuf (python3-gi, librsvg2-common). .ico and .icns are only containers around PNG
pictures, so they are written here byte by byte.
"""
import pathlib
import struct

import gi

gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


def png(drawing: str, size: int) -> bytes:
    """The drawing as an RGBA PNG of size x size."""
    picture = GdkPixbuf.Pixbuf.new_from_file_at_size(str(HERE / drawing), size, size)
    if not picture.get_has_alpha():
        picture = picture.add_alpha(False, 0, 0, 0)
    ok, data = picture.save_to_bufferv("png", [], [])
    assert ok, f"{drawing} cannot be drawn at {size}"
    return bytes(data)


def ico(pictures: dict[int, bytes]) -> bytes:
    """A Windows icon: ICONDIR, one ICONDIRENTRY each, then the PNG files."""
    offset = 6 + 16 * len(pictures)
    entries, body = b"", b""
    for size, data in sorted(pictures.items()):
        side = size % 256  # 256 is written as 0
        entries += struct.pack("<BBBBHHII", side, side, 0, 0, 1, 32, len(data), offset + len(body))
        body += data
    return struct.pack("<HHH", 0, 1, len(pictures)) + entries + body


def icns(pictures: dict[bytes, bytes]) -> bytes:
    """A macOS icon: 'icns', length, then (type, length, PNG) each."""
    body = b"".join(kind + struct.pack(">I", len(data) + 8) + data for kind, data in pictures.items())
    return b"icns" + struct.pack(">I", len(body) + 8) + body


def main() -> None:
    for size in (32, 128, 256, 512):
        (HERE / f"{size}x{size}.png").write_bytes(png("tarsier.svg", size))
    for state in ("recording", "warning", "stopped"):
        for size in (32, 64):
            (HERE / f"tray-{state}-{size}.png").write_bytes(png(f"tray-{state}.svg", size))
    small = {size: png("tray-recording.svg", size) for size in (16, 24)}  # the tile would leave the head too few pixels
    windows = small | {size: png("tarsier.svg", size) for size in (32, 48, 64, 256)}
    (HERE / "icon.ico").write_bytes(ico(windows))
    kinds = {b"icp4": 16, b"icp5": 32, b"icp6": 64, b"ic07": 128, b"ic08": 256, b"ic09": 512, b"ic10": 1024}
    apple = {kind: small[16] if size == 16 else png("tarsier.svg", size) for kind, size in kinds.items()}
    (HERE / "icon.icns").write_bytes(icns(apple))


main()
