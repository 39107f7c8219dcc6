# core/match: its files, as core_sources += ...
core_sources += core/match/metrics.c core/match/metrics.h
core_sources += core/match/model.c core/match/model.h core/match/internal.h core/match/encode.c core/match/encoded.c
core_sources += core/match/batch.c core/match/tile.c core/match/vectors.c core/match/pairs.c core/match/workers.c
core_sources += core/match/pairs_backward.c core/match/pairs_dense.c core/match/pairs_dense.h
core_sources += core/match/verify.c core/match/verify.h
core_sources += core/match/products.c core/match/products.h
core_sources += core/match/bootstrap.c core/match/bootstrap.h
