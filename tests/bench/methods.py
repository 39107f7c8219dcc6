#!/usr/bin/env python3
"""The field's methods as their published code computes them: one caption after the other against all
images of the batch, everything on PyTorch's tape. Written from the papers' formulas, to be timed.

methods.py METHOD --dim D [--batch B] [--steps K] [--threads N]   prints seconds per step (median)
"""
import argparse, statistics, time
import torch
from torch import nn
from torch.nn import functional as f

REGIONS, FEATURES, WORD_DIM, VOCABULARY = 36, 2048, 300, 8000
EPS = 1e-8


def l2norm(x, dim=-1):
    return x / (x.norm(dim=dim, keepdim=True) + EPS)


def cosine(a, b):
    return (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1)).clamp(min=EPS)


def attend(queries, context, sharpness):
    """SCAN's attention: (B,q,D), (B,c,D) -> (B,q,D)"""
    attention = f.leaky_relu(context @ queries.transpose(1, 2), 0.1)  # (B,c,q)
    attention = l2norm(attention, 2).transpose(1, 2)
    return f.softmax(attention * sharpness, 2) @ context


class Scan(nn.Module):
    def __init__(self, dim, way):
        super().__init__()
        self.way = way

    def forward(self, regions, words):  # (B,k,D), (n,D) -> (B)
        words = words.expand(len(regions), -1, -1)
        if self.way == "t2i":
            return cosine(words, attend(words, regions, 9.0)).mean(1)
        return cosine(regions, attend(regions, words, 4.0)).mean(1)


class Bfan(nn.Module):
    def __init__(self, dim):
        super().__init__()

    def one_way(self, queries, context):
        attention = l2norm(f.leaky_relu(context @ queries.transpose(1, 2), 0.1), 2).transpose(1, 2)
        attention = f.softmax(attention * 20.0, 2)
        kept = attention * (attention > attention.mean(2, keepdim=True))
        return cosine(queries, kept / kept.sum(2, keepdim=True) @ context).mean(1)

    def forward(self, regions, words):
        words = words.expand(len(regions), -1, -1)
        return self.one_way(words, regions) + self.one_way(regions, words)


class Imram(nn.Module):
    def __init__(self, dim, sides):
        super().__init__()
        self.sides = sides
        self.maps = nn.ModuleList(nn.Linear(2 * dim, dim) for _ in range(4))

    def one_way(self, queries, context, sharpness, linear, gate):
        x, score = queries, 0
        for _ in range(3):
            attended = attend(x, context, sharpness)
            score = score + cosine(queries, attended).mean(1)
            both = torch.cat([x, attended], 2)
            g = torch.sigmoid(gate(both))
            x = g * x + (1 - g) * torch.tanh(linear(both))
        return score

    def forward(self, regions, words):
        words, score = words.expand(len(regions), -1, -1), 0
        if "text" in self.sides:
            score = score + self.one_way(words, regions, 9.0, *self.maps[:2])
        if "image" in self.sides:
            score = score + self.one_way(regions, words, 4.0, *self.maps[2:])
        return score


class Sgraf(nn.Module):
    def __init__(self, dim, reasoning, width=256):
        super().__init__()
        self.reasoning = reasoning
        self.local, self.whole = nn.Linear(dim, width), nn.Linear(dim, width)
        self.steps = nn.ModuleList(nn.ModuleList(nn.Linear(width, width) for _ in range(3))
                                   for _ in range(3))
        self.weigh, self.norm, self.score = nn.Linear(width, 1), nn.BatchNorm1d(1), nn.Linear(width, 1)

    def forward(self, regions, words):
        words = words.expand(len(regions), -1, -1)
        attended = l2norm(attend(words, regions, 9.0))
        local = l2norm(self.local((attended - words) ** 2))
        whole = l2norm(self.whole((l2norm(regions.mean(1)) - l2norm(words.mean(1))) ** 2))
        s = torch.cat([whole.unsqueeze(1), local], 1)  # (B,n+1,S)
        if self.reasoning:
            for query, key, mix in self.steps:
                s = f.relu(mix(f.softmax(query(s) @ key(s).transpose(1, 2), 2) @ s))
            s = s[:, 0]
        else:
            weight = torch.sigmoid(self.norm(self.weigh(s).transpose(1, 2)))
            s = l2norm((f.normalize(weight, 1, 2) @ s).squeeze(1))
        return torch.sigmoid(self.score(s)).squeeze(1)


class Dot(nn.Module):
    def __init__(self, dim):
        super().__init__()

    def forward(self, regions, words):
        return l2norm(regions.mean(1)) @ l2norm(words.mean(0))


METHODS = {
    "scan_t2i": lambda dim: Scan(dim, "t2i"), "scan_i2t": lambda dim: Scan(dim, "i2t"),
    "bfan": Bfan, "imram_text": lambda dim: Imram(dim, ["text"]),
    "imram_image": lambda dim: Imram(dim, ["image"]),
    "imram_full": lambda dim: Imram(dim, ["text", "image"]),
    "saf": lambda dim: Sgraf(dim, False), "sgr": lambda dim: Sgraf(dim, True), "vsepp": Dot,
}


class Model(nn.Module):
    def __init__(self, method, dim):
        super().__init__()
        self.image = nn.Linear(FEATURES, dim)
        self.embedding = nn.Embedding(VOCABULARY, WORD_DIM)
        self.gru = nn.GRU(WORD_DIM, dim, batch_first=True, bidirectional=True)
        self.pair, self.dim = METHODS[method](dim), dim

    def forward(self, features, captions, lengths):
        regions = l2norm(self.image(features))
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(captions), lengths, True)
        words, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], True)
        words = l2norm((words[..., :self.dim] + words[..., self.dim:]) / 2)
        return torch.stack([self.pair(regions, words[c, :n]) for c, n in enumerate(lengths)], 1)


def hinge(scores, margin=0.2):
    right, own = scores.diag().view(-1, 1), torch.eye(len(scores), dtype=torch.bool)
    captions = (margin + scores - right).clamp(min=0).masked_fill(own, 0)
    images = (margin + scores - right.t()).clamp(min=0).masked_fill(own, 0)
    return captions.max(1)[0].sum() + images.max(0)[0].sum()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("--dim", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(given.threads)
    model = Model(given.method, given.dim)
    adam = torch.optim.Adam(model.parameters(), 2e-4)
    features = torch.rand(given.batch, REGIONS, FEATURES)
    lengths = sorted(torch.randint(8, 21, (given.batch,)).tolist(), reverse=True)
    captions = torch.randint(0, VOCABULARY, (given.batch, lengths[0]))
    seconds = []
    for _ in range(given.steps + 1):
        begin = time.perf_counter()
        adam.zero_grad()
        hinge(model(features, captions, lengths)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        adam.step()
        seconds.append(time.perf_counter() - begin)
    print(f"{statistics.median(seconds[1:]):.4f}")


main()
