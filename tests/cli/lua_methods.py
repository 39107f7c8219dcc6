"""lua_methods.py -- the scores of lua_methods.lua against the methods' equations in NumPy."""
import numpy as np

from small_models import IMAGES, SOURCE, compare, linear, rows, unit, words_of, write_data


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(c, lam):
    """SCAN's, (n,k): LeakyReLU, divided by its length over the words, softmax over the regions"""
    r = np.where(c > 0, c, 0.1 * c)
    return softmax(lam * r / (np.linalg.norm(r, axis=0, keepdims=True) + 1e-8))


def cosines(x, y):
    return (x * y).sum(-1) / np.maximum(np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1), 1e-8)


def max_sum(_, v, t):
    return (t @ v.T).max(1).sum()


def scan_learnt(w, v, t):
    lam = np.exp(w["scan_learnt.log_lambda"][0])
    return cosines(t, attention(t @ v.T, lam) @ v).mean()


def naaf(_, v, t, lam=20, u=0.1):
    c = t @ v.T
    best = (c - u).max(1)
    missing = np.where(softmax(5 * t @ t.T) @ best < 0, best, 0)
    kept = np.where(c > u, np.exp(lam * (c - u)), 0)
    found = cosines(t, kept / (kept.sum(1, keepdims=True) + 1e-8) @ v)
    return (missing + found + (c * attention(c, lam)).sum(1)).mean()


def clip(w, v, t):
    return np.exp(w["clip.log_scale"][0]) * cosines(v.mean(0), t.mean(0))


def scores(of):
    def expected(w, folder, run_folder):
        images = [unit(linear(w, "image.fc", rows(folder, "ims", i))) for i in range(IMAGES["test"])]
        captions = list(words_of(w, folder, run_folder))
        return np.array([[of(w, v, t) for t in captions] for v in images])
    return expected


write_data("data")
script = SOURCE + "/tests/cli/lua_methods.lua"
compare("max_sum", script, scores(max_sum), "stages=max_sum")
compare("scan_learnt", script, scores(scan_learnt), "stages=scan_learnt")
compare("naaf", script, scores(naaf), "naaf.threshold=0.1")
compare("clip", script, scores(clip), "pool=mean", "stages=clip", "loss=infonce",
        "loss.infonce.temperature=1")
