core_sources += \
	core/train/bare.c core/train/bare.h core/train/bench.c core/train/bench.h \
	core/train/checkpoint.c core/train/checkpoint.h core/train/claim.c core/train/claim.h \
	core/train/config.c core/train/config.h core/train/duplicates.c core/train/duplicates.h \
	core/train/evaluate.c core/train/evaluate.h core/train/explain.c core/train/explain.h \
	core/train/gather.c core/train/gather.h \
	core/train/gather_ahead.c core/train/gather_ahead.h core/train/inputs.c \
	core/train/inputs.h core/train/inspect.c core/train/inspect.h core/train/optimiser.c \
	core/train/optimiser.h core/train/query.c core/train/query.h core/train/ranks.c \
	core/train/ranks.h core/train/search.c core/train/search.h core/train/session.c \
	core/train/session.h core/train/state.c core/train/state.h core/train/step.c \
	core/train/step.h core/train/trainer.c core/train/trainer.h
