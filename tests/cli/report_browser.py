"""report_browser.py CHROMIUM FOLDER PAGE -- what a browser makes of a report; ends with 1 and the reason
where that is not what it should be. FOLDER takes what is written on the way."""
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys

from png import pixels

browser, folder, page = sys.argv[1:]
VOID = {"meta", "img", "br", "path", "rect", "circle", "use", "polygon", "image"}


def fail(*words):
    print("FAILED:", *words)
    sys.exit(1)


def chromium(target, *more):
    """Runs the browser on a page once; its stdout, its console, and what the page asked of the network."""
    profile, log = os.path.join(folder, "profile"), os.path.join(folder, "net.json")
    shutil.rmtree(profile, ignore_errors=True)
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         # what the browser itself wants to tell its maker goes nowhere
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir=" + profile,
         "--enable-logging=stderr", "--log-net-log=" + log, *more, "file://" + target],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240, check=False)
    if done.returncode != 0:
        fail("chromium ended with", done.returncode, done.stderr.decode(errors="replace")[-2000:])
    said = done.stderr.decode(errors="replace")
    console = [line for line in said.splitlines() if ":CONSOLE" in line]
    with open(log, encoding="utf-8") as file:
        text = file.read().rstrip().rstrip(",")
    if not text.endswith("}"):
        text += "]}"  # the browser was ended before it closed the list
    asked = set()
    for event in json.loads(text)["events"]:
        params = event.get("params", {})
        if "url" in params and params.get("initiator", "not an origin") != "not an origin":
            asked.add(params["url"])
    return done.stdout.decode(errors="replace"), console, sorted(asked)


def look(theme):
    """The colours of the page, most frequent first, as {colour: share}."""
    shot = os.path.join(folder, theme + ".png")
    _, console, asked = chromium(page, "--window-size=1000,2000", "--screenshot=" + shot,
                                 "--blink-settings=preferredColorScheme=" + ("0" if theme == "dark" else "1"))
    if console:
        fail(theme, "the console says", console[0])
    if asked:
        fail(theme, "the page asks for", asked)
    counts = {}
    width, height, rows = pixels(shot)
    for row in rows:
        for colour in row:
            counts[colour] = counts.get(colour, 0) + 1
    return {colour: count / (width * height) for colour, count in counts.items()}


class Tree(html.parser.HTMLParser):
    """Elements, their text, and whether every tag is closed by its own."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.names, self.texts, self.handlers = [], [], {}, []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.append(tag)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            fail("</%s> closes something else, in line %d" % (tag, self.getpos()[0]))

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


def tree(text):
    result = Tree()
    result.feed(text)
    result.close()
    if result.open:
        fail("left open:", result.open)
    return result


# A page that does what a report must not do: else the checks could be blind.
control = os.path.join(folder, "control.html")
with open(control, "w", encoding="utf-8") as out:
    out.write('<!DOCTYPE html><title>x</title><img src="http://127.0.0.1:9/x.png"><script>nothing()</script>')
_, said_by_control, asked_by_control = chromium(control, "--screenshot=" + os.path.join(folder, "control.png"))
if not said_by_control or asked_by_control != ["http://127.0.0.1:9/x.png"]:
    fail("the browser does not tell of errors or requests:", said_by_control, asked_by_control)

for scheme in ("light", "dark"):
    seen = look(scheme)
    ground = max(seen, key=seen.get)
    if len(seen) < 100 or seen[ground] > 0.995:
        fail(scheme, "the page is blank: %d colours" % len(seen))
    if (sum(ground) > 3 * 200) != (scheme == "light") or (sum(ground) < 3 * 60) != (scheme == "dark"):
        fail(scheme, "has the ground", ground)
    # the curves are there: their hue is on no other part of the page
    hue = (0, 114, 178) if scheme == "light" else (75, 163, 220)
    if not any(max(abs(a - b) for a, b in zip(colour, hue)) < 12 for colour in seen):
        fail(scheme, "has no curve")

with open(page, encoding="utf-8") as source:
    tree(source.read())
dom = chromium(page, "--dump-dom")[0]
found = Tree()
found.handle_endtag = lambda tag: found.open.pop() if found.open and tag not in VOID else None
found.feed(dom)
for forbidden in ("script", "iframe", "object", "embed", "link", "form"):
    if forbidden in found.names:
        fail("the page has a", forbidden)
if found.handlers:
    fail("an element listens to", found.handlers)
if "".join(found.texts["title"]) != "T</title><script>alert(1)</script>":
    fail("the title became", found.texts["title"])
words = " ".join(text for texts in found.texts.values() for text in texts)
for name in ("<script>alert(2)</script>", "base `touch trap`", "a_b^{2} '\"&amp;]]>",
             "<script>alert(3)</script>", "</p><img src=x onerror=alert(1)> $(touch trap)?"):
    if name not in words:
        fail("the page does not show the name", name)
if found.names.count("svg") < 3:
    fail("a figure is missing:", found.names.count("svg"))
if "img" not in found.names:
    fail("the pictures are missing")

paper = os.path.join(folder, "page.pdf")
chromium(page, "--no-pdf-header-footer", "--print-to-pdf=" + paper)
with open(paper, "rb") as file:
    pdf = file.read()
pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
if not pdf.startswith(b"%PDF") or not 2 <= pages <= 40:
    fail("printed, the page is", len(pdf), "bytes on", pages, "pages")
print("light, dark and %d printed pages" % pages)
