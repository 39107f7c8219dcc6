"""second.py -- a second set of fragments per image and per caption: the score of SGM, and captions
that are numbers of a file alone, against equations written here in NumPy (float64)."""
import json
import os
import subprocess
import sys

import numpy as np

STEPWISE, SOURCE = os.environ["STEPWISE"], os.environ["STEPWISE_SOURCE"]
IMAGES, PER_IMAGE, D = {"train": 24, "dev": 17, "test": 19}, 2, 8
random = np.random.default_rng(5)


def fail(what):
    print("FAILED:", what)
    sys.exit(1)


def run(*words, status=0, says=None):
    done = subprocess.run([STEPWISE, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=300)
    out = done.stdout + done.stderr
    if done.returncode != status:
        fail(f"{' '.join(words)}: status {done.returncode}, expected {status}: {out}")
    if says and says not in out:
        fail(f"{' '.join(words)}: expected '{says}', found: {out}")
    if status and len(done.stderr.splitlines()) > 1:
        fail(f"{' '.join(words)}: more than one line: {done.stderr}")
    return out


def write_data(folder):
    os.mkdir(folder)
    words = [a + b for a in "bdfg" for b in "aeio"]
    for split, images in IMAGES.items():
        captions = images * PER_IMAGE

        def save(name, array):
            np.save(f"{folder}/{split}_{name}.npy", array)

        save("ims", random.standard_normal((images, 5, 6)).astype("f4"))
        save("ims_counts", random.integers(1, 6, images).astype("i4"))
        save("relations", random.standard_normal((images, 4, 7)).astype("f4"))
        save("relations_counts", random.integers(0, 5, images).astype("i8"))
        save("triples", random.standard_normal((captions, 3, 9)).astype("f2"))
        save("triples_counts", random.integers(0, 4, captions).astype("i4"))
        save("states", random.standard_normal((captions, 6, 10)).astype("f4"))
        save("states_counts", random.integers(1, 7, captions).astype("i4"))
        with open(f"{folder}/{split}_caps.txt", "w") as text:
            for _ in range(captions):
                text.write(" ".join(random.choice(words, random.integers(1, 7))) + "\n")


def load_weights(path):
    with open(path, "rb") as file:
        head = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        body = file.read()
    return {name: np.frombuffer(body[at["data_offsets"][0]:at["data_offsets"][1]], "f4")
            .reshape(at["shape"]).astype("f8") for name, at in head.items() if name != "__metadata__"}


def unit(x):
    return x / (np.linalg.norm(x, axis=-1, keepdims=True) + 1e-8)


def rows(folder, name, index):
    """The fragments of one image or caption of the test split."""
    array = np.load(f"{folder}/test_{name}.npy")[index].astype("f8")
    return array[:np.load(f"{folder}/test_{name}_counts.npy")[index]]


def linear(w, name, x):
    return x @ w[name + ".weight"].T + w[name + ".bias"]


def gru(w, x, ending):
    wi, wh, bi, bh = (w[f"text.gru.{kind}_l0{ending}"]
                      for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    state, states = np.zeros(D), []
    for row in x:
        a, b = wi @ row + bi, wh @ state + bh
        reset, keep = (1 / (1 + np.exp(-(a[i:i + D] + b[i:i + D]))) for i in (0, D))
        state = keep * state + (1 - keep) * np.tanh(a[2 * D:] + reset * b[2 * D:])
        states.append(state)
    return np.array(states)


def words_of(w, folder, run_folder):
    ids = json.load(open(f"{run_folder}/vocab.json"))["word2idx"]
    for line in open(f"{folder}/test_caps.txt"):
        x = w["embedding.random.weight"][[ids[t] for t in ["<start>", *line.split(), "<end>"]]]
        yield unit((gru(w, x, "") + gru(w, x[::-1], "_reverse")[::-1]) / 2)


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


def compare(what, script, expected, *changes):
    small = [f"dim={D}", "word_dim=6", "batch=8", "epochs=2", "lr=0.01", *changes]
    for threads in ("1", "3"):
        run("train", script, "--data", "data", "--out", f"{what}{threads}", "--threads", threads,
            *small)
        run("eval", f"{what}{threads}", "--data", "data", "--split", "test", "--sims",
            f"{what}{threads}.npy")
    found = np.load(f"{what}1.npy").astype("f8")
    if open(f"{what}1.npy", "rb").read() != open(f"{what}3.npy", "rb").read():
        fail(f"{what}: 1 and 3 threads give other scores")
    wanted = expected(load_weights(f"{what}1/checkpoint.safetensors"), "data", f"{what}1")
    if found.shape != wanted.shape or np.abs(found - wanted).max() > 1e-5:
        fail(f"{what}: scores are off by {np.abs(found - wanted).max():.3g}")


write_data("data")
sgm = SOURCE + "/experiments/methods/sgm.lua"
widths = ["second.image.width=7", "second.text.width=9"]
compare("sgm", sgm, sgm_scores, *widths)

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
