"""png.py -- reads what browsers and librsvg write as PNG, with nothing but the standard library."""
import struct
import zlib


def pixels(path):
    """(width, height, rows of (r, g, b)) of a PNG."""
    with open(path, "rb") as file:
        data = file.read()
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            width, height, depth, colours = struct.unpack(">IIBB", data[at + 8:at + 18])
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + size]
        at += 12 + size
    if depth != 8 or colours not in (2, 6):
        raise ValueError("%s: expected 8 bits of RGB or RGBA" % path)
    step = 3 if colours == 2 else 4
    raw, stride, rows, above = zlib.decompress(packed), width * step, [], None
    for y in range(height):
        kind = raw[y * (stride + 1)]
        row = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        above = above or bytearray(stride)
        for x in range(stride):
            a = row[x - step] if x >= step else 0
            b, c = above[x], above[x - step] if x >= step else 0
            if kind == 1:
                row[x] = (row[x] + a) & 255
            elif kind == 2:
                row[x] = (row[x] + b) & 255
            elif kind == 3:
                row[x] = (row[x] + (a + b) // 2) & 255
            elif kind == 4:
                near = a + b - c
                near = min((abs(near - a), 0, a), (abs(near - b), 1, b), (abs(near - c), 2, c))[2]
                row[x] = (row[x] + near) & 255
        rows.append([tuple(row[x:x + 3]) for x in range(0, stride, step)])
        above = row
    return width, height, rows
