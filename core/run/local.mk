# core/run: its files, as core_sources += ...
core_sources += core/run/optimiser.c core/run/optimiser.h
core_sources += core/run/checkpoint.c core/run/checkpoint.h core/run/config.c core/run/config.h core/run/override.c
core_sources += core/run/evaluate.c core/run/evaluate.h core/run/folder.c core/run/folder.h
core_sources += core/run/gather.c core/run/gather.h core/run/inputs.c core/run/inputs.h core/run/inspect.c core/run/inspect.h
core_sources += core/run/numbers.c core/run/numbers.h core/run/provenance.c core/run/provenance.h
core_sources += core/run/session.c core/run/session.h core/run/state.c core/run/state.h core/run/trainer.c core/run/trainer.h
core_sources += core/run/trainer_finish.c core/run/trainer_open.c core/run/trainer_parts.h core/run/trainer_step.c
