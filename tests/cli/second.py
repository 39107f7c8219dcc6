"""second.py -- a second set of fragments per image and per caption: the score of SGM, and captions
that are numbers of a file alone, against equations written here in NumPy (float64)."""
import json
import re

import numpy as np

from small_models import (D, IMAGES, PER_IMAGE, SOURCE, compare, linear, rows, run, fail, unit,
                          words_of, write_data)


def best(image, text):
    """mean over the text's fragments of the best of the image's; 0 where a side has none"""
    return (text @ image.T).max(1).mean() if len(text) and len(image) else 0.0


def sgm_scores(w, folder, run_folder):
    captions = IMAGES["test"] * PER_IMAGE
    objects = [unit(linear(w, "image.fc", rows(folder, "ims", i))) for i in range(IMAGES["test"])]
    relations = [unit(linear(w, "image.second.fc", rows(folder, "relations", i)))
                 for i in range(IMAGES["test"])]
    triples = [unit(linear(w, "text.second.fc", rows(folder, "triples", c)))
               for c in range(captions)]
    return np.array([[best(v, t) + best(r, q)
                      for t, q in zip(words_of(w, folder, run_folder), triples)]
                     for v, r in zip(objects, relations)])


def alone_scores(w, folder, _):
    image = np.array([linear(w, "image.fc", rows(folder, "ims", i)).mean(0)
                      for i in range(IMAGES["test"])])
    text = np.array([linear(w, "text.second.fc", rows(folder, "states", c)).mean(0)
                     for c in range(IMAGES["test"] * PER_IMAGE)])
    return unit(image) @ unit(text).T


write_data("data")
sgm = SOURCE + "/experiments/methods/sgm.lua"
widths = ["second.image.width=7", "second.text.width=9"]
compare("sgm", sgm, sgm_scores, *widths)

# Its blocks and parameters are listed as its own.
page = run("inspect", "sgm1")
for side, more in ("image", "relations width=7"), ("text", "triples width=9"):
    if not re.search(f"second {side} set +linear, l2norm +file={more} +{D * (int(more[-1]) + 1)} ", page):
        fail(f"inspect does not list the second {side} set: {page}")

# The score of one caption is that of an evaluation; of a sentence of one's own it says what it lacks.
real = (np.load("data/test_triples_counts.npy").reshape(-1, PER_IMAGE)
        * np.load("data/test_relations_counts.npy")[:, None])
image, caption = divmod(int(real.argmax()), PER_IMAGE)
words = ["--data", "data", "--split", "test", "--image", str(image), "--json"]
found = json.loads(run("explain", "sgm1", *words, "--caption", str(caption)))["score"]
expected = np.load("sgm1.npy")[image, image * PER_IMAGE + caption]
if abs(found - expected) > 1e-5:
    fail(f"explain of a caption: score {found}, in an evaluation {expected}")
if "SPLIT_triples.npy" not in run("explain", "sgm1", *words, "--text", "ba de"):
    fail("explain of a sentence does not say that it has no second set")
if "SPLIT_triples.npy" not in run("search", "sgm1", "--data", "data", "--split", "test", "ba de"):
    fail("search by a sentence does not say that it has no second set")

# Where a model looks: fragments of a second set stand behind a side's own, without a box.
with open("shown.lua", "w") as script:
    script.write("""local sw = require "stepwise"
return sw.experiment { model = { stages = { "l2l" }, embedding = sw.embedding "random" { word_dim = 6 },
  second = { image = { file = "relations", width = 7, blocks = { "linear", "l2norm" } },
    text = { file = "triples", width = 9, blocks = { "linear", "l2norm" } } } } }
""")
boxes = np.tile(np.array([1, 1, 4, 4], "f4"), (IMAGES["test"], 5, 1))
np.save("data/test_ims_bbx.npy", boxes)
np.save("data/test_ims_size.npy", np.full((IMAGES["test"], 2), 9, "f4"))
run("train", "shown.lua", "--data", "data", "--out", "shown", "dim=8", "batch=8", "epochs=1")
found = json.loads(run("explain", "shown", *words, "--caption", str(caption)))
own = int(np.load("data/test_ims_counts.npy")[image])
more = int(np.load("data/test_relations_counts.npy")[image])
triples = int(np.load("data/test_triples_counts.npy")[image * PER_IMAGE + caption])
if [box is not None for box in found["boxes"]] != [True] * own + [False] * more:
    fail(f"{own} regions and {more} relations have the boxes {found['boxes']}")
if found["words"][-triples:] != [f"triples {i}" for i in range(triples)]:
    fail(f"the words that are shown, before {triples} triples: {found['words']}")
run("explain", "shown", *words[:-1], "--caption", str(caption), "--out", "drawn")

# Captions that are a file's numbers alone.
with open("alone.lua", "w") as script:
    script.write("""local sw = require "stepwise"
return sw.experiment { model = { image = { "linear" },
  embedding = sw.embedding "random" { word_dim = 6 },
  second = { text = { file = "states", width = 10, alone = true, blocks = "linear" } },
  pool = "mean", stages = { "dot" } } }
""")
compare("alone", "alone.lua", alone_scores)
run("search", "alone1", "--data", "data", "--split", "test", "ba de", status=2,
    says="takes its words from files SPLIT_states.npy")
run("train", SOURCE + "/experiments/methods/saem.lua", "--data", "data", "--out", "saem", "dim=8",
    "batch=8", "epochs=1", "second.text.file=states", "second.text.width=10", "pool.text.maps=4",
    "image.self_attention.heads=2", "image.self_attention.width=8", "word_dim=4")

# A table of models with and without second sets: one plan, and one table of runs that are compared,
# which are of the same images and captions.
with open("mixed.lua", "w") as script:
    script.write("""local sw = require "stepwise"
local function model(second)
  return sw.experiment { train = { batch = 8, epochs = 1 }, model = { dim = 8, stages = { "l2l" },
    embedding = sw.embedding "random" { word_dim = 6 }, second = second } }
end
return sw.table { title = "mixed", base = model(), rows = { { name = "without" }, { name = "with",
  base = model { image = { file = "relations", width = 7, blocks = { "linear", "l2norm" } } } } } }
""")
run("ablate", "mixed.lua", "--data", "data", "--out", "mixed", says="2/2")
if "mix data" in run("table", "mixed"):
    fail("a second set of a row is told as other data")
run("report", "mixed", says="mixed/report.html")
page = open("mixed/report.html").read()
if "another experiment" not in page or page.count("the base as it is") != 1:
    fail("the report does not tell a row of another experiment from the base")
if "different data" in run("compare", "mixed/without-seed0", "mixed/with-seed0"):
    fail("runs with and without a second set are compared in tables of their own")

# An import leaves second sets behind and says so.
if "not imported: dev_relations.npy, dev_relations_counts.npy, " not in \
        run("data", "import", "data", "--out", "imported"):
    fail("data import does not say that it leaves second sets behind")

# Without the second sets the rest of the model stands, and its second term is 0.
run("train", sgm, "--data", "data", "--out", "first", "dim=8", "word_dim=6", "batch=8", "epochs=1",
    "second=none")

# Other numbers in the file are another run.
key = json.load(open("sgm1/provenance.json"))["key"]
kept = np.load("data/train_triples.npy")
np.save("data/train_triples.npy", kept[::-1])
run("train", sgm, "--data", "data", "--out", "other", f"dim={D}", "word_dim=6", "batch=8",
    "epochs=2", "lr=0.01", *widths)
if json.load(open("other/provenance.json"))["key"] == key:
    fail("other numbers of a second set have the same key")
np.save("data/train_triples.npy", kept)


def refused(says, *changes, file=None, array=None):
    old = np.load(file) if file else None
    if file:
        np.save(file, array)
    run("train", sgm, "--data", "data", "--out", "bad", "dim=8", "word_dim=6", "batch=8",
        "epochs=1", *widths, *changes, status=1, says=says)
    if file:
        np.save(file, old)


refused("data/train_none.npy: expected the second set of fragments per caption that model.second "
        "of the config names, found no such file", "second.text.file=none")
refused("data/train_triples.npy: expected 4 numbers per fragment as the model has them, found 9",
        "second.text.width=4")
bad = kept.astype("f4")
bad[3, 0, 2] = np.nan
counts = np.load("data/train_triples_counts.npy")
counts[3] = 2
np.save("data/train_triples_counts.npy", counts)
refused("data/train_triples.npy: row 3, fragment 0, number 2: expected a finite number, found",
        file="data/train_triples.npy", array=bad)
refused("data/train_triples.npy: expected a shape (48, fragments, numbers), a row per caption, "
        "found 3 dimensions: 47, 3, 9", file="data/train_triples.npy", array=kept[:47])
refused("data/train_triples.npy: expected float32, float16 or uint8, found int32",
        file="data/train_triples.npy", array=kept.astype("i4"))
counts[5] = 4
refused("data/train_triples_counts.npy: row 5: expected 0 to 3 fragments, found 4",
        file="data/train_triples_counts.npy", array=counts)
