# The experiments, installed beside the program's data.
experimentsdir = $(pkgdatadir)/experiments
dist_experiments_DATA = experiments/paper.lua \
	experiments/shan_full.lua experiments/shan_t2i.lua experiments/shan_i2t.lua \
	experiments/table3.lua experiments/direction.lua experiments/embeddings.lua \
	experiments/fusion.lua experiments/stages.lua experiments/attention.lua

# What was recorded on real data: for people and for the tests, not installed.
EXTRA_DIST += experiments/results
