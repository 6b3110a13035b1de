#!/usr/bin/env python3
"""Draw a PNG with nothing but the standard library.  ?hue=0..360 turns the colors."""

import colorsys
import math
import os
import struct
import sys
import zlib
from urllib.parse import parse_qs

WIDTH, HEIGHT = 640, 200
COLORS = 64


def read_hue():
    query = parse_qs(os.environ["QUERY_STRING"])
    try:
        return int(query["hue"][0]) % 360 / 360
    except (KeyError, ValueError):
        return 0.46


def make_palette(hue):
    """Return the colors from deep to light, three bytes each."""
    palette = bytearray()
    for step in range(COLORS):
        part = step / (COLORS - 1)
        color = colorsys.hls_to_rgb(hue + 0.15 * part, 0.18 + 0.62 * part, 0.55)
        palette += bytes(round(255 * value) for value in color)
    return bytes(palette)


def draw():
    """Return the rows of pixels: waves, one number of the palette for each pixel."""
    slow = [math.sin(x / 71) * 9 + math.sin(x / 29) * 4 for x in range(WIDTH)]
    rows = bytearray()
    for y in range(HEIGHT):
        base = y * (COLORS + 16) / HEIGHT - 8
        rows.append(0)  # each row begins with its filter: none
        rows += bytes(min(max(int(base + wave), 0), COLORS - 1) for wave in slow)
    return bytes(rows)


def chunk(kind, data):
    """Return a chunk: length, kind, data, checksum (PNG specification, section 5.3)."""
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def make_png(hue):
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"PLTE", make_palette(hue))
        + chunk(b"IDAT", zlib.compress(draw()))
        + chunk(b"IEND", b"")
    )


print("Content-Type: image/png")
print("Cache-Control: max-age=60")
print(flush=True)  # text first: the bytes below go past the text layer
sys.stdout.buffer.write(make_png(read_hue()))
