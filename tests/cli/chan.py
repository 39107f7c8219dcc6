"""chan.py -- CHAN's encoder, its codings and reductions, and k-max pooling, on images and captions of any
lengths, one region and one word among them, against equations written here in NumPy (float64)."""
import numpy as np

from small_models import IMAGES, SOURCE, compare, linear, rows, unit, words_of, write_data


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def residual_attention(w, x, heads=2):
    """x + MHA(norm(x))"""
    name = "image.attention"
    y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    y = y * w[name + ".norm.weight"] + w[name + ".norm.bias"]
    q, k, v = (np.split(linear(w, f"{name}.{kind}", y), heads, 1)
               for kind in ("query", "key", "value"))
    out = [softmax(a @ b.T / np.sqrt(a.shape[1])) @ c for a, b, c in zip(q, k, v)]
    return x + linear(w, name + ".output", np.concatenate(out, 1))


def region_codes(v, t):
    """VHA: each word's best region"""
    return (t @ v.T).max(1)


def word_codes(v, t):
    """THA: each region's best word"""
    return (v @ t.T).max(1)


def soft_codes(v, t):
    """VSA: the cosine of each region with its words, softly chosen"""
    attended = softmax(10 * v @ t.T) @ t
    return (v * attended).sum(1) / np.linalg.norm(attended, axis=1)


def logsumexp(x):
    return np.log(np.exp(10 * x).sum())


def scores(codes, reduce):
    def expected(w, folder, run_folder):
        images = [unit(residual_attention(w, linear(w, "image.fc", rows(folder, "ims", i))))
                  for i in range(IMAGES["test"])]
        captions = list(words_of(w, folder, run_folder))
        return np.array([[reduce(codes(v, t)) for t in captions] for v in images])
    return expected


def largest(x, k):
    """mean of the k largest numbers of each column"""
    return np.sort(x, 0)[::-1][:k].mean(0)


def kmax_scores(w, folder, run_folder):
    images = [largest(linear(w, "image.fc", rows(folder, "ims", i)), 3) for i in range(IMAGES["test"])]
    captions = [largest(t, 3) for t in words_of(w, folder, run_folder)]
    return unit(np.array(images)) @ unit(np.array(captions)).T


write_data("data")
script = SOURCE + "/experiments/methods/chan.lua"
small = ["embedding=random", "image=linear,residual_attention,l2norm", "text=bigru,l2norm",
         "image.residual_attention.heads=2"]
for coding, direction in [(region_codes, "t2i"), (word_codes, "i2t")]:
    for reduce, name in [(logsumexp, "raw_lse"), (np.mean, "mean"), (np.max, "max"), (np.sum, "sum")]:
        compare(f"{direction}_{name}", script, scores(coding, reduce), *small,
                f"direction={direction}", f"max_mean.reduce={name}")
soft = ["stages=scan", "scan.attention_norm=none", "scan.lambda_i2t=10", "direction=i2t"]
compare("soft_mean", script, scores(soft_codes, np.mean), *small, *soft)
compare("soft_lse", script, scores(soft_codes, lambda x: logsumexp(x) / 10), *small, *soft,
        "scan.reduce=lse", "scan.sharpness=10")
compare("kmax", script, kmax_scores, *small, "image=linear", "pool=kmax", "pool.image.k=3",
        "pool.text.k=3", "stages=dot")
