#!/usr/bin/python3
"""How often two rows that do not differ are called different at p < 0.05: the reason for the rule
that core/lua/results/compare.lua has. Prints one line a setting; a setting takes minutes.

simulate_differences.py [TABLES [SPREAD [SEEDS]]]; needs Debian's python3-scipy.

Made up are ranks of 1000 images with five captions. A run scales all ranks of its seed by
exp(N(0, spread)); an image is as hard for every run.
"""
import sys
import numpy
from scipy import stats

IMAGES, CAPTIONS, DRAWS = 1000, 5, 1000
TABLES = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
SPREADS = [float(sys.argv[2])] if len(sys.argv) > 2 else [0.06, 0.15, 0.4]
SEEDS = [int(sys.argv[3])] if len(sys.argv) > 3 else [2, 3, 5]


def rsum_parts(ranks):
    text = sum(100.0 * (ranks[:, 0] < k) for k in (1, 5, 10))
    return text + sum(100.0 * (ranks[:, 1:] < k).mean(axis=1) for k in (1, 5, 10))


def p_of(values):
    least = min((values <= 0).sum(), (values >= 0).sum())
    return min(1, 2 * (1 + least) / (DRAWS + 1))


for spread in SPREADS:
    for n in SEEDS:
        drawn = numpy.random.default_rng(2)
        wrong = dict.fromkeys(("bootstrap not stretched", "bootstrap", "t", "both"), 0)
        seeds_part = []
        for _ in range(TABLES):
            hard = drawn.exponential(60, (IMAGES, 1))

            def run():
                scale = numpy.exp(drawn.normal(0, spread))
                return rsum_parts(numpy.floor(
                    hard * scale * drawn.exponential(1, (IMAGES, 1 + CAPTIONS))))

            parts = numpy.array([run() - run() for _ in range(n)])  # (n, I)
            of_images = drawn.multinomial(IMAGES, numpy.full(IMAGES, 1 / IMAGES), DRAWS) / IMAGES
            sums = of_images @ parts.T  # (draws, n)
            mean = sums.mean(axis=1)
            of_seeds = numpy.take_along_axis(sums, drawn.integers(0, n, (DRAWS, n)), 1).mean(axis=1)
            plain = p_of(of_seeds)
            stretched = p_of(mean + numpy.sqrt(n / (n - 1)) * (of_seeds - mean))
            t = stats.ttest_1samp(parts.mean(axis=1), 0).pvalue
            seeds_part.append(parts.mean(axis=1).var(ddof=1) / (parts.var(axis=1).mean() / IMAGES))
            for name, p in zip(wrong, (plain, stretched, t, max(stretched, t))):
                wrong[name] += p < 0.05
        print(f"spread {spread} (variance over seeds {numpy.mean(seeds_part):.1f} times that over "
              f"images), {n} seeds: " + ", ".join(f"{k} {100 * v / TABLES:.1f} %"
                                                 for k, v in wrong.items()), flush=True)
