# The experiments, installed beside the program's data.
experimentsdir = $(pkgdatadir)/experiments
dist_experiments_DATA = experiments/paper.lua \
	experiments/shan_full.lua experiments/shan_t2i.lua experiments/shan_i2t.lua \
	experiments/table3.lua experiments/direction.lua experiments/embeddings.lua \
	experiments/fusion.lua experiments/stages.lua experiments/attention.lua \
	experiments/tables1and2.lua experiments/encoders.lua experiments/methods.lua \
	experiments/own_stage.lua

methodsdir = $(experimentsdir)/methods
dist_methods_DATA = experiments/methods/field.lua \
	experiments/methods/bfan.lua experiments/methods/caan_like.lua \
	experiments/methods/camp.lua experiments/methods/chan.lua experiments/methods/esa.lua \
	experiments/methods/gpo.lua \
	experiments/methods/imram_full.lua experiments/methods/imram_image.lua \
	experiments/methods/imram_text.lua experiments/methods/max_mean.lua experiments/methods/naaf.lua \
	experiments/methods/saem.lua experiments/methods/saem_gru.lua experiments/methods/saf.lua \
	experiments/methods/scan_i2t.lua experiments/methods/scan_t2i.lua \
	experiments/methods/sgm.lua experiments/methods/sgr.lua experiments/methods/vsepp.lua

# What other programs call the tensors of their models.
mapsdir = $(experimentsdir)/maps
dist_maps_DATA = experiments/maps/imram.lua experiments/maps/scan.lua \
	experiments/maps/sgraf.lua experiments/maps/vse_infinity.lua

# What was recorded on real data: for people and for the tests, not installed.
EXTRA_DIST += experiments/results experiments/README.md experiments/STATISTICS.md experiments/TENSORS.md

# The keys and the Lua module in README.md, from the program and the comments above its functions.
.PHONY: reference
reference: stepwise.la $(pkglib_LTLIBRARIES)
	@$(AM_TESTS_ENVIRONMENT) $(LUA_LOG_COMPILER) $(srcdir)/tests/lua/check_reference.lua --write
