#!/usr/bin/python3
"""Writes statistics.tsv and bootstrap.tsv beside itself, from SciPy and NumPy.

Needs Debian's python3-scipy. statistics.tsv: quantiles and p of Student's t, paired t-tests, Holm's
correction. bootstrap.tsv: ranks of three seeds, and what the bootstrap over images and seeds gives
for 2000 draws of the streams of core/tensor/tape/random.h, which are written out again here.
"""
import os
import numpy
import scipy
from scipy import optimize, stats

HERE = os.path.dirname(os.path.abspath(__file__))
VERSIONS = f"scipy {scipy.__version__}, numpy {numpy.__version__}"


def write(name, rows):
    with open(os.path.join(HERE, name), "w", encoding="ascii") as out:
        out.write(f"# from make_statistics.py, {VERSIONS}\n" + "\n".join(rows) + "\n")


def words(numbers):
    return " ".join(f"{float(x):.17g}" for x in numbers)


# ---- Student's t, Holm ---------------------------------------------------------------------------

def holm(p):
    """Holm 1979: the k-th smallest of m times m - k + 1, never below the one before, at most 1."""
    order, result, largest = numpy.argsort(p, kind="stable"), numpy.empty(len(p)), 0.0
    for k, at in enumerate(order):
        largest = max(largest, min(1.0, p[at] * (len(p) - k)))
        result[at] = largest
    return result


def quantile(level, freedom):
    """The root of SciPy's sf: its own ppf is off by up to 1e-9 of its value in release 1.10."""
    beyond = (1 - level) / 2
    return optimize.brentq(lambda t: stats.t.sf(t, freedom) - beyond, 0, 1e5, xtol=1e-13, rtol=1e-14)


rows = []
for freedom in (1, 2, 3, 4, 5, 9, 10, 29, 30, 31, 60, 100, 999, 1000):
    for level in (0.5, 0.9, 0.95, 0.99, 0.999):
        rows.append(f"quantile\t{freedom}\t{level}\t{quantile(level, freedom):.17g}")
    for t in (1e-9, 0.01, 0.5, 1.0, 1.7, 2.0, 4.3, 12.7, 100.0, 1e6):
        rows.append(f"p\t{freedom}\t{t}\t{2 * stats.t.sf(t, freedom):.17g}")
drawn = numpy.random.default_rng(3)
for n in (2, 3, 5, 8, 40):
    for shift in (0.0, 1.0, 8.0):
        x = numpy.round(200 + shift + drawn.normal(0, 2, n), 2)
        y = numpy.round(200 + drawn.normal(0, 2, n), 2)
        p = stats.ttest_rel(x, y).pvalue
        half = quantile(0.95, n - 1) * stats.sem(x - y)
        rows.append(f"paired\t{words(x)}\t{words(y)}\t{words([(x - y).mean(), half, p])}")
for p in ([0.01, 0.04, 0.03, 0.005], [0.5, 0.6, 0.7], [0.02], [0.05, 0.05, 0.01, 0.05, 1.0],
          list(numpy.round(drawn.uniform(0, 0.2, 9), 4))):
    rows.append(f"holm\t{words(p)}\t{words(holm(numpy.array(p)))}")
write("statistics.tsv", rows)

# ---- the bootstrap -------------------------------------------------------------------------------

PURPOSE = 7  # SW_FOR_BOOTSTRAP
MASK = numpy.uint64(0xffffffff)


def philox(counter, key):
    """Philox4x32-10 (Salmon and others 2011) of arrays of 32-bit words held in 64 bits."""
    c = [numpy.asarray(x, numpy.uint64) for x in counter]
    k = [numpy.asarray(x, numpy.uint64) for x in key]
    for _ in range(10):
        a, b = numpy.uint64(0xD2511F53) * c[0], numpy.uint64(0xCD9E8D57) * c[2]
        high, low = [x >> numpy.uint64(32) for x in (a, b)], [x & MASK for x in (a, b)]
        c = [high[1] ^ c[1] ^ k[0], low[1], high[0] ^ c[3] ^ k[1], low[0]]
        k = [(k[0] + numpy.uint64(0x9E3779B9)) & MASK, (k[1] + numpy.uint64(0xBB67AE85)) & MASK]
    return c


def below(seed, step, index, bound, count):
    """The first `count` numbers below `bound` of the stream (seed, bootstrap, step, index)."""
    mixed = philox((index, step & 0xffffffff, step >> 32, PURPOSE), (seed & 0xffffffff, seed >> 32))
    blocks = numpy.arange(count + 16, dtype=numpy.uint64)
    zero = numpy.zeros_like(blocks)
    drawn = philox((blocks, zero, zero + mixed[2], zero + mixed[3]), (mixed[0], mixed[1]))
    drawn = numpy.stack(drawn, axis=1).reshape(-1)
    drawn = drawn[drawn >= numpy.uint64((1 << 32) % bound)]
    return (drawn[:count] % numpy.uint64(bound)).astype(int)


def recalls(ranks):
    """(I, 6) parts of the recalls: ranks (I, 1 + per_image), percent, so that a mean is a recall."""
    text = [100.0 * (ranks[:, 0] < k) for k in (1, 5, 10)]
    image = [100.0 * (ranks[:, 1:] < k).mean(axis=1) for k in (1, 5, 10)]
    return numpy.stack(text + image, axis=1)


def with_rsum(x):
    return numpy.append(x, x.sum())


def bootstrap(a, b, seed, draws):
    """a, b: lists over seeds of (I, 1 + per_image) ranks. Gives (7, 4): mean, low, high, p."""
    parts = numpy.stack([recalls(x) - recalls(y) for x, y in zip(a, b)])  # (n, I, 6)
    n, images = parts.shape[:2]
    stretch = numpy.sqrt(n / (n - 1)) if n > 1 else 0.0
    values = []
    for d in range(draws):
        of_seeds = parts[:, below(seed, d, 0, images, images)].mean(axis=1)  # (n, 6)
        value = of_seeds.mean(axis=0)
        if n > 1:
            value = value + stretch * (of_seeds[below(seed, d, 1, n, n)].mean(axis=0) - value)
        values.append(with_rsum(value))
    values = numpy.array(values)
    p = [min(1, 2 * min(1 + (v <= 1e-9).sum(), 1 + (v >= -1e-9).sum()) / (draws + 1))
         for v in values.T]
    low, high = numpy.percentile(values, [2.5, 97.5], axis=0)
    return numpy.stack([with_rsum(parts.mean(axis=(0, 1))), low, high, p], axis=1)


IMAGES, PER_IMAGE, SEEDS, DRAWS = 40, 3, 3, 2000


def make(gain):
    hard = drawn.exponential(6, (IMAGES, 1))
    return [numpy.minimum(IMAGES - 1, numpy.floor(
        hard * drawn.exponential(1 - gain, (IMAGES, 1 + PER_IMAGE)))).astype(int)
        for _ in range(SEEDS)]


rows = [f"size\t{IMAGES} {PER_IMAGE} {SEEDS} {DRAWS}"]
sides = {"a": make(0.25), "b": make(0.0)}
for name, runs in sides.items():
    for s, ranks in enumerate(runs):
        rows.append(f"{name}\t{s}\t" + " ".join(str(x) for x in ranks.reshape(-1)))
for seeds in (1, 2, 3):
    for seed in (0, 5):
        found = bootstrap(sides["a"][:seeds], sides["b"][:seeds], seed, DRAWS)
        rows.append(f"bootstrap\t{seeds}\t{seed}\t{words(found.reshape(-1))}")
write("bootstrap.tsv", rows)
