"""names.py STEPWISE RUNS FOLDER [drawing] -- gives the rows of the recorded table RUNS hard names, and reads
every output back; ends with 1 and the reason where a name is not what it was. FOLDER takes the copies."""
import csv
import html.parser
import io
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml

stepwise, runs, folder = sys.argv[1:4]
drawing = "drawing" in sys.argv[4:]
NAMES = [
    "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1;2)", "-0.5", "|a| `b` *c* _d_ # [e](f) <g> &amp; ~~h~~ $i$",
    "'s", "''", "``", "50 % of words", "{/Bold x}", "a_b^c\\d",
    "]]>", "<script>alert(1)</script>", "esc \x1b[31m \x9b32m \u202e \u2028 \x7f", "日本語 ±", "- 1. x", "\\end{document}\"",
]
SHOWN = {"esc \x1b[31m \x9b32m \u202e \u2028 \x7f": "esc  [31m  32m      "}
REASON = b"\x80\xbf killed: \x1b[2J \xe6\x97"


def fail(*words):
    print("FAILED:", *words)
    sys.exit(1)


def shown(name):
    """A name as one line without control characters."""
    return SHOWN.get(name, name)


def run(*words):
    done = subprocess.run([stepwise, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        fail(words, "ended with", done.returncode, done.stderr.decode(errors="replace"))
    return clean(done.stdout, words) + clean(done.stderr, words)


def clean(data, what):
    """The text of an output, in which there is nothing that a terminal would act on."""
    text = data.decode("utf-8")
    found = re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", text)
    if found:
        fail(what, "has the control character", repr(found.group()), "in", repr(text[found.start() - 20:found.end() + 20]))
    return text


def check_csv(text, names):
    rows = list(csv.reader(io.StringIO(text)))
    for row in rows:
        for cell in row:
            if cell[:1] in ("=", "+", "-", "@") and not re.fullmatch(r"[-+]?[0-9.]+(e[-+]?\d+)?", cell):
                fail("csv: a spreadsheet would run", cell)
    for name, row in zip(names, rows[1:]):
        if row[0] not in (shown(name), "'" + shown(name)):
            fail("csv:", repr(name), "became", repr(row[0]))
        if row[0] != shown(name) and name[0] not in "=+-@":
            fail("csv:", repr(name), "has an apostrophe")
        if len(row) != len(rows[0]):
            fail("csv: a row of", len(row), "cells, of", len(rows[0]))


def check_markdown(text, names):
    lines = text.split("\n")
    table = [line for line in lines if line.startswith("|")]
    for name, line in zip(names, table[2:]):
        cells = re.split(r"(?<!\\)(?:\\\\)*\|", line[1:])
        if re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", cells[0]).strip() != shown(name).strip():
            fail("md:", repr(name), "became", repr(cells[0]))
        if re.search(r"[`*_\[\]<>|#&~$]", re.sub(r"\\[!-/:-@\[-`{-~]", "", cells[0])):
            fail("md: markup in", cells[0])


def check_latex(text):
    body = text.split("\\midrule\n", 1)[1].split("\\bottomrule", 1)[0]
    for line in body.split("\n"):
        rest = re.sub(r"\\(textbf|underline)\{([-+$\d.]+)\}", r"\2", re.sub(r"\\\\$", "", line))
        rest = re.sub(r"\{\\scriptsize\$\\pm\$[\d.]+\}|\\rlap\{\$\\dagger\$\}", "", rest)
        rest = re.sub(r"\\multicolumn\{\d+\}\{[lc]\}", "", rest)
        rest = re.sub(r"\\(text[a-z]+\{\}|[{}$&#_%]|pm|lambda|Delta|to|dagger)", "", rest)
        rest = rest.replace("{[}", "").replace("{]}", "").replace("{*}", "")
        rest = rest.replace("&", "").replace("$", "")
        if re.search(r"[\\#%~^_`\"<>|\[\]]|--", rest):
            fail("tex: a special sign in", line)


class Texts(html.parser.HTMLParser):
    """The texts of a page, and the names of its elements."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.texts, self.names = [], []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def check_html(path, names):
    with open(path, "rb") as file:
        text = clean(file.read(), path)
    page = Texts()
    page.feed(text)
    page.close()
    words = "\n".join(page.texts)
    for name in names:
        if shown(name) not in words:
            fail("html: the page lacks", repr(name))
    if "script" in page.names:
        fail("html: a name became a script")


def check_svg(path, names):
    with open(path, "rb") as file:
        data = file.read()
    clean(data, path)
    texts = [" ".join("".join(text.itertext()).split())
             for text in xml.fromstring(data).iter("{http://www.w3.org/2000/svg}text")]
    for name in names:
        line = " ".join(shown(name).split())
        if not any(text in (line, line + " (n = 3)")
                                     or text.endswith("…") and line.startswith(text[:-1]) for text in texts):
            fail(path, "lacks", repr(name))


for start in range(0, len(NAMES), 6):
    names = NAMES[start:start + 6]
    table = os.path.join(folder, "table%d" % start)
    shutil.copytree(runs, table, ignore=shutil.ignore_patterns("ranks-*"))  # no draws: names are what counts
    with open(table + "/plan.json", encoding="utf-8") as file:
        plan = json.load(file)
    for row, name in zip(plan["rows"], names):
        row["name"] = name
    plan["reference"], plan["title"], plan["note"] = names[5], "title " + names[0], "- note " + names[2]
    with open(table + "/plan.json", "w", encoding="utf-8") as file:
        json.dump(plan, file)
    os.makedirs(table + "/logs")
    for one in plan["runs"]:
        if one["row"] == plan["rows"][1]["slug"]:
            os.remove("%s/%s/result.json" % (table, one["folder"]))
            with open("%s/logs/%s.error" % (table, one["folder"]), "wb") as file:
                file.write(REASON)
    check_csv(run("table", table, "--format", "csv"), names)
    check_markdown(run("table", table, "--format", "md"), names)
    check_latex(run("table", table, "--format", "tex"))
    found = json.loads(run("table", table, "--format", "json"))
    if [shown(row["name"]) for row in found["rows"]] != [shown(name) for name in names]:
        fail("json:", [row["name"] for row in found["rows"]])
    if "killed:" not in found["rows"][1]["failed"][0]["reason"]:
        fail("json: the reason is gone:", found["rows"][1]["failed"])
    run("report", table)
    check_html(table + "/report.html", names)
    if drawing:
        run("plot", table)
        for picture in ("ablation", "recall", "loss"):
            check_svg("%s/%s.svg" % (table, picture), names)
print("%d names, through every output" % len(NAMES))
