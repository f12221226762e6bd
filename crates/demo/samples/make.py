#!/usr/bin/env python3
"""Draws the films of the demo cameras. For developers: the films are committed, nothing runs this in a build.

    python3 -m venv venv && venv/bin/pip install pillow numpy
    venv/bin/python make.py                  all films (needs ffmpeg with libx264, libx265 and aac on the PATH)
    venv/bin/python make.py --still 120 DIR  one picture of each scene as PNG, to look at while drawing

Both scenes are 400 pictures at 25 per second, 16 s: a whole number of GOPs (2 s), of pictures (40 ms) and of
AAC frames (64 ms), so the loop has no seam in either track. Everything that moves is periodic in the loop.
README.md beside this file says where the frame number is in the picture.
"""

import argparse
import math
import pathlib
import random
import subprocess
import tempfile
import wave

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

W, H, FPS, FRAMES = 1280, 720, 25, 400
CELL = W // 64
HERE = pathlib.Path(__file__).parent
FONTS = pathlib.Path("/usr/share/fonts/truetype/dejavu")
SCALE = 2  # the background is drawn larger and scaled down, which smooths every edge


# ---------------------------------------------------------------- shared by both scenes


def gradient(stops, width=W, height=H):
    """A vertical gradient through (y, (r, g, b)) stops."""
    ys = np.arange(height)
    columns = [np.interp(ys, [s[0] for s in stops], [s[1][c] for s in stops]) for c in range(3)]
    return np.repeat(np.stack(columns, -1)[:, None, :], width, 1).astype(np.float32)


def glow(canvas, x, y, radius, colour, strength=1.0, squash=1.0):
    """Adds light around a point; falls off smoothly to nothing at the radius."""
    x0, x1 = max(0, int(x - radius)), min(W, int(x + radius) + 1)
    y0, y1 = max(0, int(y - radius * squash)), min(H, int(y + radius * squash) + 1)
    if x0 >= x1 or y0 >= y1:
        return
    gy, gx = np.mgrid[y0:y1, x0:x1]
    distance = np.hypot(gx - x, (gy - y) / squash) / radius
    light = np.clip(1 - distance, 0, 1) ** 2.2 * strength
    canvas[y0:y1, x0:x1] += light[..., None] * np.array(colour, np.float32)


def layer(draw_into, blur=0):
    """Draws RGBA at twice the size, and scales it down."""
    image = Image.new("RGBA", (W * SCALE, H * SCALE), (0, 0, 0, 0))
    draw_into(ImageDraw.Draw(image), lambda *v: [a * SCALE for a in v])
    image = image.resize((W, H), Image.LANCZOS)
    if blur:  # with alpha multiplied in: transparent black must not darken the edges
        image = image.convert("RGBa").filter(ImageFilter.GaussianBlur(blur)).convert("RGBA")
    return image


def lay(canvas, image, x=0, y=0):
    """Lays an RGBA picture over a float canvas at a whole-pixel position, cut at the edges."""
    pixels = np.asarray(image, np.float32)
    h, w = pixels.shape[:2]
    x0, y0, x1, y1 = max(0, x), max(0, y), min(W, x + w), min(H, y + h)
    if x0 >= x1 or y0 >= y1:
        return
    part = pixels[y0 - y : y1 - y, x0 - x : x1 - x]
    alpha = part[..., 3:] / 255
    canvas[y0:y1, x0:x1] = canvas[y0:y1, x0:x1] * (1 - alpha) + part[..., :3] * alpha


def sprite(width, height, draw_into, scale=4):
    """A small RGBA picture, drawn four times as large."""
    image = Image.new("RGBA", (width * scale, height * scale), (0, 0, 0, 0))
    draw_into(ImageDraw.Draw(image), scale)
    return image.resize((width, height), Image.LANCZOS)


def foliage(draw, rng, cx, cy, rx, ry, colours, count, size):
    """A crown of leaves: many soft discs, dark ones first, light ones above and to the left."""
    for i in range(count):
        share = i / count
        angle, reach = rng.uniform(0, 2 * math.pi), math.sqrt(rng.random()) * (1 - 0.35 * share)
        x = cx + math.cos(angle) * rx * reach - rx * 0.16 * share
        y = cy + math.sin(angle) * ry * reach - ry * 0.2 * share
        r = size * rng.uniform(0.6, 1.25)
        colour = colours[min(len(colours) - 1, int(share * len(colours)))]
        draw.ellipse([(x - r) * SCALE, (y - r * 0.85) * SCALE, (x + r) * SCALE, (y + r * 0.85) * SCALE], fill=colour)


FONT_NAME = ImageFont.truetype(str(FONTS / "DejaVuSans-Bold.ttf"), 26)
FONT_CLOCK = ImageFont.truetype(str(FONTS / "DejaVuSansMono-Bold.ttf"), 26)


def burn_in(image, name, frame):
    """The name and clock for people, the strip of blocks for programs (README.md)."""
    draw = ImageDraw.Draw(image)
    outline = {"stroke_width": 2, "stroke_fill": (0, 0, 0)}
    seconds = frame / FPS
    draw.text((22, 16), name, font=FONT_NAME, fill=(255, 255, 255), **outline)
    clock = f"{seconds:05.2f} s  #{frame:03d}"
    width = draw.textlength(clock, font=FONT_CLOCK)
    draw.text((W - 22 - width, 16), clock, font=FONT_CLOCK, fill=(255, 255, 255), **outline)
    blocks = [1] + [frame >> (15 - bit) & 1 for bit in range(16)] + [0]
    top = 34 * CELL
    draw.rectangle([CELL - 4, top - 4, CELL * 19 + 3, top + CELL + 3], fill=(0, 0, 0))
    for i, on in enumerate(blocks):
        left = (1 + i) * CELL
        draw.rectangle([left, top, left + CELL - 1, top + CELL - 1], fill=(235, 235, 235) if on else (16, 16, 16))
    return image


def vignette(strength):
    gy, gx = np.mgrid[0:H, 0:W]
    distance = np.hypot((gx - W / 2) / (W / 2), (gy - H / 2) / (H / 2))
    return (1 - strength * np.clip(distance - 0.45, 0, 1) ** 1.5)[..., None].astype(np.float32)


def limb(draw, s, x0, y0, x1, y1, width, fill):
    draw.line([x0 * s, y0 * s, x1 * s, y1 * s], fill=fill, width=int(width * s))
    for x, y in ((x0, y0), (x1, y1)):
        r = width / 2
        draw.ellipse([(x - r) * s, (y - r) * s, (x + r) * s, (y + r) * s], fill=fill)


def walker(phase, coat, trousers, facing):
    """A walking person, 70 x 150, seen from the side; phase counts steps."""

    def paint(draw, s):
        swing = math.sin(phase * math.pi)
        bob = abs(math.cos(phase * math.pi)) * 2.5
        hip, neck = 84 + bob, 38 + bob
        skin, hair = (205, 160, 132, 255), (44, 34, 32, 255)
        dark = tuple(int(c * 0.72) for c in coat[:3]) + (255,)

        def leg(sway, shade):
            knee_x, knee_y = 35 + facing * sway * 11, hip + 27
            foot_x = 35 + facing * (sway * 20 - (5 if sway < 0 else 0))
            foot_y = hip + 55 - (4 if sway < -0.2 else 0)
            limb(draw, s, 35, hip, knee_x, knee_y, 12, shade)
            limb(draw, s, knee_x, knee_y, foot_x, foot_y, 9, shade)
            limb(draw, s, foot_x, foot_y + 2, foot_x + facing * 8, foot_y + 3, 6, (26, 24, 28, 255))

        leg(-swing, tuple(int(c * 0.7) for c in trousers[:3]) + (255,))
        limb(draw, s, 35, neck + 8, 35 - facing * -swing * -13, neck + 42, 8, dark)
        leg(swing, trousers)
        limb(draw, s, 35, neck + 10, 35, hip - 2, 24, coat)
        limb(draw, s, 35, neck + 9, 35 - facing * swing * 10, neck + 27, 9, dark)
        limb(draw, s, 35 - facing * swing * 10, neck + 27, 35 - facing * swing * 15 + facing * 4, neck + 44, 8, dark)
        draw.rectangle([31 * s, (neck - 8) * s, 39 * s, (neck + 2) * s], fill=skin)
        draw.ellipse([24 * s, (neck - 28) * s, 46 * s, (neck - 3) * s], fill=skin)
        draw.pieslice([22 * s, (neck - 31) * s, 47 * s, (neck - 4) * s], 150 if facing > 0 else 170,
                      370 if facing > 0 else 390, fill=hair)

    return sprite(70, 150, paint)


def quadruped(phase, width, height, fur, facing, tail_up):
    """A walking dog or cat, seen from the side."""
    dark = tuple(int(c * 0.75) for c in fur[:3]) + (255,)

    def paint(draw, s):
        def x(v):
            return (v if facing > 0 else 1 - v) * width

        def y(v):
            return v * height

        for where, offset in ((0.30, 0.0), (0.68, 0.5), (0.36, 0.5), (0.74, 0.0)):
            sway = math.sin((phase + offset) * 2 * math.pi) * 0.075
            lift = max(0, math.cos((phase + offset) * 2 * math.pi)) * 0.05
            shade = dark if where in (0.36, 0.74) else fur
            limb(draw, s, x(where), y(0.58), x(where + sway), y(0.94 - lift), width * 0.052, shade)
        wave = math.sin(phase * 2 * math.pi) * 0.05
        limb(draw, s, x(0.27), y(0.46), x(0.14), y(0.36), width * 0.05, fur)
        limb(draw, s, x(0.14), y(0.36), x(0.08 + wave), y(0.12 if tail_up else 0.24), width * 0.045, fur)
        limb(draw, s, x(0.32), y(0.5), x(0.70), y(0.48), height * 0.27, fur)
        limb(draw, s, x(0.74), y(0.44), x(0.83), y(0.30), height * 0.17, fur)
        cx, cy, r = x(0.86), y(0.26), height * 0.15
        draw.ellipse([(cx - r) * s, (cy - r) * s, (cx + r) * s, (cy + r) * s], fill=fur)
        for ear in (-0.055, 0.035):
            ex = x(0.86 + ear)
            draw.polygon([(ex - 3) * s, (cy - r * 0.5) * s, (ex + 4) * s, (cy - r * 0.7) * s,
                          (ex + (1 if facing > 0 else -1)) * s, (cy - r * 1.5) * s], fill=dark)
        limb(draw, s, cx, cy + r * 0.3, x(0.93), cy + r * 0.4, height * 0.1, fur)

    return sprite(width, height, paint)


# ---------------------------------------------------------------- scene 1: a driveway at dusk


class Driveway:
    name = "DRIVEWAY"

    def __init__(self):
        self.shade = vignette(0.42)
        canvas = gradient([(0, (20, 28, 62)), (120, (56, 58, 104)), (205, (150, 98, 116)), (262, (236, 152, 96)),
                           (300, (250, 186, 120)), (720, (250, 186, 120))])
        rng = random.Random(4)
        for _ in range(46):
            x, y = rng.randrange(W), rng.randrange(130)
            canvas[y, x] += rng.uniform(30, 110) * (1 - y / 150)
        clouds = layer(lambda d, p: [d.ellipse(p(x, y, x + w, y + h), fill=(196, 112, 112, 95))
                                     for x, y, w, h in ((90, 168, 420, 16), (250, 188, 360, 10), (720, 150, 460, 14),
                                                        (860, 172, 330, 10), (560, 212, 300, 8))], blur=5)
        lay(canvas, clouds)
        lay(canvas, layer(self.far))
        lay(canvas, layer(self.ground))
        for x, y, radius, squash in ((262, 470, 420, 0.42), (1010, 424, 330, 0.22)):
            glow(canvas, x, y, radius, (120, 84, 40), 0.85, squash)
        lay(canvas, layer(self.street_lamp))
        lay(canvas, near := layer(self.near))
        for x, y, radius, colour, strength in (
            (164, 244, 170, (255, 190, 96), 0.75), (164, 246, 36, (255, 236, 190), 1.0),
            (1010, 150, 150, (255, 206, 128), 0.75), (1010, 154, 34, (255, 240, 205), 1.0),
            (300, 293, 56, (255, 190, 100), 0.4), (706, 288, 56, (255, 190, 100), 0.4)):
            glow(canvas, x, y, radius, colour, strength)
        self.still = canvas
        # Whoever moves is behind these: laid over the picture again, with the light that falls on them.
        pixels = np.dstack([np.clip(canvas, 0, 255), np.asarray(near)[..., 3]]).astype(np.uint8)
        self.near_lit = Image.fromarray(pixels, "RGBA")
        self.hatch = self.car((156, 38, 44, 255), van=False)
        self.van = self.car((196, 200, 206, 255), van=True)
        self.front = layer(self.in_front)

    @staticmethod
    def far(draw, p):
        hill = [(0, 262)] + [(x, 236 + 17 * math.sin(x / 120) + 10 * math.sin(x / 47 + 1)) for x in range(0, W + 1, 8)]
        draw.polygon([c for point in hill + [(W, 420), (0, 420)] for c in p(*point)], fill=(62, 50, 78, 255))
        draw.line(p(858, 232, 858, 128), fill=(48, 42, 66, 255), width=5)
        for dy in range(0, 96, 16):
            draw.line(p(851, 232 - dy, 865, 216 - dy), fill=(48, 42, 66, 255), width=3)
        # the houses on the other side of the street
        for x, w, y, roof, body in ((258, 196, 252, 62, (72, 62, 78)), (520, 150, 262, 50, (60, 56, 74)),
                                    (664, 178, 246, 66, (80, 66, 76)), (1060, 220, 250, 60, (66, 58, 76))):
            draw.rectangle(p(x, y, x + w, 345), fill=(*body, 255))
            draw.polygon(p(x - 14, y + 2, x + w / 2, y - roof, x + w + 14, y + 2), fill=(40, 34, 50, 255))
            draw.rectangle(p(x + w * 0.72, y - roof * 0.72, x + w * 0.80, y - roof * 0.2), fill=(46, 38, 52, 255))
            door = tuple(int(c * 0.55) for c in body)
            draw.rectangle(p(x + w * 0.44, y + 38, x + w * 0.57, 345), fill=(*door, 255))
            for wx, lit in ((0.12, x in (258, 664)), (0.70, x in (520, 1060, 664))):
                left = x + w * wx
                fill = (255, 206, 124, 255) if lit else (52, 50, 72, 255)
                draw.rectangle(p(left - 3, y + 22, left + 39, y + 60), fill=(214, 206, 206, 255))
                draw.rectangle(p(left, y + 25, left + 36, y + 57), fill=fill)
                draw.line(p(left + 18, y + 25, left + 18, y + 57), fill=(206, 196, 190, 255), width=4)
                draw.line(p(left, y + 41, left + 36, y + 41), fill=(206, 196, 190, 255), width=4)
        rng = random.Random(8)
        greens = [(30, 34, 44, 255), (38, 44, 50, 255), (48, 54, 56, 255)]
        for x, y, r in ((488, 262, 52), (880, 268, 60), (215, 276, 44), (1030, 280, 40)):
            draw.rectangle(p(x - 5, y, x + 5, 346), fill=(34, 30, 38, 255))
            foliage(draw, rng, x, y, r, r * 0.95, greens, 90, r * 0.22)

    @staticmethod
    def ground(draw, p):
        draw.rectangle(p(0, 338, W, 352), fill=(104, 100, 108, 255))
        draw.rectangle(p(0, 352, W, 425), fill=(58, 58, 70, 255))
        for x in range(-20, W, 120):
            draw.polygon(p(x, 386, x + 58, 386, x + 54, 390, x - 4, 390), fill=(196, 190, 176, 255))
        draw.rectangle(p(0, 425, W, 430), fill=(140, 134, 134, 255))
        draw.rectangle(p(0, 430, W, 462), fill=(112, 108, 112, 255))
        for x in range(-40, W, 90):
            draw.line(p(x, 430, x - 12, 462), fill=(92, 88, 94, 255), width=3)
        for step in range(43):
            y = 462 + step * 6
            share = step / 43
            draw.rectangle(p(0, y, W, y + 6), fill=(int(40 + 8 * share), int(58 + 16 * share), int(46 - 4 * share), 255))
        rng = random.Random(21)
        for _ in range(520):
            y = 466 + rng.random() ** 0.8 * 250
            x, h = rng.uniform(0, W), 3 + (y - 460) / 34
            tone = rng.randrange(-10, 18)
            draw.line(p(x, y, x + rng.uniform(-3, 3), y - h), fill=(52 + tone, 76 + tone, 50 + tone, 255), width=3)
        draw.polygon(p(418, 425, 646, 425, 890, 720, 196, 720), fill=(128, 122, 122, 255))
        for y in (470, 532, 612):
            share = (y - 425) / 295
            draw.line(p(418 - 222 * share, y, 646 + 244 * share, y), fill=(104, 98, 100, 255), width=4)
        draw.line(p(532, 425, 543, 720), fill=(106, 100, 102, 255), width=4)
        for x, edge in ((418, 196), (646, 890)):
            draw.line(p(x, 425, edge, 720), fill=(92, 88, 88, 255), width=6)

    @staticmethod
    def street_lamp(draw, p):
        draw.rectangle(p(1046, 140, 1052, 434), fill=(38, 38, 48, 255))
        draw.line(p(1049, 143, 1012, 138), fill=(38, 38, 48, 255), width=9)
        draw.polygon(p(992, 140, 1028, 136, 1026, 148, 996, 150), fill=(255, 230, 180, 255))

    @staticmethod
    def near(draw, p):
        """What stands between the camera and the pavement."""
        # our own garage on the left, with the lamp
        draw.polygon(p(0, 120, 150, 176, 150, 560, 0, 720), fill=(92, 74, 70, 255))
        for row in range(15):
            share = row / 15
            draw.line(p(0, 150 + share * 560, 150, 196 + share * 364), fill=(78, 62, 60, 255), width=3)
        draw.polygon(p(-10, 84, 176, 160, 176, 178, -10, 108), fill=(44, 38, 46, 255))
        draw.rectangle(p(148, 222, 160, 228), fill=(34, 30, 34, 255))
        draw.polygon(p(156, 226, 172, 226, 169, 256, 159, 256), fill=(255, 226, 160, 255))
        draw.polygon(p(153, 226, 175, 226, 164, 214), fill=(34, 30, 34, 255))
        # the letter box
        draw.rectangle(p(716, 452, 722, 500), fill=(64, 48, 40, 255))
        draw.rounded_rectangle(p(700, 430, 742, 456), radius=16, fill=(70, 84, 104, 255))
        draw.rectangle(p(738, 424, 741, 442), fill=(186, 60, 52, 255))
        # a car of our own in the drive, from behind
        draw.ellipse(p(420, 556, 640, 592), fill=(52, 50, 56, 200))
        draw.rounded_rectangle(p(436, 548, 466, 584), radius=12, fill=(18, 18, 22, 255))
        draw.rounded_rectangle(p(594, 548, 624, 584), radius=12, fill=(18, 18, 22, 255))
        draw.polygon(p(464, 496, 482, 446, 578, 446, 596, 496), fill=(46, 66, 88, 255))
        draw.polygon(p(474, 492, 488, 454, 572, 454, 586, 492), fill=(120, 116, 132, 255))
        draw.polygon(p(474, 492, 480, 476, 580, 476, 586, 492), fill=(70, 76, 96, 255))
        draw.rounded_rectangle(p(430, 488, 630, 570), radius=36, fill=(52, 76, 102, 255))
        draw.rounded_rectangle(p(430, 540, 630, 572), radius=24, fill=(38, 54, 74, 255))
        draw.rounded_rectangle(p(436, 506, 476, 526), radius=10, fill=(150, 34, 36, 255))
        draw.rounded_rectangle(p(584, 506, 624, 526), radius=10, fill=(150, 34, 36, 255))
        draw.rectangle(p(502, 520, 558, 538), fill=(206, 206, 196, 255))
        draw.line(p(440, 500, 620, 500), fill=(84, 112, 140, 255), width=4)

    @staticmethod
    def in_front(draw, p):
        rng = random.Random(31)
        greens = [(16, 24, 24, 255), (26, 38, 32, 255), (38, 54, 40, 255), (52, 70, 48, 255)]
        for x, y, rx, ry in ((1180, 640, 190, 120), (1010, 700, 150, 80), (1275, 560, 90, 110)):
            foliage(draw, rng, x, y, rx, ry, greens, 240, 18)
        rng = random.Random(5)
        for _ in range(26):
            x, y = rng.uniform(1010, 1270), rng.uniform(560, 700)
            draw.ellipse(p(x - 4, y - 4, x + 4, y + 4), fill=(178, 110, 132, 255))

    @staticmethod
    def car(colour, van):
        def paint(draw, s):
            def q(*v):
                return [a * s for a in v]

            dark = tuple(int(c * 0.66) for c in colour[:3]) + (255,)
            glass = (92, 102, 128, 255)
            draw.ellipse(q(8, 78, 252, 94), fill=(20, 20, 26, 150))
            if van:
                draw.rounded_rectangle(q(8, 8, 210, 78), radius=10 * s, fill=colour)
                draw.polygon(q(196, 10, 228, 42, 250, 50, 250, 78, 196, 78), fill=colour)
                draw.polygon(q(196, 18, 206, 18, 226, 42, 196, 42), fill=glass)
                draw.rectangle(q(164, 18, 190, 42), fill=glass)
            else:
                draw.rounded_rectangle(q(6, 42, 252, 78), radius=15 * s, fill=colour)
                draw.polygon(q(42, 46, 74, 14, 158, 14, 200, 46), fill=colour)
                draw.polygon(q(56, 44, 80, 20, 112, 20, 112, 44), fill=glass)
                draw.polygon(q(118, 44, 118, 20, 154, 20, 184, 44), fill=glass)
            draw.rounded_rectangle(q(6, 64, 252, 80), radius=7 * s, fill=dark)
            draw.line(q(12, 52, 244, 52), fill=tuple(min(255, c + 26) for c in colour[:3]) + (255,), width=s)
            draw.rounded_rectangle(q(240, 52, 252, 62), radius=3 * s, fill=(255, 246, 214, 255))
            draw.rounded_rectangle(q(6, 50, 14, 60), radius=3 * s, fill=(232, 52, 44, 255))
            for x in (58, 202):
                draw.ellipse(q(x - 19, 60, x + 19, 98), fill=(18, 18, 22, 255))
                draw.ellipse(q(x - 9, 70, x + 9, 88), fill=(124, 126, 134, 255))

        return sprite(260, 100, paint)

    def frame(self, n):
        canvas = self.still.copy()
        # a window across the street is switched on for a part of the loop, softly
        on = min(1.0, max(0.0, (n - 150) / 6)) * min(1.0, max(0.0, (330 - n) / 6))
        if on:
            canvas[287:319, 538:574, :] += on * np.array((150, 104, 40), np.float32)
            glow(canvas, 556, 303, 60, (255, 180, 90), 0.35 * on)
        # the mast blinks once in two seconds, the sensor at the garage each second
        glow(canvas, 858, 127, 16, (255, 60, 50), 1.2 * max(0, math.sin(n / 50 * 2 * math.pi)) ** 0.5)
        # the van on the far lane, to the left; the red car on the near lane, to the right
        x = W + 60 - (n - 225) * 12.5
        if -360 < x < W + 60:
            x = int(x)
            glow(canvas, x - 40, 376, 190, (200, 180, 130), 0.75, 0.17)
            lay(canvas, self.van.resize((208, 80), Image.LANCZOS).transpose(Image.FLIP_LEFT_RIGHT), x, 302)
            glow(canvas, x + 6, 347, 60, (255, 240, 200), 0.8)
            glow(canvas, x + 204, 346, 30, (255, 50, 40), 0.6)
        x = -300 + (n - 40) * 13.0
        if -300 <= x < W + 300:
            x = int(x)
            glow(canvas, x + 330, 418, 260, (220, 196, 140), 0.85, 0.16)
            lay(canvas, self.hatch, x, 330)
            glow(canvas, x + 248, 387, 84, (255, 240, 200), 0.85)
            glow(canvas, x + 8, 385, 40, (255, 50, 40), 0.7)
        # somebody takes a dog for a walk, from right to left, all through the loop
        x = W + 130 - n * ((W + 260) / FRAMES)
        lamp = math.exp(-(((x - 1010) / 200) ** 2)) * 0.5 + math.exp(-(((x - 260) / 260) ** 2)) * 0.35
        shadow = Image.new("RGBA", (170, 16), (0, 0, 0, 0))
        ImageDraw.Draw(shadow).ellipse([4, 2, 166, 14], fill=(20, 18, 24, 110))
        lay(canvas, shadow, int(x) - 74, 444)
        lay(canvas, lit(quadruped(n / 12.5, 66, 44, (150, 112, 76, 255), -1, True), 0.62 + lamp), int(x) - 76, 410)
        rein = ImageDraw.Draw(leash := Image.new("RGBA", (70, 40), (0, 0, 0, 0)))
        rein.line([0, 26, 30, 26, 66, 6], fill=(40, 30, 30, 220), width=2)
        lay(canvas, leash, int(x) - 36, 392)
        lay(canvas, lit(walker(n / 12.5, (74, 96, 128, 255), (58, 54, 66, 255), -1), 0.66 + lamp), int(x), 310)
        lay(canvas, self.near_lit)
        if n % 25 < 4:
            glow(canvas, 138, 206, 9, (80, 255, 120), 1.4)
        lay(canvas, self.front)
        return canvas * self.shade


def lit(image, factor):
    """The sprite as the light of its place shows it."""
    pixels = np.asarray(image, np.float32).copy()
    pixels[..., :3] = np.clip(pixels[..., :3] * factor, 0, 255)
    return Image.fromarray(pixels.astype(np.uint8), "RGBA")


# ---------------------------------------------------------------- scene 2: a garden in the morning


class Garden:
    name = "GARDEN"

    def __init__(self):
        self.shade = vignette(0.22)
        canvas = gradient([(0, (112, 168, 214)), (160, (176, 210, 230)), (260, (232, 236, 226)), (720, (232, 236, 226))])
        clouds = layer(lambda d, p: [d.ellipse(p(x, y, x + w, y + h), fill=(255, 252, 246, 210))
                                     for x, y, w, h in ((420, 70, 190, 44), (480, 48, 130, 54), (560, 74, 150, 34),
                                                        (900, 40, 170, 36), (960, 26, 110, 40), (130, 36, 150, 30))], blur=7)
        lay(canvas, clouds)
        lay(canvas, layer(self.hedge))
        lay(canvas, layer(self.lawn))
        glow(canvas, 560, 470, 620, (40, 36, 8), 0.6, 0.36)
        lay(canvas, layer(self.shadows, blur=6))
        lay(canvas, layer(self.things))
        glow(canvas, 60, -20, 560, (70, 58, 24), 0.9, 0.8)
        self.still = canvas
        crown = Image.new("RGBA", (W * SCALE, H * SCALE), (0, 0, 0, 0))
        foliage(ImageDraw.Draw(crown), random.Random(12), 1060, 136, 262, 158,
                [(44, 78, 36, 255), (58, 98, 42, 255), (78, 122, 50, 255), (104, 148, 60, 255), (136, 172, 76, 255)], 620, 25)
        self.crown = crown.resize((W, H), Image.LANCZOS)
        self.reeds = layer(self.foreground)

    @staticmethod
    def hedge(draw, p):
        rng = random.Random(2)
        draw.rectangle(p(0, 232, W, 330), fill=(98, 136, 98, 255))
        far = [(86, 122, 92, 255), (98, 136, 98, 255), (114, 150, 106, 255)]
        for x in range(-40, W + 60, 86):
            foliage(draw, rng, x, 232 + 26 * math.sin(x / 90), 78, 76, far, 70, 20)
        near = [(52, 88, 52, 255), (64, 104, 58, 255), (82, 122, 66, 255)]
        for x in range(-20, W + 60, 52):
            foliage(draw, rng, x, 294 + 8 * math.sin(x / 37), 46, 34, near, 60, 12)
        # the fence
        draw.rectangle(p(0, 302, W, 392), fill=(58, 84, 50, 255))
        for x in range(-8, W, 34):
            tone = rng.randrange(-9, 10)
            draw.polygon(p(x, 306, x + 14, 296, x + 30, 306, x + 30, 392, x, 392),
                         fill=(176 + tone, 146 + tone, 108 + tone, 255))
            draw.line(p(x + 30, 304, x + 30, 392), fill=(122, 98, 72, 255), width=4)
        for y in (322, 366):
            draw.rectangle(p(0, y, W, y + 7), fill=(150, 122, 90, 255))

    @staticmethod
    def lawn(draw, p):
        for step in range(56):
            y, share = 386 + step * 6, step / 56
            draw.rectangle(p(0, y, W, y + 6), fill=(int(104 - 26 * share), int(150 - 22 * share), int(66 - 10 * share), 255))
        for i in range(-7, 9, 2):  # mown in stripes that run to one point
            draw.polygon(p(600 + i * 62, 386, 600 + (i + 1) * 62, 386, 600 + (i + 1) * 210, 722, 600 + i * 210, 722),
                         fill=(116, 160, 74, 255))
        rng = random.Random(9)
        for _ in range(420):
            y = 392 + rng.random() ** 0.8 * 326
            x, h, tone = rng.uniform(0, W), 2 + (y - 380) / 46, rng.randrange(-14, 22)
            draw.line(p(x, y, x + rng.uniform(-3, 3), y - h), fill=(94 + tone, 138 + tone, 60 + tone, 255), width=3)
        # the bed along the fence
        draw.polygon(p(330, 392, W, 392, W, 424, 960, 410, 700, 414, 480, 404), fill=(96, 72, 52, 255))
        greens = [(66, 106, 48, 255), (88, 132, 56, 255), (112, 152, 70, 255)]
        for x in range(360, W, 46):
            foliage(draw, rng, x, 394 + rng.uniform(-4, 4), 28, 17, greens, 26, 8)
        petals = [(232, 92, 104), (246, 196, 72), (238, 238, 244), (178, 112, 206), (244, 138, 72)]
        for _ in range(150):
            x, y = rng.uniform(345, W), rng.uniform(377, 408)
            draw.ellipse(p(x - 4, y - 4, x + 4, y + 4), fill=(*rng.choice(petals), 255))
        # stepping stones
        for i in range(9):
            t = i / 8
            x, y, r = 236 + 250 * t + 90 * math.sin(t * 2.6), 424 + 270 * t, 20 + 34 * t
            draw.ellipse(p(x - r, y - r * 0.36 + 3, x + r, y + r * 0.36 + 5), fill=(84, 96, 66, 255))
            draw.ellipse(p(x - r, y - r * 0.36, x + r, y + r * 0.36), fill=(186, 182, 170, 255))
            draw.ellipse(p(x - r * 0.7, y - r * 0.26, x + r * 0.5, y + r * 0.12), fill=(202, 198, 186, 255))

    @staticmethod
    def shadows(draw, p):
        draw.ellipse(p(880, 470, 1330, 620), fill=(30, 60, 30, 110))
        draw.polygon(p(66, 440, 300, 436, 372, 470, 130, 486), fill=(30, 60, 30, 110))
        draw.ellipse(p(676, 540, 800, 566), fill=(30, 60, 30, 120))

    @staticmethod
    def things(draw, p):
        # the shed
        draw.rectangle(p(60, 236, 268, 446), fill=(134, 92, 70, 255))
        draw.polygon(p(268, 236, 318, 262, 318, 430, 268, 446), fill=(106, 70, 54, 255))
        for x in range(60, 268, 26):
            draw.line(p(x, 236, x, 446), fill=(116, 78, 60, 255), width=3)
        draw.polygon(p(34, 244, 164, 160, 296, 244), fill=(92, 66, 62, 255))
        draw.polygon(p(164, 160, 214, 182, 336, 268, 296, 244), fill=(74, 52, 52, 255))
        draw.rectangle(p(86, 292, 152, 446), fill=(76, 104, 108, 255))
        draw.rectangle(p(92, 298, 146, 364), outline=(60, 84, 90, 255), width=5)
        draw.rectangle(p(92, 374, 146, 440), outline=(60, 84, 90, 255), width=5)
        draw.ellipse(p(138, 366, 146, 374), fill=(228, 206, 130, 255))
        draw.rectangle(p(180, 290, 244, 350), fill=(232, 226, 210, 255))
        draw.rectangle(p(186, 296, 238, 344), fill=(150, 184, 200, 255))
        draw.polygon(p(186, 344, 186, 320, 210, 296, 228, 296), fill=(184, 210, 220, 255))
        draw.line(p(212, 296, 212, 344), fill=(232, 226, 210, 255), width=6)
        draw.rectangle(p(176, 350, 248, 364), fill=(120, 80, 58, 255))
        rng = random.Random(3)
        for x in range(182, 246, 8):
            draw.ellipse(p(x - 6, 340, x + 6, 356), fill=(84, 126, 60, 255))
            draw.ellipse(p(x - 4, 336, x + 4, 344), fill=rng.choice([(226, 74, 92, 255), (244, 196, 210, 255)]))
        draw.polygon(p(280, 440, 311, 440, 318, 402, 273, 402), fill=(178, 96, 66, 255))
        foliage(draw, rng, 295, 372, 26, 30, [(60, 100, 56, 255), (86, 130, 66, 255)], 40, 8)
        # bird bath
        draw.polygon(p(726, 552, 750, 552, 746, 492, 730, 492), fill=(168, 166, 160, 255))
        draw.ellipse(p(712, 542, 764, 560), fill=(150, 148, 142, 255))
        draw.ellipse(p(684, 470, 792, 502), fill=(158, 156, 150, 255))
        draw.ellipse(p(684, 464, 792, 494), fill=(192, 190, 182, 255))
        draw.ellipse(p(694, 468, 782, 490), fill=(118, 164, 186, 255))
        # the tree
        draw.polygon(p(1068, 566, 1086, 420, 1080, 240, 1126, 240, 1130, 420, 1164, 566), fill=(96, 74, 58, 255))
        draw.polygon(p(1104, 556, 1110, 420, 1108, 240, 1126, 240, 1130, 420, 1164, 566), fill=(78, 60, 48, 255))
        draw.line(p(1090, 262, 930, 236), fill=(90, 70, 56, 255), width=30)
        draw.line(p(1110, 280, 1220, 200), fill=(82, 62, 50, 255), width=26)

    @staticmethod
    def foreground(draw, p):
        rng = random.Random(14)
        for _ in range(110):
            x = rng.choice([rng.gauss(1150, 90), rng.gauss(1240, 60)])
            h = rng.uniform(60, 150)
            bend = rng.uniform(-26, 20)
            tone = rng.randrange(0, 34)
            draw.polygon(p(x - 4, 724, x + 4, 724, x + bend, 724 - h), fill=(44 + tone, 84 + tone, 40 + tone, 255))
        for _ in range(12):
            x, y = rng.uniform(1040, 1270), rng.uniform(590, 680)
            draw.ellipse(p(x - 9, y - 9, x + 9, y + 9), fill=(246, 244, 240, 255))
            draw.ellipse(p(x - 4, y - 4, x + 4, y + 4), fill=(244, 196, 60, 255))

    def frame(self, n):
        turn = 2 * math.pi * n / FRAMES
        canvas = self.still.copy()
        # ripples and the drops of the bird bath
        for i in range(3):
            age = ((n + i * 17) % 50) / 50
            r = 8 + 30 * age
            ripple = sprite(90, 24, lambda d, s: d.ellipse([(45 - r) * s, (12 - r * 0.26) * s, (45 + r) * s, (12 + r * 0.26) * s],
                                                         outline=(226, 240, 246, int(190 * (1 - age))), width=int(1.3 * s)), 2)
            lay(canvas, ripple, 693, 467)
        for i in range(10):
            age = ((n * 2 + i * 10) % 50) / 50
            side = (-1) ** i * (0.4 + 0.6 * ((i * 37) % 10) / 10)
            x, y = 738 + side * 34 * age, 476 - 74 * age + 84 * age * age
            glow(canvas, x, y, 4, (120, 130, 136), 1.1)
        # the swing under the branch, six times in the loop
        angle = 0.30 * math.sin(turn * 6)

        def swing(draw, s):
            top = 10
            for rope in (96, 146):
                bx, by = rope + math.sin(angle) * 250, top + math.cos(angle) * 250
                draw.line([rope * s, top * s, bx * s, by * s], fill=(206, 190, 150, 255), width=int(2.4 * s))
            cx, cy = 121 + math.sin(angle) * 252, top + math.cos(angle) * 252
            draw.line([(cx - 34) * s, (cy + math.sin(-angle) * -10) * s, (cx + 34) * s, (cy - math.sin(-angle) * -10) * s],
                      fill=(150, 92, 58, 255), width=int(7 * s))

        lay(canvas, sprite(242, 280, swing, 2), 848, 232)
        lay(canvas, self.crown, round(4 * math.sin(turn * 4)), round(1.5 * math.sin(turn * 4 + 1)))
        # the cat crosses the lawn, stands still in the middle for a while, goes on
        steps = np.interp(n, [0, 170, 250, 400], [0, 0.5, 0.5, 1])
        x = int(-140 + steps * (W + 280))
        y = 520 + int(34 * math.sin(steps * math.pi))
        phase = steps * 22
        shadow = Image.new("RGBA", (120, 20), (0, 0, 0, 0))
        ImageDraw.Draw(shadow).ellipse([4, 3, 116, 17], fill=(30, 52, 26, 110))
        lay(canvas, shadow, x + 2, y + 66)
        lay(canvas, quadruped(phase, 118, 84, (196, 128, 66, 255), 1, True), x, y)
        # two butterflies
        for i, tint in enumerate(((250, 206, 84, 255), (150, 190, 250, 255))):
            bx = 560 + i * 200 + 190 * math.sin(turn * (2 + i) + i) + 22 * math.sin(turn * 9)
            by = 420 + i * 34 + 46 * math.sin(turn * (3 - i) + 2 * i) + 9 * math.sin(turn * 23)
            flap = 0.35 + 0.65 * abs(math.sin(n * math.pi / 5))

            def wings(draw, s):
                for side in (-1, 1):
                    draw.ellipse([(15 + min(0, side * 11 * flap)) * s, 4 * s, (15 + max(0, side * 11 * flap)) * s, 17 * s], fill=tint)
                draw.line([15 * s, 5 * s, 15 * s, 19 * s], fill=(50, 40, 36, 255), width=2 * s)

            lay(canvas, sprite(30, 24, wings), int(bx), int(by))
        lay(canvas, self.reeds, round(3 * math.sin(turn * 5)), 0)
        return canvas * self.shade


# ---------------------------------------------------------------- sound


def noise(rng, samples, rate, low, high):
    """Noise of a band, periodic over the loop because it is made of whole waves."""
    spectrum = np.zeros(samples // 2 + 1, np.complex128)
    hz = np.arange(len(spectrum)) * rate / samples
    band = (hz > low) & (hz < high)
    spectrum[band] = np.exp(2j * np.pi * rng.random(band.sum())) / np.maximum(hz[band], 40) ** 0.5
    wave_form = np.fft.irfft(spectrum, samples)
    return wave_form / np.abs(wave_form).max()


def crickets(rate, samples):
    rng = np.random.default_rng(1)
    t = np.arange(samples) / rate
    sound = 0.10 * noise(rng, samples, rate, 60, 700)
    for pitch, every, at, loud in ((2900, 1.0, 0.1, 0.10), (3350, 1.6, 0.7, 0.06)):
        phase = (t - at) % every
        pulses = (np.sin(2 * np.pi * 24 * phase) > 0) & (phase < 0.42)
        smooth = np.convolve(pulses.astype(float), np.hanning(rate // 120) / (rate // 240), "same")
        sound += loud * np.sin(2 * np.pi * pitch * t) * smooth
    return sound


def birds(rate, samples):
    rng = np.random.default_rng(2)
    t = np.arange(samples) / rate
    sound = 0.12 * noise(rng, samples, rate, 120, 900) * (0.7 + 0.3 * np.sin(2 * np.pi * t / 8))
    for at, tune in ((0.8, (3100, 2700, 3300)), (3.4, (2500, 2500, 2500, 2900)), (6.1, (3400, 3000)), (9.2, (2700, 3200, 2900)),
                     (12.0, (2500, 2500, 2900)), (14.1, (3300, 2800, 3300))):
        for i, pitch in enumerate(tune):
            begin = at + i * 0.19
            inside = (t >= begin) & (t < begin + 0.13)
            local = (t[inside] - begin) / 0.13
            sound[inside] += 0.13 * np.sin(2 * np.pi * (pitch + 380 * np.sin(np.pi * local)) * t[inside] * 1.0) * np.sin(np.pi * local) ** 2
    return sound


def write_wave(path, sound, rate):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


# ---------------------------------------------------------------- films


def picture(scene, n):
    pixels = np.clip(scene.frame(n), 0, 255).astype(np.uint8)
    return burn_in(Image.fromarray(pixels, "RGB"), scene.name, n)


def run(*args):
    """Runs ffmpeg; the last argument is written under another name first, so that no build embeds half a film."""
    *before, out = map(str, args)
    if out == "-":
        subprocess.run(["ffmpeg", "-v", "error", "-y", *before, out], check=True)
        return
    half = pathlib.Path(out).with_suffix(".half")
    kind = [] if "-f" in before[-2:] else ["-f", {".mp4": "mp4", ".mov": "mov"}[pathlib.Path(out).suffix]]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *before, *kind, str(half)], check=True)
    half.replace(out)


def film(out, video, sound, size, kilobits, extra=()):
    """Two passes, so that the size is met; no B-frames and a keyframe each 2 s, as cameras do."""
    with tempfile.TemporaryDirectory() as scratch:
        common = ["-i", video, "-vf", f"scale={size}:flags=area,format=yuv420p", "-c:v", "libx264", "-preset", "veryslow",
                  "-profile:v", "high", "-bf", "0", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-aq-mode", "3",
                  "-b:v", f"{kilobits}k", "-passlogfile", f"{scratch}/pass", *extra]
        run(*common, "-pass", "1", "-an", "-f", "null", "-")
        run("-i", sound, *common, "-pass", "2", "-map", "1:v", "-map", "0:a", "-c:a", "aac", "-b:a", "24k", "-ar", "16000",
            "-movflags", "+faststart", "-map_metadata", "-1", "-fflags", "+bitexact", out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--still", nargs=2, metavar=("FRAME", "DIR"))
    options = parser.parse_args()
    scenes = {"driveway": Driveway(), "garden": Garden()}
    if options.still:
        for name, scene in scenes.items():
            picture(scene, int(options.still[0])).save(pathlib.Path(options.still[1]) / f"{name}-{options.still[0]}.png")
        return
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        for name, scene in scenes.items():
            lossless = scratch / f"{name}.mkv"
            pipe = subprocess.Popen(
                ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{W}x{H}", "-r", str(FPS), "-i", "-",
                 "-c:v", "libx264rgb", "-preset", "ultrafast", "-qp", "0", str(lossless)], stdin=subprocess.PIPE)
            for n in range(FRAMES):
                pipe.stdin.write(picture(scene, n).tobytes())
            pipe.stdin.close()
            assert pipe.wait() == 0
            sound = scratch / f"{name}.wav"
            write_wave(sound, (crickets if name == "driveway" else birds)(16000, 16000 * FRAMES // FPS), 16000)
            film(HERE / f"{name}-main.mp4", lossless, sound, "1280:720", 425)
            film(HERE / f"{name}-sub.mp4", lossless, sound, "640:360", 142)
        first = ["-i", scratch / "driveway.mkv", "-vf", "scale=320:180:flags=area,format=yuv420p"]
        plain = ["-map_metadata", "-1", "-fflags", "+bitexact"]
        run("-i", scratch / "driveway.wav", *first, "-map", "1:v", "-map", "0:a", "-t", "10", "-c:v", "libx265", "-preset", "slow", "-tag:v", "hvc1",
            "-x265-params", "log-level=error:bframes=0:keyint=50:min-keyint=50:scenecut=0:open-gop=0", "-b:v", "48k",
            "-c:a", "pcm_mulaw", "-ar", "8000", *plain, "-f", "mov", HERE / "tiny-hevc-mulaw.mov")
        run(*first, "-t", "4", "-an", "-c:v", "libx264", "-preset", "slow", "-bf", "3", "-b_strategy", "0", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0",
            "-b:v", "70k", *plain, HERE / "tiny-h264-b.mp4")
    # As cameras code it: no picture that is shown later than the next one.
    run("-i", HERE / "driveway-main.mp4", "-vf", "scale=320:180:flags=area,format=yuv420p", "-t", "8", "-c:v", "libaom-av1", "-usage", "realtime",
        "-cpu-used", "7", "-lag-in-frames", "0", "-g", "50", "-keyint_min", "50", "-b:v", "48k", "-c:a", "copy", "-map_metadata", "-1",
        "-fflags", "+bitexact", HERE / "tiny-av1-aac.mp4")


if __name__ == "__main__":
    main()
