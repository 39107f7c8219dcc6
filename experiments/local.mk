# The experiments, installed beside the program's data.
experimentsdir = $(pkgdatadir)/experiments
dist_experiments_DATA = experiments/paper.lua \
	experiments/shan_full.lua experiments/shan_t2i.lua experiments/shan_i2t.lua \
	experiments/table3.lua experiments/direction.lua experiments/embeddings.lua \
	experiments/fusion.lua experiments/stages.lua experiments/attention.lua

# What was recorded on real data: for people and for the tests, not installed.
EXTRA_DIST += experiments/results experiments/README.md experiments/STATISTICS.md

# The keys and the Lua module in README.md, from the program and the comments above its functions.
.PHONY: reference
reference: stepwise.la $(pkglib_LTLIBRARIES)
	@$(AM_TESTS_ENVIRONMENT) $(LUA_LOG_COMPILER) $(srcdir)/tests/lua/check_reference.lua --write
