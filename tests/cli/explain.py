"""explain.py STEPWISE SHARED FOLDER -- our attention weights against the PyTorch reference's.

For random checkpoints over directions, fusions and norms, on real images and captions: every weight
of `stepwise explain --json` within 1e-4 of the reference's, each row summing to 1."""
import json
import os
import subprocess
import sys
import types

STEPWISE, SHARED, FOLDER = sys.argv[1:4]
sys.path.insert(0, os.path.join(SHARED, "reference"))
sys.dont_write_bytecode = True

import numpy as np  # noqa: E402
import torch  # noqa: E402
import shan  # noqa: E402

DATA = os.path.join(SHARED, "data", "f8k_precomp")
VOCAB = os.path.join(SHARED, "data", "f8k_vocab.json")
TOLERANCE = 1e-4


def contexts(model, V, t, alpha, beta):
    """eq. 8-11: the weights of each side's context vector over the other side's fragments."""
    g2l = model.stages["g2l"]
    fuse, pool, lam = model.g2l["fusion"], model.g2l["pool"], g2l.get("lambda", 1.)
    T = t.unsqueeze(0)
    found = {}
    if model.direction in ("both", "i2t"):
        x = fuse("image", V, alpha @ T)
        vc = (torch.softmax(pool["image"](x), 1) * x).sum(1)
        found["context_words"] = torch.softmax(lam * shan.cosine(vc.unsqueeze(1), T), 1)
    if model.direction in ("both", "t2i"):
        x = fuse("text", T, beta.transpose(1, 2) @ V)
        tc = (torch.softmax(pool["text"](x), 1) * x).sum(1)
        found["context"] = torch.softmax(lam * shan.cosine(tc.unsqueeze(1), V), 1)
    return found


def expected(model, image, caption):
    regions, scale = shan.read_regions(DATA, "test")
    captions = shan.read_captions(DATA, "test", json.load(open(VOCAB)))
    V = torch.from_numpy(np.asarray(regions[image:image + 1], np.float32) * np.float32(scale))
    with torch.no_grad():
        V, T = model.encode(V, [captions[5 * image + caption]])
        alpha, beta = model.attention(model.affinity(V, T[0]))
        found = contexts(model, V, T[0], alpha, beta)
    if model.direction in ("both", "i2t"):
        found["region"] = alpha[0]
    if model.direction in ("both", "t2i"):
        found["word"] = beta[0].T
    return found


def check(index, direction, fusion, norm, image, caption):
    path = os.path.join(FOLDER, f"random{index}.safetensors")
    words = len(json.load(open(VOCAB))["word2idx"])
    shan.make(types.SimpleNamespace(
        ckpt=path, regions=768, dim=40, words=24, vocab=words, seed=index, direction=direction,
        stages="l2l,g2l,g2g", fusion=fusion, embedding="glove_random", attention_norm=norm))
    model, _ = shan.load(path)
    told = subprocess.run(
        [STEPWISE, "explain", path, "--data", DATA, "--split", "test", "--vocab", VOCAB,
         "--image", str(image), "--caption", str(caption), "--json"],
        check=True, capture_output=True, text=True)
    maps = {m["kind"]: np.asarray(m["weights"]) for m in json.loads(told.stdout)["maps"]}
    wanted = expected(model, image, caption)
    assert set(maps) == set(wanted), (direction, sorted(maps), sorted(wanted))
    worst = 0.0
    for kind, weights in maps.items():
        theirs = wanted[kind].reshape(weights.shape).numpy()
        assert np.allclose(weights.sum(1), 1, atol=1e-4), (direction, kind, weights.sum(1))
        gap = float(np.abs(weights - theirs).max())
        assert gap <= TOLERANCE, f"{direction} {fusion} {norm}: {kind} differs by {gap:.1e}"
        worst = max(worst, gap)
    os.remove(path)
    return worst


CASES = [("both", "gate", "none", 0, 0), ("t2i", "gate", "none", 7, 3), ("i2t", "gate_vector", "none", 999, 4),
         ("both", "average", "cosine", 12, 1), ("both", "concat", "clipped_l2norm", 500, 2)]
print(f"{len(CASES)} random models: attention weights within"
      f" {max(check(i, *case) for i, case in enumerate(CASES)):.1e}")
