# core/data: its files, as core_sources += ...
core_sources += core/data/safetensors.c core/data/safetensors.h
core_sources += \
	core/data/base64.c core/data/base64.h \
	core/data/coverage.c core/data/coverage.h \
	core/data/dataset.c core/data/dataset.h \
	core/data/dataset_captions.c \
	core/data/dataset_side.c core/data/dataset_values.c \
	core/data/fields.c core/data/fields.h \
	core/data/fragment_file.c core/data/fragment_file.h \
	core/data/glove.c core/data/glove.h \
	core/data/hdf5_file.c core/data/hdf5_file.h \
	core/data/json_items.c core/data/json_items.h \
	core/data/lines.c core/data/lines.h \
	core/data/lmdb_file.c core/data/lmdb_file.h \
	core/data/npy.c core/data/npy.h core/data/npy_rows.c core/data/npy_rows.h \
	core/data/pickle.c core/data/pickle.h core/data/pickle_impl.h core/data/pickle_objects.c \
	core/data/pickle_scalars.c \
	core/data/sentences.c core/data/sentences.h core/data/punkt_table.h \
	core/data/similar_rows.c core/data/similar_rows.h \
	core/data/tokens.c core/data/tokens.h \
	core/data/treebank.c core/data/treebank.h \
	core/data/unicode.c core/data/unicode.h \
	core/data/vocabulary.c core/data/vocabulary.h \
	core/data/weights.c core/data/weights.h \
	core/data/words.c core/data/words.h \
	core/data/zip.c core/data/zip.h
EXTRA_DIST += core/data/README.md core/data/punkt_table.py
