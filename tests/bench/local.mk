# make bench [BENCH_THREADS=N] [BENCH_STEPS=K] [BENCH_RUNS=R]: training steps of a few shapes beside their
# floors, and beside two peers in PyTorch: the reference where that is there, and our own algorithm. It
# asserts nothing.
# With BENCH_CLOCK=processor BENCH_THREADS=1 they take seconds of processor time, for a machine with other
# work.
BENCH_THREADS = 0
BENCH_STEPS = 5
BENCH_RUNS = 5
BENCH_CLOCK =
bench_environment = $(AM_TESTS_ENVIRONMENT) if test '$(BENCH_CLOCK)' = processor; then \
	LD_PRELOAD='$(abs_top_builddir)/tests/bench/.libs/processor_clock.so'; export LD_PRELOAD; fi;
check_LTLIBRARIES += tests/bench/processor_clock.la
tests_bench_processor_clock_la_LDFLAGS = $(test_module_ldflags)
bench_needs = all tests/bench/processor_clock.la
.PHONY: bench
bench: $(bench_needs)
	@$(bench_environment) $(SHELL) $(srcdir)/tests/bench/bench.sh $(BENCH_THREADS) $(BENCH_STEPS) \
		$(BENCH_RUNS)
EXTRA_DIST += tests/bench/bench.sh tests/bench/peer.py tests/bench/README.md tests/bench/recorded

# make bench-growth: the same against one size after the other.
.PHONY: bench-growth
bench-growth: $(bench_needs)
	@$(bench_environment) $(SHELL) $(srcdir)/tests/bench/growth.sh $(BENCH_THREADS) $(BENCH_STEPS)
EXTRA_DIST += tests/bench/growth.sh

# make bench-methods [BENCH_METHODS="scan_t2i gpo"] [BENCH_DIMS=256]: each method's step beside its floor,
# beside SHAN's L2L step, and beside the loop of its published form in PyTorch where that is there.
.PHONY: bench-methods
bench-methods: $(bench_needs)
	@$(bench_environment) BENCH_DIMS='$(BENCH_DIMS)' $(SHELL) $(srcdir)/tests/bench/methods.sh \
		$(BENCH_THREADS) $(BENCH_STEPS) $(BENCH_METHODS)
EXTRA_DIST += tests/bench/methods.sh tests/bench/methods.py tests/bench/published.py

# make bench-learning [BENCH_FOLDER=DIR] [BENCH_IMAGES=N] [BENCH_LEARNING='key=value ..']: steps early and late in
# a training that learns. The whole is 8.5 GB of generated scenes and hours; interrupted, it goes on.
BENCH_FOLDER = runs/bench-learning
BENCH_IMAGES = 29000
BENCH_LEARNING =
.PHONY: bench-learning
bench-learning: $(bench_needs)
	@$(bench_environment) $(SHELL) $(srcdir)/tests/bench/learning.sh '$(BENCH_FOLDER)' $(BENCH_THREADS) \
		$(BENCH_STEPS) $(BENCH_IMAGES) $(BENCH_LEARNING)
EXTRA_DIST += tests/bench/learning.sh tests/bench/learning.lua
