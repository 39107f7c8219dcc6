"""rendered.py FOLDER [CHROMIUM] -- renders FOLDER/figures/*.svg by rsvg-convert and, all on one page, by
Chromium; ends with 1 and the reason where one is refused, blank, or not the same picture in both."""
import glob
import os
import re
import subprocess
import sys

from png import pixels

folder, browser = sys.argv[1], sys.argv[2:]
SMALLER = 2
BLOCK = 20  # pixels of a side: coarser than the edges of letters, which differ
ALIKE, FAR = 2, 25  # of 255: the mean distance of blocks, and the distance of one


def fail(*words):
    print("FAILED:", *words)
    sys.exit(1)


def blocks(rows):
    """Mean grey of each BLOCK x BLOCK square, in rows."""
    result = []
    for y in range(0, len(rows) - BLOCK + 1, BLOCK):
        line = []
        for x in range(0, len(rows[0]) - BLOCK + 1, BLOCK):
            line.append(sum(sum(rows[y + j][x + i]) for j in range(BLOCK) for i in range(BLOCK)) / (3.0 * BLOCK * BLOCK))
        result.append(line)
    return result


def check_not_blank(name, rows):
    seen = {}
    for row in rows:
        for colour in row:
            seen[colour] = seen.get(colour, 0) + 1
    ground = max(seen.values()) / float(len(rows) * len(rows[0]))
    if len(seen) < 20 or ground > 0.995:
        fail(name, "is blank: %d colours, the ground is %.1f %%" % (len(seen), 100 * ground))


figures = []
for path in sorted(glob.glob(folder + "/figures/*.svg")):
    with open(path, encoding="utf-8") as svg:
        size = re.search(r'width="(\d+)" height="(\d+)"', svg.read())
    wide, high = int(size.group(1)) // SMALLER, int(size.group(2)) // SMALLER
    drawn = path[:-4] + ".png"
    done = subprocess.run(["rsvg-convert", path, "-w", str(wide), "-h", str(high), "-o", drawn], stderr=subprocess.PIPE, check=False)
    if done.returncode != 0 or done.stderr:
        fail(os.path.basename(path), "is refused by librsvg:", done.stderr.decode(errors="replace"))
    rows = pixels(drawn)[2]
    check_not_blank("librsvg: " + os.path.basename(path), rows)
    figures.append((os.path.basename(path), wide, high, rows))
if len(figures) < 12:
    fail("a figure is missing:", [figure[0] for figure in figures])
if not browser:
    print("%d figures by librsvg" % len(figures))
    sys.exit(0)

page, shot, high = folder + "/page.html", folder + "/page.png", sum(figure[2] for figure in figures)
with open(page, "w", encoding="utf-8") as out:
    out.write('<!DOCTYPE html><meta charset="utf-8"><body style="margin:0;background:#fff">')
    out.write("".join('<img style="display:block" src="figures/%s" width="%d" height="%d">' % figure[:3]
                      for figure in figures))
subprocess.run(
    [browser[0], "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
     "--disable-background-networking", "--disable-component-update", "--force-device-scale-factor=1",
     "--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir=" + folder + "/profile",
     "--window-size=%d,%d" % (max(figure[1] for figure in figures), high), "--screenshot=" + shot, "file://" + page],
    stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240, check=True)
top, screen = 0, pixels(shot)[2]
for name, wide, high, rows in figures:
    other = [row[:wide] for row in screen[top:top + high]]
    top += high
    check_not_blank("Chromium: " + name, other)
    pairs = [(a, b) for ours, theirs in zip(blocks(rows), blocks(other)) for a, b in zip(ours, theirs)]
    mean = sum(abs(a - b) for a, b in pairs) / len(pairs)
    most = max(abs(a - b) for a, b in pairs)
    print("%-24s blocks differ by %.2f of 255, at most by %.1f" % (name, mean, most))
    if mean > ALIKE or most > FAR:
        fail(name, "differs between librsvg and Chromium: by %.1f of 255, at one place by %.1f" % (mean, most))
print("%d figures, by librsvg and by Chromium" % len(figures))
