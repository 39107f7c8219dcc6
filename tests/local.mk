# The tests. A unit test is two lines, at the end of this file:
#
#	unit_programs += tests/unit/check_NAME
#	tests_unit_check_NAME_SOURCES = tests/unit/check_NAME.c tests/unit/unit.h
#
# A script is one line, script_tests += tests/cli/NAME.sh (or .lua), and a file that a test
# reads is one, test_data += tests/golden/NAME. A script that exits with 77 was skipped, and so was
# each part of a test that prints "skipped: REASON".
unit_programs =
script_tests =
test_data =

# A module that only tests load: check_LTLIBRARIES += tests/bad/NAME.la, with
# tests_bad_NAME_la_LDFLAGS = $(test_module_ldflags).
test_module_ldflags = -module -avoid-version -shared -rpath /nowhere

LDADD = libsw_core.la $(CHECK_LIBS)
EXTRA_DIST += $(script_tests) $(test_data) tests/driver.sh tests/summary.sh

TESTS = $(script_tests)
if HAVE_CHECK
check_PROGRAMS += $(unit_programs)
TESTS += $(unit_programs)
AM_CPPFLAGS += $(CHECK_CFLAGS)
else
check-local:
	@echo 'make check needs Check; on Debian: check' >&2; exit 1
endif

# One driver for all: it counts what a Check program counts, and shows why something was skipped.
TEST_EXTENSIONS = .sh .lua
LOG_DRIVER = $(SHELL) $(top_srcdir)/tests/driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)
SH_LOG_COMPILER = $(SHELL)
LUA_LOG_DRIVER = $(LOG_DRIVER) --lacks '$(SW_LUA_LACKS)'
LUA_LOG_COMPILER = $(SW_LUA_PRELOAD) $(LUA_PROGRAM)

AM_TESTS_ENVIRONMENT = \
	STEPWISE='$(abs_top_builddir)/stepwise'; export STEPWISE; \
	STEPWISE_SOURCE='$(abs_top_srcdir)'; export STEPWISE_SOURCE; \
	STEPWISE_BUILD='$(abs_top_builddir)'; export STEPWISE_BUILD; \
	unset STEPWISE_PLUGIN_PATH; \
	STEPWISE_CACHE=; export STEPWISE_CACHE; \
	if test -z "$$STEPWISE_SHARED" && test -d '$(abs_top_srcdir)/../shared'; then \
	    STEPWISE_SHARED=`cd '$(abs_top_srcdir)/../shared' && pwd`; export STEPWISE_SHARED; fi; \
	STEPWISE_LUA_PRELOAD='$(SW_LUA_PRELOAD)'; export STEPWISE_LUA_PRELOAD; \
	STEPWISE_SANITIZERS='$(SW_SANITIZERS)'; export STEPWISE_SANITIZERS; \
	LUA_CPATH='$(abs_top_builddir)/.libs/?.so;;'; export LUA_CPATH; \
	ASAN_OPTIONS=allocator_may_return_null=1:$$ASAN_OPTIONS; export ASAN_OPTIONS; \
	LSAN_OPTIONS='suppressions=$(abs_top_srcdir)/tests/leaks.txt:print_suppressions=0'; \
	export LSAN_OPTIONS; \
	OPENBLAS_NUM_THREADS=1; export OPENBLAS_NUM_THREADS; \
	LC_ALL=C.UTF-8; export LC_ALL;

# The tests that were skipped and why, then "N passed, N failed, N skipped".
.PHONY: test-summary test-forget
test-summary:
	@$(SHELL) $(srcdir)/tests/summary.sh $(TEST_LOGS)
test-forget:
	@rm -f $(TEST_LOGS) $(TEST_LOGS:.log=.trs)

# Each topic's tests, below this line.
script_tests += tests/lua/check_seeds.lua tests/lua/check_price.lua tests/lua/check_stops.lua
script_tests += tests/lua/check_watch.lua tests/cli/export.sh
script_tests += tests/cli/recipes.sh tests/cli/recorded.sh
test_data += tests/cli/export.py tests/golden/simulate_seeds.py tests/golden/seeds.tsv
script_tests += tests/cli/harness.sh tests/cli/lint.sh tests/cli/terminal.sh
unit_programs += tests/unit/check_safetensors
tests_unit_check_safetensors_SOURCES = tests/unit/check_safetensors.c tests/unit/unit.h
unit_programs += tests/unit/check_metrics
tests_unit_check_metrics_SOURCES = tests/unit/check_metrics.c tests/unit/unit.h
script_tests += tests/lua/check_scenes.lua
unit_programs += tests/unit/check_arena tests/unit/check_random tests/unit/check_compute
unit_programs += tests/unit/check_graph tests/unit/check_ops tests/unit/check_gradcheck
tests_unit_check_arena_SOURCES = tests/unit/check_arena.c tests/unit/unit.h
tests_unit_check_random_SOURCES = tests/unit/check_random.c tests/unit/unit.h
unit_programs += tests/unit/check_peers
tests_unit_check_peers_SOURCES = tests/unit/check_peers.c tests/unit/unit.h
tests_unit_check_compute_SOURCES = tests/unit/check_compute.c tests/unit/unit.h
tests_unit_check_graph_SOURCES = tests/unit/check_graph.c tests/unit/unit.h
tests_unit_check_ops_SOURCES = tests/unit/check_ops.c tests/unit/unit.h
tests_unit_check_gradcheck_SOURCES = tests/unit/check_gradcheck.c tests/unit/unit.h
unit_programs += tests/unit/check_kernels tests/unit/check_lane_kernels
tests_unit_check_kernels_SOURCES = tests/unit/check_kernels.c tests/unit/kernel_sets.h tests/unit/unit.h
tests_unit_check_lane_kernels_SOURCES = tests/unit/check_lane_kernels.c tests/unit/kernel_sets.h tests/unit/unit.h
unit_programs += tests/unit/check_matrix_kernels
tests_unit_check_matrix_kernels_SOURCES = tests/unit/check_matrix_kernels.c tests/unit/kernel_sets.h tests/unit/unit.h
unit_programs += tests/unit/check_npy tests/unit/check_tokens tests/unit/check_vocabulary
unit_programs += tests/unit/check_glove tests/unit/check_dataset tests/unit/check_order
unit_programs += tests/unit/check_coverage
tests_unit_check_coverage_SOURCES = tests/unit/check_coverage.c tests/unit/unit.h
tests_unit_check_npy_SOURCES = tests/unit/check_npy.c tests/unit/unit.h
tests_unit_check_tokens_SOURCES = tests/unit/check_tokens.c tests/unit/unit.h
tests_unit_check_vocabulary_SOURCES = tests/unit/check_vocabulary.c tests/unit/unit.h
tests_unit_check_glove_SOURCES = tests/unit/check_glove.c tests/unit/unit.h
tests_unit_check_dataset_SOURCES = tests/unit/check_dataset.c tests/unit/datasets.h tests/unit/unit.h
unit_programs += tests/unit/check_dataset_values tests/unit/check_dataset_captions
tests_unit_check_dataset_values_SOURCES = tests/unit/check_dataset_values.c tests/unit/datasets.h tests/unit/unit.h
tests_unit_check_dataset_captions_SOURCES = tests/unit/check_dataset_captions.c tests/unit/datasets.h tests/unit/unit.h
tests_unit_check_order_SOURCES = tests/unit/check_order.c tests/unit/unit.h
test_data += tests/golden/tokens.tsv tests/golden/make_tokens.py
test_data += tests/golden/make_pickles.py tests/golden/pickles/plain.pkl \
	tests/golden/pickles/objects.pkl tests/golden/pickles/array.pkl tests/golden/pickles/dates.pkl \
	tests/golden/pickles/date.pkl tests/golden/pickles/tensor.pkl
unit_programs += tests/unit/check_zip tests/unit/check_pickle
unit_programs += tests/unit/check_import
tests_unit_check_import_SOURCES = tests/unit/check_import.c tests/unit/unit.h
tests_unit_check_zip_SOURCES = tests/unit/check_zip.c tests/unit/unit.h
tests_unit_check_pickle_SOURCES = tests/unit/check_pickle.c tests/unit/unit.h

unit_programs += tests/unit/check_pairs
tests_unit_check_pairs_SOURCES = tests/unit/check_pairs.c tests/unit/pairs_unit.h tests/unit/models.h tests/unit/unit.h

unit_programs += tests/unit/check_dense tests/unit/check_gru tests/unit/check_loss
unit_programs += tests/unit/check_optimiser tests/unit/check_step
tests_unit_check_dense_SOURCES = tests/unit/check_dense.c tests/unit/rows_unit.h tests/unit/unit.h
unit_programs += tests/unit/check_encoders tests/unit/check_groups
tests_unit_check_encoders_SOURCES = tests/unit/check_encoders.c tests/unit/pairs_unit.h tests/unit/models.h tests/unit/unit.h
tests_unit_check_groups_SOURCES = tests/unit/check_groups.c tests/unit/rows_unit.h tests/unit/unit.h
tests_unit_check_gru_SOURCES = tests/unit/check_gru.c tests/unit/unit.h
tests_unit_check_loss_SOURCES = tests/unit/check_loss.c tests/unit/unit.h
tests_unit_check_optimiser_SOURCES = tests/unit/check_optimiser.c tests/unit/unit.h
tests_unit_check_step_SOURCES = tests/unit/check_step.c tests/unit/pairs_unit.h tests/unit/models.h tests/unit/unit.h
test_data += tests/golden/adam.tsv tests/golden/adamw.tsv tests/golden/make_adam.py

# Against the plain PyTorch reading of the paper, where that and the real data are there.
script_tests += tests/cli/reference.sh
test_data += tests/cli/reference.py

# Lua: the binding, the Lua modules and the program, run by a stock Lua.
script_tests += tests/lua/check_config.lua tests/lua/check_coverage.lua tests/lua/check_data.lua \
	tests/lua/check_define.lua tests/lua/check_define_parts.lua \
	tests/lua/check_describe.lua tests/lua/check_design.lua \
	tests/lua/check_drawn.lua tests/lua/check_effects.lua tests/lua/check_evaluation_share.lua \
	tests/lua/check_figures.lua \
	tests/lua/check_gathered.lua \
	tests/lua/check_help.lua tests/lua/check_json.lua tests/lua/check_options.lua \
	tests/lua/check_path.lua tests/lua/check_pickle.lua tests/lua/check_plan.lua tests/lua/check_program.lua \
	tests/lua/check_ground_truth.lua tests/lua/check_weights.lua tests/lua/check_statistics.lua tests/lua/check_switched_off.lua tests/lua/check_text.lua \
	tests/lua/check_train.lua
test_data += tests/cli/set_up.sh tests/lua/defined_shan.lua tests/lua/made_figures.lua \
	tests/lua/made_runs.lua tests/lua/made_tables.lua tests/lua/unit.lua
script_tests += tests/cli/template.sh tests/cli/install.sh tests/cli/plugins.sh tests/cli/locale.sh
unit_programs += tests/unit/check_pair_ops
tests_unit_check_pair_ops_SOURCES = tests/unit/check_pair_ops.c tests/unit/unit.h
script_tests += tests/cli/tokens_nltk.sh

unit_programs += tests/unit/check_compose tests/unit/check_config tests/unit/check_checkpoint
unit_programs += tests/unit/check_trainer tests/unit/check_evaluate
tests_unit_check_compose_SOURCES = tests/unit/check_compose.c tests/unit/models.h tests/unit/unit.h
tests_unit_check_config_SOURCES = tests/unit/check_config.c tests/unit/configs.h tests/unit/models.h tests/unit/unit.h
tests_unit_check_checkpoint_SOURCES = tests/unit/check_checkpoint.c tests/unit/configs.h tests/unit/models.h tests/unit/unit.h
tests_unit_check_trainer_SOURCES = tests/unit/check_trainer.c tests/unit/runs.h tests/unit/configs.h tests/unit/models.h tests/unit/unit.h
tests_unit_check_evaluate_SOURCES = tests/unit/check_evaluate.c tests/unit/runs.h tests/unit/configs.h tests/unit/models.h tests/unit/unit.h
script_tests += tests/cli/bad_input.sh tests/cli/data.sh
test_data += tests/cli/data.py tests/cli/small_models.py tests/cli/second.py
test_data += tests/cli/lua_methods.py tests/cli/lua_methods.lua tests/cli/chan.py
script_tests += tests/cli/second.sh tests/cli/lua_methods.sh tests/cli/chan.sh
script_tests += tests/cli/signals.sh tests/cli/limits.sh tests/cli/resume.sh \
	tests/cli/squeue_hiccup.sh tests/cli/processes.sh

# Plugins that must be refused.
unit_programs += tests/unit/check_plugins tests/unit/check_places
tests_unit_check_places_SOURCES = tests/unit/check_places.c tests/unit/unit.h
tests_unit_check_plugins_SOURCES = tests/unit/check_plugins.c tests/unit/unit.h
check_LTLIBRARIES += tests/bad/other_abi.la tests/bad/no_symbol.la tests/bad/taken.la
tests_bad_other_abi_la_LDFLAGS = $(test_module_ldflags)
tests_bad_no_symbol_la_LDFLAGS = $(test_module_ldflags)
tests_bad_taken_la_LDFLAGS = $(test_module_ldflags)
# plugins that are in order until they are loaded, or checked
check_LTLIBRARIES += tests/bad/odd_load.la tests/bad/quits.la
tests_bad_odd_load_la_LDFLAGS = $(test_module_ldflags)
tests_bad_quits_la_SOURCES = tests/bad/crashes.c
tests_bad_quits_la_LDFLAGS = $(test_module_ldflags)
tests_bad_quits_la_CPPFLAGS = $(AM_CPPFLAGS) -DCRASHES_PRESET='"exit"'

script_tests += tests/cli/bench.sh tests/cli/learning.sh tests/cli/kernels.sh
unit_programs += tests/unit/check_products
tests_unit_check_products_SOURCES = tests/unit/check_products.c tests/unit/pairs_unit.h tests/unit/models.h tests/unit/unit.h
include $(srcdir)/tests/bench/local.mk
script_tests += tests/cli/readme.sh tests/cli/results.sh
unit_programs += tests/unit/check_verify
tests_unit_check_verify_SOURCES = tests/unit/check_verify.c tests/unit/pairs_unit.h tests/unit/models.h tests/unit/unit.h
unit_programs += tests/unit/check_vectors
tests_unit_check_vectors_SOURCES = tests/unit/check_vectors.c tests/unit/pairs_unit.h tests/unit/models.h tests/unit/unit.h

# Folds and test sets.
unit_programs += tests/unit/check_trial
tests_unit_check_trial_SOURCES = tests/unit/check_trial.c tests/unit/unit.h
unit_programs += tests/unit/check_interrupts
tests_unit_check_interrupts_SOURCES = tests/unit/check_interrupts.c tests/unit/pairs_unit.h tests/unit/models.h tests/unit/unit.h

# Statistics and tables, against SciPy and NumPy.
unit_programs += tests/unit/check_bootstrap
tests_unit_check_bootstrap_SOURCES = tests/unit/check_bootstrap.c tests/unit/unit.h
script_tests += tests/lua/check_run.lua tests/lua/check_run_resumed.lua tests/lua/check_test_sets.lua
script_tests += tests/lua/check_results.lua tests/lua/check_timings.lua tests/cli/latex.sh
test_data += tests/golden/bootstrap.tsv tests/golden/statistics.tsv tests/golden/make_statistics.py
test_data += tests/golden/simulate_differences.py
# Sweeps: plans, claims, kills, crashes, clusters.
script_tests += tests/lua/check_sweep.lua tests/lua/check_two_hosts.lua tests/cli/sweep_crash.sh tests/cli/sweep_kill.sh \
	tests/cli/sweep_slurm.sh
check_LTLIBRARIES += tests/bad/crashes.la
tests_bad_crashes_la_LDFLAGS = $(test_module_ldflags)
# stepwise explain and stepwise search
unit_programs += tests/unit/check_query
tests_unit_check_query_SOURCES = tests/unit/check_query.c tests/unit/runs.h tests/unit/configs.h tests/unit/models.h \
	tests/unit/pairs_unit.h tests/unit/models.h tests/unit/unit.h
script_tests += tests/lua/check_explain.lua tests/lua/check_query.lua tests/lua/check_ground.lua
script_tests += tests/cli/explain.sh
test_data += tests/cli/explain.py
# The report, as markup and in a browser.
script_tests += tests/lua/check_report.lua tests/cli/report_browser.sh
test_data += tests/cli/report_browser.py tests/cli/dot.png
# Hard names through every output; every kind of figure in two renderers.
script_tests += tests/cli/names.sh tests/cli/rendered.sh
test_data += tests/cli/names.py tests/cli/rendered.py tests/cli/png.py
# gathering batches, and the profile of a step
unit_programs += tests/unit/check_gather tests/unit/check_profile
tests_unit_check_gather_SOURCES = tests/unit/check_gather.c tests/unit/runs.h tests/unit/configs.h tests/unit/models.h tests/unit/unit.h
tests_unit_check_profile_SOURCES = tests/unit/check_profile.c tests/unit/unit.h
# Two small runs, byte for byte: what code that only moves must not change.
script_tests += tests/cli/golden.sh
test_data += tests/golden/runs.tsv
script_tests += tests/lua/check_equal.lua tests/lua/check_evaluation_share.lua tests/lua/check_model.lua tests/lua/check_rows.lua
# From a folder of pictures to a search.
script_tests += tests/cli/own_pictures.sh
# Weights out to PyTorch and NumPy and in again.
script_tests += tests/cli/weights.sh
test_data += tests/cli/weights.py
# Tensors and models by hand, and the prompt.
script_tests += tests/lua/check_tensor.lua tests/lua/check_by_hand.lua tests/lua/check_views.lua
script_tests += tests/cli/lua.sh tests/cli/tutorial.sh tests/cli/methods.sh
# What the documents say.
script_tests += tests/cli/plugin_guide.sh tests/lua/check_reference.lua tests/cli/documents.sh
unit_programs += tests/unit/check_duplicates
tests_unit_check_duplicates_SOURCES = tests/unit/check_duplicates.c tests/unit/unit.h
# What a plugin is given, and what is left when a system call or malloc fails.
unit_programs += tests/unit/check_host
tests_unit_check_host_SOURCES = tests/unit/check_host.c tests/unit/models.h tests/unit/unit.h
check_LTLIBRARIES += tests/faults/fail.la
tests_faults_fail_la_SOURCES = tests/faults/fail.c
tests_faults_fail_la_LDFLAGS = $(test_module_ldflags)
script_tests += tests/faults/faults.sh
# Fuzzing, and builds of their own in build/NAME, which leave this one as it is.
include $(srcdir)/tests/fuzz/local.mk
EXTRA_DIST += tests/README.md tests/leaks.txt tests/variant.sh tests/coverage.sh tests/coverage_exit.h
.PHONY: fuzz fuzz-programs coverage
SECONDS = 10
fuzz:
	@$(SHELL) $(srcdir)/tests/fuzz/run.sh '$(SECONDS)'
fuzz-programs: $(fuzz_programs) $(pkglib_LTLIBRARIES)
coverage:
	@$(SHELL) $(srcdir)/tests/coverage.sh

# Other people's published code, where the numbers that it computed are there.
unit_programs += tests/unit/check_oracle tests/unit/check_oracle_folder
oracle_rows = tests/unit/oracle.h tests/unit/oracle_align.c tests/unit/oracle_pooled.c \
	tests/unit/oracle_unit.h tests/unit/models.h tests/unit/unit.h
tests_unit_check_oracle_SOURCES = tests/unit/check_oracle.c $(oracle_rows)
tests_unit_check_oracle_folder_SOURCES = tests/unit/check_oracle_folder.c $(oracle_rows)

# Stages of other methods.
unit_programs += tests/unit/check_align
tests_unit_check_align_SOURCES = tests/unit/check_align.c tests/unit/pairs_unit.h tests/unit/models.h tests/unit/unit.h
