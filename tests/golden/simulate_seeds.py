#!/usr/bin/python3
"""How often a row that does not differ is called separable when seeds are added until it is, and how
many seeds rows need: the reason for the rule of core/lua/results/compare.lua (level_at) and
core/lua/sweep/seeds.lua. Prints a table, tests/golden/seeds.tsv; all of it takes seconds.

simulate_seeds.py [TABLES]; needs Debian's python3-numpy.

Made up are differences per seed, N(gap, 1), tested by Student's paired t; p by numeric integration.
"""
import sys
import numpy

TABLES = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
LEVEL, LOOK = 0.05, 0.001
GRID = numpy.linspace(0, 400, 400001)


def two_sided(freedom):
    """A function t -> P(|T| > t)."""
    density = (1 + GRID**2 / freedom) ** (-(freedom + 1) / 2)
    area = numpy.concatenate([[0], numpy.cumsum((density[1:] + density[:-1]) / 2)])
    tail = GRID[-1] * density[-1] / freedom / (GRID[1] - GRID[0])  # beyond the grid, as t^-(f+1)
    return lambda t: numpy.interp(t, GRID, 1 - area / (area[-1] + tail))


def quantile(p_of, level):
    return GRID[numpy.argmax(p_of(GRID) <= level)]


print(f"# {TABLES} tables, NumPy {numpy.__version__}: percent called separable, seeds used, percent given up, and "
      "percent that p < 0.05 at each look would call separable")
print("first\tmost\tgap\tseparable\tseeds\tgiven_up\teach_look")
for first, most in (3, 5), (3, 10), (2, 10), (3, 20):
    final = LEVEL - LOOK * (most - first)
    tests = {n: two_sided(n - 1) for n in range(first, most + 1)}
    needed = quantile(tests[most], final) / numpy.sqrt(most)
    for gap in 0.0, 1.0, 2.0, 4.0:
        x = numpy.random.default_rng(1).normal(gap, 1, (TABLES, most))
        naive, called, given_up = (numpy.zeros(TABLES, bool) for _ in range(3))
        seeds = numpy.full(TABLES, most)
        for n in range(first, most + 1):
            mean, sd = x[:, :n].mean(axis=1), x[:, :n].std(axis=1, ddof=1)
            p = tests[n](abs(mean) / sd * numpy.sqrt(n))
            naive |= p < LEVEL
            open_ = ~called & ~given_up
            clear = open_ & (p < (LOOK if n < most else final))
            reach = abs(mean) + quantile(tests[n], 0.05) * sd / numpy.sqrt(n)
            hopeless = open_ & ~clear & (n >= 3) & (reach < needed * sd)
            called |= clear
            given_up |= hopeless
            seeds[clear | hopeless] = n
        print(f"{first}\t{most}\t{gap:g}\t{100 * called.mean():.1f}\t{seeds.mean():.1f}\t"
              f"{100 * given_up.mean():.1f}\t{100 * naive.mean():.1f}")
