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


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def layer_norm(w, name, x):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return x * w[name + ".weight"] + w[name + ".bias"]


def gsmn_text(w, v, t, blocks=4):
    attended = attention(t @ v.T, 20) @ v
    matches = np.stack([cosines(a, b) for a, b in zip(np.split(t, blocks, 1),
                                                       np.split(attended, blocks, 1))], 1)
    hidden = np.tanh(linear(w, "gsmn_text.hidden", linear(w, "gsmn_text.graph", matches)))
    return (hidden @ w["gsmn_text.out.weight"].T).mean()


def x_dim(w, v, t):
    p = sigmoid(w["x_dim.table.weight"])
    least = p.mean(1) + w["x_dim.threshold.weight"][0] * p.std(1, ddof=1)
    m = unit(np.tanh(np.exp(np.exp(w["x_dim.sharpness"][0]) * (p - least[:, None]))) * p)
    c = np.tanh(t * m.sum(0) @ v.T)
    attended = unit(attention(c, np.exp(w["x_dim.log_lambda"][0])) @ v)
    return unit(attended * t @ m.T).sum(1).mean()


def pie(w, side, x):
    name = side + ".pool."
    a = np.tanh(x @ w[name + "attention.0.weight"].T) @ w[name + "attention.1.weight"].T
    local = sigmoid(linear(w, name + "residual", softmax(a.T) @ x))
    return unit(layer_norm(w, name + "norm", x.mean(0) + local))


def pvse(w, v, t):
    return (pie(w, "image", v) @ pie(w, "text", t).T).max()


def pre_norm(w, x, heads=2):
    y = layer_norm(w, "image.norm1", x)
    value = y @ w["image.value.weight"].T
    parts = zip(np.split(y, heads, 1), np.split(value, heads, 1))
    x = x + np.concatenate([softmax(q @ q.T / np.sqrt(q.shape[1])) @ u for q, u in parts], 1)
    inner = np.maximum(0, layer_norm(w, "image.norm2", x) @ w["image.inner.weight"].T)
    return x + inner @ w["image.outer.weight"].T


def two_largest(_, v, t):
    return cosines(*(np.sort(x, 0)[::-1][:2].mean(0) for x in (v, t)))


def scores(of, block=lambda w, x: x):
    def expected(w, folder, run_folder):
        images = [unit(block(w, linear(w, "image.fc", rows(folder, "ims", i))))
                  for i in range(IMAGES["test"])]
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
compare("gsmn_text", script, scores(gsmn_text), "stages=gsmn_text")
compare("x_dim", script, scores(x_dim), "stages=x_dim")
compare("pvse", script, scores(pvse), "pool=pie", "stages=best_of_pairs", "loss=pvse")
compare("pre_norm", script, scores(two_largest, pre_norm), "image=linear,pre_norm,l2norm",
        "pool=kmax", "stages=dot")
