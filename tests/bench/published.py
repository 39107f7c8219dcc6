"""Layers, stages and losses of the field's methods, as their published code computes them, written
from the papers' formulas: methods.py makes models of them. Their parameters have our names.
"""
import math
import torch
from torch import nn
from torch.nn import functional as f
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

REGIONS = 36
EPS = 1e-8


def l2norm(x, dim=-1):
    return x / (x.norm(dim=dim, keepdim=True) + EPS)


def cosine(a, b):
    return (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1)).clamp(min=EPS)


def plain(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


def scan_weights(queries, context, sharpness):
    """SCAN's attention: (B,q,D), (B,c,D) -> (B,q,c)"""
    attention = f.leaky_relu(context @ queries.transpose(1, 2), 0.1)  # (B,c,q)
    return f.softmax(l2norm(attention, 2).transpose(1, 2) * sharpness, 2)


def attend(queries, context, sharpness):
    return scan_weights(queries, context, sharpness) @ context


# ---- stages: regions (B,k,D) and the words of one caption (B,n,D), the same for each image, -> (B)


class Scan(nn.Module):
    def __init__(self, dim, way):
        super().__init__()
        self.way = way

    def forward(self, regions, words):
        if self.way == "t2i":
            return cosine(words, attend(words, regions, 9.0)).mean(1)
        return torch.logsumexp(5 * cosine(regions, attend(regions, words, 4.0)), 1) / 5


class Bfan(nn.Module):
    def __init__(self, dim):
        super().__init__()

    def one_way(self, queries, context):
        attention = scan_weights(queries, context, 20.0)
        kept = attention * (attention > attention.mean(2, keepdim=True))
        return cosine(queries, kept / kept.sum(2, keepdim=True) @ context).mean(1)

    def forward(self, regions, words):
        return self.one_way(words, regions) + self.one_way(regions, words)


class MaxMean(nn.Module):
    def __init__(self, dim):
        super().__init__()

    def forward(self, regions, words):
        c = f.leaky_relu(words @ regions.transpose(1, 2), 0.1)  # (B,n,k)
        return (c.max(2)[0].mean(1) + c.max(1)[0].mean(1)) / 2


class Chan(nn.Module):
    def __init__(self, dim):
        super().__init__()

    def forward(self, regions, words):
        return torch.logsumexp(10 * (words @ regions.transpose(1, 2)).max(2)[0], 1)


class Naaf(nn.Module):
    def __init__(self, dim):
        super().__init__()
        for name, count in ("threshold", 1), ("safe_threshold", 1), ("seen", 5):
            self.register_buffer(name, torch.zeros(count))

    def forward(self, regions, words):
        c, u = words @ regions.transpose(1, 2), self.threshold if self.training else self.safe_threshold
        best = (c - u).max(2)[0]  # (B,n)
        judged = best
        if not self.training:
            judged = (f.softmax(5 * words @ words.transpose(1, 2), 2) @ best.unsqueeze(2)).squeeze(2)
        kept = torch.exp(20 * (c - u).masked_fill(c <= u, -1e9))
        seen = kept / (kept.sum(2, keepdim=True) + EPS) @ regions
        found = (words * seen).sum(2) / seen.norm(dim=2).clamp(min=EPS)
        fitting = (c * scan_weights(words, regions, 20.0)).sum(2)
        return (best * (judged < 0) + found + fitting).mean(1)


class Imram(nn.Module):
    def __init__(self, dim, sides):
        super().__init__()
        self.sides = sides
        for side in "image", "text":
            maps = nn.Module()
            maps.update, maps.gate = nn.Linear(2 * dim, dim), nn.Linear(2 * dim, dim)
            self.add_module(side, maps)

    def one_way(self, queries, context, maps):
        x, score = queries, 0
        for _ in range(3):
            attended = attend(x, context, 9.0)
            score = score + cosine(queries, attended).mean(1)
            both = torch.cat([x, attended], 2)
            g = torch.sigmoid(maps.gate(both))
            x = g * x + (1 - g) * torch.tanh(maps.update(both))
        return score

    def forward(self, regions, words):
        score = 0
        if "text" in self.sides:
            score = score + self.one_way(words, regions, self.text)
        if "image" in self.sides:
            score = score + self.one_way(regions, words, self.image)
        return score


class Sgraf(nn.Module):
    def __init__(self, dim, reasoning):
        super().__init__()
        width = max(dim // 4, 16)
        for side in "image", "text":
            maps = {"local": nn.Linear(dim, dim), "global": nn.Linear(dim, dim), "common": plain(dim, 1)}
            if side == "image":
                maps.update(local_norm=nn.BatchNorm1d(REGIONS), global_norm=nn.BatchNorm1d(dim))
            self.add_module(side, nn.ModuleDict(maps))
        self.local, self.score = nn.Linear(dim, width), nn.Linear(width, 1)
        self.add_module("global", nn.Linear(dim, width))
        self.steps = 3 if reasoning else 0
        for step in range(self.steps):
            self.add_module(f"step{step + 1}", nn.ModuleDict(
                {name: nn.Linear(width, width) for name in ("query", "key", "reason")}))
        if not reasoning:
            self.attention, self.attention_norm = nn.Linear(width, 1), nn.BatchNorm1d(1)

    def whole(self, x, maps):
        local, mean = maps["local"](x), maps["global"](x.mean(1))
        if "local_norm" in maps:
            local, mean = maps["local_norm"](local), maps["global_norm"](mean)
        local = f.dropout(torch.tanh(local), 0.4, self.training)
        mean = f.dropout(torch.tanh(mean), 0.4, self.training)
        weights = f.softmax(maps["common"](local * mean.unsqueeze(1)).squeeze(2), 1)
        return l2norm((weights.unsqueeze(2) * x).sum(1))

    def once(self, regions):
        return self.whole(regions, self.image)

    def forward(self, regions, words, image):
        text = self.whole(words[:1], self.text)
        local = l2norm(self.local((l2norm(attend(words, regions, 9.0)) - words) ** 2))
        whole = l2norm(self._modules["global"]((image - text) ** 2))
        s = torch.cat([whole.unsqueeze(1), local], 1)  # (B,n+1,S)
        for step in range(self.steps):
            maps = self._modules[f"step{step + 1}"]
            s = f.relu(maps["reason"](f.softmax(maps["query"](s) @ maps["key"](s).transpose(1, 2), 2) @ s))
        if self.steps:
            s = s[:, 0]
        else:
            weight = torch.sigmoid(self.attention_norm(self.attention(s).transpose(1, 2)))
            s = l2norm((f.normalize(weight, 1, 2) @ s).squeeze(1))
        return torch.sigmoid(self.score(s)).squeeze(1)


class Camp(nn.Module):
    def __init__(self, dim, heads=4):
        super().__init__()
        for side in "image", "text":
            maps = {name: plain(dim, dim) for name in ("key", "query", "attended_key", "attended_query")}
            pool = nn.ModuleDict({"hidden": nn.Linear(dim, dim), "heads": plain(dim, heads)})
            self.add_module(side, nn.ModuleDict(dict(maps, fuse=plain(2 * dim, dim), pool=pool)))
        self.score = nn.Linear(dim, 1)
        self.score.hidden = nn.Linear(2 * dim, dim)
        self.scale = 1 / math.sqrt(dim)

    def message(self, queries, context, own, other):
        """What each query sees of the context, and then of what the others see: (B,q,D)"""
        c = self.scale * own["query"](queries) @ other["key"](context).transpose(1, 2)
        x = f.softmax(c, 2) @ context
        c = self.scale * other["attended_query"](x) @ other["attended_key"](x).transpose(1, 2)
        return f.softmax(c, 2) @ x

    def fused(self, x, seen, maps):
        seen = l2norm(seen)
        gate = torch.sigmoid((x * seen).sum(2, keepdim=True))
        h = f.relu(maps["fuse"](torch.cat([x, seen], 2) * gate)) + x
        weights = f.softmax(maps["pool"]["heads"](f.relu(maps["pool"]["hidden"](h))), 1)  # (B,q,heads)
        return l2norm((weights.transpose(1, 2) @ h).mean(1))

    def forward(self, regions, words):
        image = self.fused(regions, self.message(regions, words, self.image, self.text), self.image)
        text = self.fused(words, self.message(words, regions, self.text, self.image), self.text)
        hidden = f.relu(self.score.hidden(torch.cat([image, text], 1)))
        return torch.sigmoid(self.score(hidden)).squeeze(1)


class CaanLike(nn.Module):
    def __init__(self, dim):
        super().__init__()
        width = max(dim // 4, 16)
        self.affinity = plain(dim, dim)
        for side in "image", "text":
            weigh = plain(width, 1)
            weigh.intra, weigh.inter = plain(dim, width), plain(dim, width)
            self.add_module(side, weigh)

    def pooled(self, x, context, H, weigh):
        """H (B,fragments of x,fragments of the context)"""
        attention = f.softmax(9 * H, 2)
        rows = l2norm(attention)
        intra, inter = rows @ rows.transpose(1, 2) @ x, attention @ context
        logits = f.linear(torch.tanh(weigh.intra(intra) + weigh.inter(inter)), weigh.weight)
        return (f.softmax(logits, 1) * x).sum(1)

    def forward(self, regions, words):
        H = torch.tanh(regions @ self.affinity(words).transpose(1, 2))
        return cosine(self.pooled(regions, words, H, self.image),
                      self.pooled(words, regions, H.transpose(1, 2), self.text))


# ---- encoders and poolings ------------------------------------------------------------------------


def masked(x, lengths):
    """(B,n), True behind the end"""
    return torch.arange(x.size(1)).unsqueeze(0) >= torch.as_tensor(lengths).unsqueeze(1)


def pool_mean(x, lengths):
    return x.masked_fill(masked(x, lengths).unsqueeze(2), 0).sum(1) / torch.as_tensor(lengths).unsqueeze(1)


def pool_last(x, lengths):
    return x[torch.arange(len(x)), torch.as_tensor(lengths) - 1]


class Esa(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.linear = nn.Linear(dim, dim)

    def forward(self, x, lengths):
        logits = self.linear(x).masked_fill(masked(x, lengths).unsqueeze(2), -1e4)
        return (f.softmax(logits, 1) * x).sum(1)


class Gpo(nn.Module):
    def __init__(self, dim, width=32):
        super().__init__()
        self.gru, self.linear = nn.GRU(width, width, batch_first=True, bidirectional=True), plain(width, 1)
        self.width = width

    def forward(self, x, lengths):
        angle = torch.arange(x.size(1)).unsqueeze(1) * torch.exp(
            torch.arange(0, self.width, 2) * -(math.log(10000.0) / self.width))
        places = torch.stack([angle.sin(), angle.cos()], 2).flatten(1)
        states = run(self.gru, places.expand(len(x), -1, -1), lengths)
        gone = masked(x, lengths)
        theta = f.softmax(self.linear(states).squeeze(2).masked_fill(gone, -1e4) / 0.1, 1)
        x = x.masked_fill(gone.unsqueeze(2), -1e4).sort(1, descending=True)[0]
        return (theta.unsqueeze(2) * x.masked_fill(gone.unsqueeze(2), 0)).sum(1)


class WordCnn(nn.Module):
    def __init__(self, dim, maps):
        super().__init__()
        self.conv = nn.ModuleList(nn.Conv2d(1, maps, (n, dim)) for n in (1, 2, 3))
        self.fc = nn.Linear(3 * maps, dim)

    def forward(self, x, lengths):
        best = []
        for n, conv in enumerate(self.conv):
            y = f.relu(conv(x.unsqueeze(1))).squeeze(3).transpose(1, 2)  # (B,positions,maps)
            gone = masked(y, (torch.as_tensor(lengths) - n).clamp(min=1))
            best.append(y.masked_fill(gone.unsqueeze(2), 0).max(1)[0])
        return self.fc(f.dropout(torch.cat(best, 1), 0.1, self.training))


class ResidualMlp(nn.Module):
    def __init__(self, features, dim):
        super().__init__()
        self.fc = nn.Linear(features, dim)
        layers = nn.ModuleList([nn.Linear(features, dim // 2), nn.Linear(dim // 2, dim)])
        self.mlp = nn.ModuleDict({"layers": layers, "bns": nn.ModuleList([nn.BatchNorm1d(dim // 2)])})

    def forward(self, x):
        layers = self.mlp["layers"]
        hidden = self.mlp["bns"][0](layers[0](x).flatten(0, 1)).view(*x.shape[:2], -1)
        return self.fc(x) + layers[1](f.relu(hidden))


class Attention(nn.Module):
    """Of a layer: among the fragments x (B,k,D), without the sum and the norm."""

    def __init__(self, features, dim, heads, eps):
        super().__init__()
        self.fc, self.heads = nn.Linear(features, dim), heads
        self.attention = nn.ModuleDict({n: nn.Linear(dim, dim) for n in ("query", "key", "value", "output")})
        self.attention["norm"] = nn.LayerNorm(dim, eps)

    def attended(self, x, drop=lambda y: y):
        q, k, v = (self.attention[n](x).view(*x.shape[:2], self.heads, -1).transpose(1, 2)
                   for n in ("query", "key", "value"))
        a = drop(f.softmax(q @ k.transpose(2, 3) / math.sqrt(q.size(3)), 3)) @ v
        return self.attention["output"](a.transpose(1, 2).flatten(2))


class ResidualAttention(Attention):
    def __init__(self, features, dim):
        super().__init__(features, dim, 8, 1e-5)

    def forward(self, x):
        x = self.fc(x)
        return x + self.attended(self.attention["norm"](x))


class SelfAttention(Attention):
    def __init__(self, features, dim, inner):
        super().__init__(features, dim, 16, 1e-12)
        self.mlp = nn.ModuleDict({"0": nn.Linear(dim, inner), "1": nn.Linear(inner, dim)})
        self.mlp["norm"] = nn.LayerNorm(dim, 1e-12)

    def forward(self, x):
        x, drop = self.fc(x), lambda y: f.dropout(y, 0.1, self.training)
        h = self.attention["norm"](x + drop(self.attended(x, drop)))
        return self.mlp["norm"](h + drop(self.mlp["1"](f.gelu(self.mlp["0"](h)))))


class Linear(nn.Module):
    def __init__(self, features, dim):
        super().__init__()
        self.fc = nn.Linear(features, dim)

    def forward(self, x):
        return self.fc(x)


def run(gru, x, lengths):
    """The states of a GRU, of two directions their mean."""
    packed = pack_padded_sequence(x, lengths, True, enforce_sorted=False)
    x, _ = pad_packed_sequence(gru(packed)[0], True)
    return (x[..., :gru.hidden_size] + x[..., gru.hidden_size:]) / 2 if gru.bidirectional else x


# ---- losses: scores (B,B), images are rows ----------------------------------------------------------


def hinge(scores, views=1, margin=0.2):
    """The hardest negatives; with views the worst score of a sample's own is its right one."""
    sample = torch.arange(len(scores)) // views
    own = sample.unsqueeze(1) == sample
    right = scores.masked_fill(~own, math.inf)
    captions = (margin + scores - right.min(1, keepdim=True)[0]).clamp(min=0).masked_fill(own, 0)
    images = (margin + scores - right.min(0, keepdim=True)[0]).clamp(min=0).masked_fill(own, 0)
    return captions.max(1)[0].sum() + images.max(0)[0].sum()


def bce(scores):
    s, own = scores.clamp(1e-6, 1 - 1e-6), torch.eye(len(scores), dtype=torch.bool)
    wrong = torch.log(1 - s.masked_fill(own, 0))
    return -(2 * s.diag().log().sum() + wrong.min(1)[0].sum() + wrong.min(0)[0].sum())


def angular(image, text):
    own = torch.eye(len(image), dtype=torch.bool)
    S = image @ text.t()
    rows = 4 * (S + text @ text.t() - S.diag().unsqueeze(1))
    columns = 4 * (S.t() + image @ image.t() - S.diag().unsqueeze(1))
    return sum(f.softplus(x.masked_fill(own, -math.inf).max(1)[0]).sum() for x in (rows, columns))
