# The fuzz harnesses: one per reader, with seeds in corpus/NAME. make check replays the seeds; a
# build with --enable-sanitizers=fuzzer links libFuzzer instead (make fuzz makes one and runs it).
fuzz_programs =
check_LTLIBRARIES += tests/fuzz/libfuzz.la
tests_fuzz_libfuzz_la_SOURCES = tests/fuzz/fuzz.c tests/fuzz/fuzz.h tests/fuzz/fuzz_lua.c \
	tests/fuzz/fuzz_lua.h
tests_fuzz_libfuzz_la_CPPFLAGS = $(AM_CPPFLAGS) $(LUA_CFLAGS)
if FUZZER
fuzz_main =
fuzz_ldflags = -fsanitize=fuzzer
else
fuzz_main = tests/fuzz/fuzz_replay.c
fuzz_ldflags =
endif
fuzz_core = tests/fuzz/libfuzz.la libsw_core.la
fuzz_lua = tests/fuzz/libfuzz.la libsw_lua.la libsw_core.la $(LUA_LIBS)
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/run.sh

fuzz_programs += tests/fuzz/fuzz_npy
tests_fuzz_fuzz_npy_SOURCES = tests/fuzz/fuzz_npy.c $(fuzz_main)
tests_fuzz_fuzz_npy_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_npy_LDADD = $(fuzz_core)
fuzz_programs += tests/fuzz/fuzz_safetensors
tests_fuzz_fuzz_safetensors_SOURCES = tests/fuzz/fuzz_safetensors.c $(fuzz_main)
tests_fuzz_fuzz_safetensors_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_safetensors_LDADD = $(fuzz_core)
fuzz_programs += tests/fuzz/fuzz_checkpoint
tests_fuzz_fuzz_checkpoint_SOURCES = tests/fuzz/fuzz_checkpoint.c $(fuzz_main)
tests_fuzz_fuzz_checkpoint_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_checkpoint_LDADD = $(fuzz_core)
fuzz_programs += tests/fuzz/fuzz_state
tests_fuzz_fuzz_state_SOURCES = tests/fuzz/fuzz_state.c $(fuzz_main)
tests_fuzz_fuzz_state_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_state_LDADD = $(fuzz_lua)
fuzz_programs += tests/fuzz/fuzz_vocabulary
tests_fuzz_fuzz_vocabulary_SOURCES = tests/fuzz/fuzz_vocabulary.c $(fuzz_main)
tests_fuzz_fuzz_vocabulary_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_vocabulary_LDADD = $(fuzz_core)
fuzz_programs += tests/fuzz/fuzz_glove
tests_fuzz_fuzz_glove_SOURCES = tests/fuzz/fuzz_glove.c $(fuzz_main)
tests_fuzz_fuzz_glove_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_glove_LDADD = $(fuzz_core)
fuzz_programs += tests/fuzz/fuzz_captions
tests_fuzz_fuzz_captions_SOURCES = tests/fuzz/fuzz_captions.c $(fuzz_main)
tests_fuzz_fuzz_captions_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_captions_LDADD = $(fuzz_core)
fuzz_programs += tests/fuzz/fuzz_dataset
tests_fuzz_fuzz_dataset_SOURCES = tests/fuzz/fuzz_dataset.c $(fuzz_main)
tests_fuzz_fuzz_dataset_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_dataset_LDADD = $(fuzz_core)
fuzz_programs += tests/fuzz/fuzz_fragments
tests_fuzz_fuzz_fragments_SOURCES = tests/fuzz/fuzz_fragments.c $(fuzz_main)
tests_fuzz_fuzz_fragments_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_fragments_LDADD = $(fuzz_core)
fuzz_programs += tests/fuzz/fuzz_zip
tests_fuzz_fuzz_zip_SOURCES = tests/fuzz/fuzz_zip.c $(fuzz_main)
tests_fuzz_fuzz_zip_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_zip_LDADD = $(fuzz_core)
fuzz_programs += tests/fuzz/fuzz_pickle
tests_fuzz_fuzz_pickle_SOURCES = tests/fuzz/fuzz_pickle.c $(fuzz_main)
tests_fuzz_fuzz_pickle_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_pickle_LDADD = $(fuzz_core)
fuzz_programs += tests/fuzz/fuzz_weights
tests_fuzz_fuzz_weights_SOURCES = tests/fuzz/fuzz_weights.c $(fuzz_main)
tests_fuzz_fuzz_weights_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_weights_LDADD = $(fuzz_core)
fuzz_programs += tests/fuzz/fuzz_overrides
tests_fuzz_fuzz_overrides_SOURCES = tests/fuzz/fuzz_overrides.c $(fuzz_main)
tests_fuzz_fuzz_overrides_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_overrides_LDADD = $(fuzz_lua)
fuzz_programs += tests/fuzz/fuzz_claim
tests_fuzz_fuzz_claim_SOURCES = tests/fuzz/fuzz_claim.c $(fuzz_main)
tests_fuzz_fuzz_claim_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_claim_LDADD = $(fuzz_core)
fuzz_programs += tests/fuzz/fuzz_json
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c $(fuzz_main)
tests_fuzz_fuzz_json_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_json_LDADD = $(fuzz_lua)
fuzz_programs += tests/fuzz/fuzz_plan
tests_fuzz_fuzz_plan_SOURCES = tests/fuzz/fuzz_plan.c $(fuzz_main)
tests_fuzz_fuzz_plan_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_plan_LDADD = $(fuzz_lua)
fuzz_programs += tests/fuzz/fuzz_results
tests_fuzz_fuzz_results_SOURCES = tests/fuzz/fuzz_results.c $(fuzz_main)
tests_fuzz_fuzz_results_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_results_LDADD = $(fuzz_lua)
fuzz_programs += tests/fuzz/fuzz_script
tests_fuzz_fuzz_script_SOURCES = tests/fuzz/fuzz_script.c $(fuzz_main)
tests_fuzz_fuzz_script_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_script_LDADD = $(fuzz_lua)

check_PROGRAMS += $(fuzz_programs)
if !FUZZER
TESTS += $(fuzz_programs)
endif
