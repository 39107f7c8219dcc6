"""small_models.py -- what tests of small models share: a data folder, runs of the program, and encoders
in NumPy (float64)."""
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


def compare(what, script, expected, *changes):
    """Trains script on `data` with 1 and 3 threads: the same scores, and those of expected(weights)."""
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
    if found.shape != wanted.shape or not np.abs(found - wanted).max() <= 1e-5:
        fail(f"{what}: scores are off by {np.abs(found - wanted).max():.3g}")
