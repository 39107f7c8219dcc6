#!/usr/bin/env python3
"""SHAN-full in PyTorch by the algorithm that Stepwise uses: blocks of images are scored without a
tape, by scalars only; the loss then says which pairs take a gradient, and these alone are scored
again with one. So the peer of `make bench` differs in how it is made, not in what it computes.

A vector of a pair is a sum of its regions and words, sum_i a_i v_i + sum_j b_j t_j. Kept as (a, b),
its products need only those of regions and words: v . t, and the Gram matrices of both sides.
Direction both, fusion gate, attention norm none; parameters are named as in a checkpoint.

peer.py [--batch B] [--dim D] [--regions F] [--words W] [--threads N] [--steps K]
    prints seconds of each phase (medians, the first step not counted) and what compiled it
"""
import argparse
import statistics
import time

import torch
from torch import nn

EPS = 1e-8
LAMBDA, MU = 15.0, 0.3  # of l2l
CONTEXT_LAMBDA, CONTEXT_MU = 1.0, 0.5  # of g2l
MARGIN = 0.2
IMAGES, CAPTIONS = 16, 16  # of a block


def l2norm(x):
    return x / (x.norm(dim=-1, keepdim=True) + EPS)


def length(square):
    return square.clamp(min=1e-30).sqrt()


def cosine(product, a, b):
    return product / (a * b).clamp(min=EPS)


def masked_softmax(x, mask):
    return torch.softmax(x.masked_fill(~mask, float("-inf")), -1)


def row(x, matrix):
    """x (..,m) times matrix (..,m,n): (..,n)"""
    return (x.unsqueeze(-2) @ matrix).squeeze(-2)


def forms(x, gram):
    """x_r gram x_r of each row of x (..,r,m), gram (..,m,m): (..,r)"""
    return ((x @ gram) * x).sum(-1)


def pair_scores(p, affinity, gram_v, gram_t, of_v, of_t, mask, bias):
    """p = v . t and affinity (..,k,n), gram_v (..,k,k), gram_t (..,n,n), what the gates' and pools'
    weights give on regions of_v (..,k,4) and words of_t (..,n,4), mask (..,n), bias of the gates (2)
    -> (..)"""
    p_t = p.transpose(-1, -2)
    length_v, length_t = (length(g.diagonal(dim1=-2, dim2=-1)) for g in (gram_v, gram_t))
    words = mask.sum(-1)

    alpha = masked_softmax(LAMBDA * affinity, mask.unsqueeze(-2))
    beta = torch.softmax(LAMBDA * affinity.transpose(-1, -2), -1)  # (..,n,k)
    r_v = cosine((alpha * p).sum(-1), length_v, length(forms(alpha, gram_t))).mean(-1)
    r_t = cosine((beta * p_t).sum(-1), length_t, length(forms(beta, gram_v)))
    total = MU * r_v + (1 - MU) * (r_t * mask).sum(-1) / words

    # Functionals: 0 the image's gate, 1 the text's gate, 2 the image's pool, 3 the text's pool.
    attended_t, attended_v = alpha @ of_t, beta @ of_v
    gate = torch.sigmoid(of_v[..., 0] + attended_t[..., 0] + bias[0])
    pool = torch.softmax(gate * of_v[..., 2] + (1 - gate) * attended_t[..., 2], -1)
    a, b = pool * gate, row(pool * (1 - gate), alpha)  # v_c
    gate = torch.sigmoid(of_t[..., 1] + attended_v[..., 1] + bias[1])
    pool = masked_softmax(gate * of_t[..., 3] + (1 - gate) * attended_v[..., 3], mask)
    c, d = row(pool * (1 - gate), beta), pool * gate  # t_c

    v_c_v, v_c_t = row(a, gram_v) + row(b, p_t), row(a, p) + row(b, gram_t)
    t_c_v, t_c_t = row(c, gram_v) + row(d, p_t), row(c, p) + row(d, gram_t)
    length_v_c = length((a * v_c_v).sum(-1) + (b * v_c_t).sum(-1))
    length_t_c = length((c * t_c_v).sum(-1) + (d * t_c_t).sum(-1))
    w = masked_softmax(CONTEXT_LAMBDA * cosine(v_c_t, length_v_c.unsqueeze(-1), length_t), mask)
    u = torch.softmax(CONTEXT_LAMBDA * cosine(t_c_v, length_t_c.unsqueeze(-1), length_v), -1)
    w_t, u_v = row(w, gram_t), row(u, gram_v)  # t*_c on words, v*_c on regions
    r_v = cosine((w * v_c_t).sum(-1), length_v_c, length((w * w_t).sum(-1)))
    r_t = cosine((u * t_c_v).sum(-1), length_t_c, length((u * u_v).sum(-1)))
    total = total + CONTEXT_MU * r_v + (1 - CONTEXT_MU) * r_t

    b, c = b + w, c + u  # v_g = v_c + t*_c, t_g = t_c + v*_c
    v_g_v, v_g_t = v_c_v + row(w, p_t), v_c_t + w_t
    t_g_v, t_g_t = t_c_v + u_v, t_c_t + row(u, p)
    length_v_g = length((a * v_g_v).sum(-1) + (b * v_g_t).sum(-1))
    length_t_g = length((c * t_g_v).sum(-1) + (d * t_g_t).sum(-1))
    return total + cosine((c * v_g_v).sum(-1) + (d * v_g_t).sum(-1), length_v_g, length_t_g)


def hinge(scores):
    """eq. 17, hardest negatives, summed"""
    right, own = scores.diag(), torch.eye(len(scores), dtype=torch.bool)
    captions = (MARGIN + scores - right[:, None]).clamp(min=0).masked_fill(own, 0).max(1)[0]
    images = (MARGIN + scores - right[None]).clamp(min=0).masked_fill(own, 0).max(0)[0]
    return captions.sum() + images.sum()


class Shan(nn.Module):
    def __init__(self, features, vocabulary, dim, word_dim):
        super().__init__()
        self.dim = dim
        self.image = nn.ModuleDict({"fc": nn.Linear(features, dim)})
        self.embedding = nn.ModuleDict(
            {name: nn.Embedding(vocabulary, word_dim) for name in ("glove", "random")})
        self.embedding["glove"].weight.requires_grad_(False)
        self.text = nn.ModuleDict(
            {"gru": nn.GRU(2 * word_dim, dim, 1, batch_first=True, bidirectional=True)})
        self.l2l = nn.ModuleDict(
            {name: nn.Linear(dim, dim, bias=False) for name in ("image_key", "text_key")})
        self.g2l = nn.ModuleDict({
            "fusion": nn.ModuleDict({name: nn.Linear(2 * dim, 1) for name in ("image", "text")}),
            "pool": nn.ModuleDict(
                {name: nn.Linear(dim, 1, bias=False) for name in ("image", "text")})})
        self.pair_scores, self.compiled = pair_scores, "no compiler asked for"

    def compile(self):
        """Has PyTorch compile the pairs' part, where it can."""
        if not hasattr(torch, "compile"):
            self.compiled = f"PyTorch {torch.__version__} has no torch.compile"
            return
        compiled = torch.compile(pair_scores, dynamic=True)

        def attempt(*arguments):
            try:
                return compiled(*arguments)
            except Exception as problem:  # no C++ compiler, or no inductor for this Python
                first = str(problem).strip().split("\n")[0]
                self.pair_scores, self.compiled = pair_scores, f"torch.compile failed: {first}"
                return pair_scores(*arguments)

        self.pair_scores, self.compiled = attempt, "torch.compile"

    def encode(self, features, captions):
        """features (B,k,F), captions: lists of word ids, longest first -> V (B,k,D), T (B,n,D), zero
        where a caption has no word"""
        V = l2norm(self.image["fc"](features))
        lengths = [len(c) for c in captions]
        ids = torch.zeros(len(captions), lengths[0], dtype=torch.long)
        for i, c in enumerate(captions):
            ids[i, :len(c)] = torch.as_tensor(c)
        x = torch.cat([table(ids) for table in self.embedding.values()], -1)
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        h, _ = nn.utils.rnn.pad_packed_sequence(self.text["gru"](packed)[0], batch_first=True)
        return V, l2norm((h[..., :self.dim] + h[..., self.dim:]) / 2)

    def inputs(self, V, T):
        """What pairs are scored from. Both keys act on the words: the regions' are never formed."""
        D, gate, pool = self.dim, self.g2l["fusion"], self.g2l["pool"]
        keys = (T @ self.l2l["text_key"].weight.t()) @ self.l2l["image_key"].weight
        image, text = gate["image"].weight[0], gate["text"].weight[0]
        pools = [pool["image"].weight[0], pool["text"].weight[0]]
        return {
            "keys": keys, "gram_v": V @ V.transpose(1, 2), "gram_t": T @ T.transpose(1, 2),
            "of_v": V @ torch.stack([image[:D], text[D:], *pools], 1),
            "of_t": T @ torch.stack([image[D:], text[:D], *pools], 1),
            "bias": torch.cat([gate["image"].bias, gate["text"].bias])}

    @torch.no_grad()
    def matrix(self, V, T, given, mask):
        """scores (B,B) without a tape, a block of images by captions of about one length at a time"""
        B, k, D = V.shape
        scores = V.new_empty(B, len(T))
        for c in range(0, len(T), CAPTIONS):
            n = int(mask[c].sum())  # the longest of the block
            t = slice(c, c + CAPTIONS)
            right = torch.cat([T[t, :n], given["keys"][t, :n]]).reshape(-1, D).t()
            for i in range(0, B, IMAGES):
                v = slice(i, i + IMAGES)
                both = (V[v].reshape(-1, D) @ right).view(len(V[v]), k, 2, -1, n)
                p, affinity = both.permute(2, 0, 3, 1, 4)  # (I,C,k,n)
                scores[v, t] = self.pair_scores(
                    p.contiguous(), affinity.contiguous(), given["gram_v"][v, None],
                    given["gram_t"][None, t, :n, :n], given["of_v"][v, None],
                    given["of_t"][None, t, :n], mask[None, t, :n], given["bias"])
        return scores

    def touched(self, V, T, given, mask, images, captions):
        """scores of these pairs, with a tape: (P)"""
        v, t = V[images], T[captions].transpose(1, 2)
        of = {name: given[name][images if name.endswith("v") else captions]
              for name in ("gram_v", "gram_t", "of_v", "of_t", "keys")}
        return self.pair_scores(v @ t, v @ of["keys"].transpose(1, 2), of["gram_v"], of["gram_t"],
                                of["of_v"], of["of_t"], mask[captions], given["bias"])

    def step(self, features, captions, update=lambda: None):
        """One step on pairs, longest caption first: the loss, and the times of its phases."""
        times = [time.perf_counter()]
        V, T = self.encode(features, captions)
        times.append(time.perf_counter())
        given = self.inputs(V, T)
        mask = torch.arange(T.shape[1]) < torch.tensor([len(c) for c in captions])[:, None]
        scores = self.matrix(V, T, given, mask).requires_grad_()
        loss = hinge(scores)
        times.append(time.perf_counter())
        gradient, = torch.autograd.grad(loss, scores)
        pairs = gradient.nonzero(as_tuple=True)
        if len(pairs[0]):
            (self.touched(V, T, given, mask, *pairs) * gradient[pairs]).sum().backward()
        times.append(time.perf_counter())
        update()
        times.append(time.perf_counter())
        return loss.detach(), [b - a for a, b in zip(times, times[1:])]


def main():
    parser = argparse.ArgumentParser()
    for name, value in (("batch", 64), ("dim", 1024), ("regions", 2048), ("words", 300),
                        ("threads", 2), ("steps", 3)):
        parser.add_argument("--" + name, type=int, default=value)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    model = Shan(given.regions, 8481, given.dim, given.words)
    model.compile()
    trained = [p for p in model.parameters() if p.requires_grad]
    adam = torch.optim.Adam(trained, 2e-4)

    def update():
        nn.utils.clip_grad_norm_(trained, 2.0)
        adam.step()

    taken = []
    for _ in range(given.steps + 1):
        lengths = (14 + 4 * torch.randn(given.batch)).round().clamp(6, 32).int()
        captions = [torch.randint(4, 8481, (n,)) for n in lengths.sort(descending=True)[0].tolist()]
        features = torch.rand(given.batch, 36, given.regions)
        adam.zero_grad()
        taken.append(model.step(features, captions, update)[1])
    phases = [statistics.median(x) for x in zip(*taken[1:])]
    total = statistics.median(sum(x) for x in taken[1:])
    print("encode {:.4f} score {:.4f} backward {:.4f} step {:.4f}".format(*phases),
          f"total {total:.4f} s ({model.compiled})")


if __name__ == "__main__":
    main()
