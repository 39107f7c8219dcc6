#!/usr/bin/env python3
"""The field's methods as their published code computes them (published.py): one caption after the other
against all images of the batch, or one vector per side and their product; everything on PyTorch's
tape. A training step has the method's encoders, dropping, loss and number of views; Adam stands for
AdamW where a paper has that.

methods.py METHOD --dim D [--batch B] [--steps K] [--threads N]   prints seconds per step (median)
methods.py METHOD.. --check RUNS FOLDER   compares scores of the run RUNS/METHOD, whose parameters have the
    same names here, with RUNS/METHOD/sims.npy, those of `stepwise eval` on FOLDER's test split

tests/cli/methods.sh compares every method so.
"""
import argparse, json, statistics, struct, sys, time
import torch
from torch import nn
from torch.nn import functional as f
from torch.nn.utils.rnn import pad_sequence

sys.dont_write_bytecode = True
from published import (Bfan, Camp, CaanLike, Chan, Esa, Gpo, Imram, Linear, MaxMean, Naaf, REGIONS,
                       ResidualAttention, ResidualMlp, Scan, SelfAttention, Sgraf, WordCnn, angular, bce,
                       hinge, l2norm, pool_last, pool_mean, run)

FEATURES, WORD_DIM, VOCABULARY = 2048, 300, 8000


# ---- the methods ------------------------------------------------------------------------------------

POOLED = {"vsepp", "gpo", "esa", "saem_gru"}
STAGES = {
    "scan_t2i": lambda dim: Scan(dim, "t2i"), "scan_i2t": lambda dim: Scan(dim, "i2t"),
    "bfan": Bfan, "chan": Chan, "naaf": Naaf, "max_mean": MaxMean,
    "imram_text": lambda dim: Imram(dim, ["text"]),
    "imram_image": lambda dim: Imram(dim, ["image"]),
    "imram_full": lambda dim: Imram(dim, ["text", "image"]),
    "saf": lambda dim: Sgraf(dim, False), "sgr": lambda dim: Sgraf(dim, True), "camp": Camp,
    "caan_like": CaanLike,
}
NOT_NORMED = {"camp"} | POOLED


class Model(nn.Module):
    """Parameters are called as in checkpoints: image.*, embedding.random, text.*, and the stage's."""

    def __init__(self, method, dim, features=FEATURES, words=VOCABULARY, width=WORD_DIM, inner=2048,
                 maps=512):
        super().__init__()
        self.method, self.views = method, 2 if method == "esa" else 1
        self.drops = method in ("gpo", "esa", "chan")
        self.image = (ResidualMlp(features, dim) if method in ("gpo", "esa") else
                      SelfAttention(features, dim, inner) if method == "saem_gru" else
                      ResidualAttention(features, dim) if method == "chan" else Linear(features, dim))
        self.embedding = nn.ModuleDict({"random": nn.Embedding(words, width)})
        self.text = nn.Module()
        self.text.gru = nn.GRU(width, dim, batch_first=True, bidirectional=method != "vsepp")
        if method in STAGES:
            self.stage = method.split("_")[0] if method[:5] in ("scan_", "imram") else method
            self.add_module(self.stage, STAGES[method](dim))
        elif self.drops:
            pool = Gpo if method == "gpo" else Esa
            self.image.pool, self.text.pool = pool(dim), pool(dim)
        else:
            self.image.pool = pool_mean
            self.text.pool = pool_last if method == "vsepp" else WordCnn(dim, maps)

    def dropped(self, features, captions, lengths):
        """A fifth of the regions goes; of a fifth of the words half is masked, a tenth becomes any word,
        and the others go."""
        features = [x[torch.rand(len(x)) > 0.2] for x in features]
        ids = []
        for c, n in zip(captions, lengths):
            what = torch.rand(n) / 0.2
            what[0] = what[n - 1] = 2
            c = torch.where(what < 0.6, torch.randint(0, VOCABULARY, (n,)), c[:n])
            c = torch.where(what < 0.5, torch.tensor(3), c)
            ids.append(c[(what < 0.6) | (what >= 1)])
        return (pad_sequence(features, True), [len(x) for x in features],
                pad_sequence(ids, True), [len(x) for x in ids])

    def encode(self, features, counts, captions, lengths):
        x = self.embedding["random"](captions)
        if self.training and self.method in ("esa", "saf", "sgr"):
            x = f.dropout(x, 0.1 if self.method == "esa" else 0.4)
        regions, words = self.image(features), run(self.text.gru, x, lengths)
        if self.method not in NOT_NORMED:
            regions, words = l2norm(regions), l2norm(words)
        if self.method in POOLED:
            return l2norm(self.image.pool(regions, counts)), l2norm(self.text.pool(words, lengths))
        return regions, words

    def scores(self, regions, words, lengths):
        if self.method in POOLED:
            return regions @ words.t()
        stage = self._modules[self.stage]
        more = [stage.once(regions)] if hasattr(stage, "once") else []
        return torch.stack([stage(regions, words[c, :n].expand(len(regions), -1, -1), *more)
                            for c, n in enumerate(lengths)], 1)

    def loss(self, features, captions, lengths):
        counts = [features.size(1)] * len(features)
        if self.views > 1:
            features, captions = (x.repeat_interleave(self.views, 0) for x in (features, captions))
            lengths = [n for n in lengths for _ in range(self.views)]
        if self.drops:
            features, counts, captions, lengths = self.dropped(features, captions, lengths)
        image, text = self.encode(features, counts, captions, lengths)
        scores = self.scores(image, text, lengths)
        if self.method == "camp":
            return bce(scores)
        if self.method != "saem_gru":
            return hinge(scores, self.views)
        norms = sum(p.norm() for name, p in self.image.named_parameters()
                    if "bias" not in name and "norm" not in name)
        return hinge(scores) + 0.5 * angular(image, text) + 0.01 * norms


def timed(given):
    model = Model(given.method[0], given.dim)
    adam = torch.optim.Adam(model.parameters(), 2e-4)
    features = torch.rand(given.batch, REGIONS, FEATURES)
    lengths = sorted(torch.randint(8, 21, (given.batch,)).tolist(), reverse=True)
    captions = torch.randint(0, VOCABULARY, (given.batch, lengths[0]))
    seconds = []
    for _ in range(given.steps + 1):
        begin = time.perf_counter()
        adam.zero_grad()
        model.loss(features, captions, lengths).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        adam.step()
        seconds.append(time.perf_counter() - begin)
    print(f"{statistics.median(seconds[1:]):.4f}")


# ---- against our own scores -------------------------------------------------------------------------


def tensors(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    for name, about in json.loads(data[8:8 + size]).items():
        if name != "__metadata__":
            first, last = about["data_offsets"]
            numbers = bytearray(data[8 + size + first:8 + size + last])
            yield name, torch.frombuffer(numbers, dtype=torch.float32)


def check(method, run_folder, folder):
    """1 where the scores differ."""
    import numpy
    given = dict(tensors(run_folder + "/checkpoint.safetensors"))
    with open(run_folder + "/vocab.json") as file:
        ids = json.load(file)
    ids = ids.get("word2idx", ids)
    features = torch.from_numpy(numpy.load(folder + "/test_ims.npy")).float()
    with open(folder + "/test_caps.txt") as file:
        captions = [[ids["<start>"]] + [ids.get(w, ids["<unk>"]) for w in line.lower().split()]
                    + [ids["<end>"]] for line in file]
    model = Model(method, given["image.fc.bias"].numel(), features.size(2), len(ids),
                  given["embedding.random.weight"].numel() // len(ids),
                  given.get("image.mlp.0.bias", torch.zeros(1)).numel(),
                  given.get("text.pool.conv.0.bias", torch.zeros(1)).numel())
    for name, x in model.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            x.copy_(given.pop(name).view_as(x))
    assert not given, f"not used: {sorted(given)}"
    lengths = [len(c) for c in captions]
    padded = pad_sequence([torch.tensor(c) for c in captions], True)
    model.eval()
    with torch.no_grad():
        image, text = model.encode(features, [features.size(1)] * len(features), padded, lengths)
        scores = model.scores(image, text, lengths)
    worst = abs(scores.numpy() - numpy.load(run_folder + "/sims.npy")).max()
    print(f"{method}: scores within {worst:.1e}")
    return not worst <= 1e-5


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("method", nargs="+", choices=sorted(POOLED | set(STAGES)))
    parser.add_argument("--dim", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--check", nargs=2, metavar=("RUNS", "FOLDER"))
    given = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(given.threads)
    if given.check:
        runs, folder = given.check
        sys.exit(any([check(method, f"{runs}/{method}", folder) for method in given.method]))
    timed(given)


main()
