# core/run: its files, as core_sources += ...
core_sources += core/run/optimiser.c core/run/optimiser.h
core_sources += core/run/checkpoint.c core/run/checkpoint.h core/run/config.c core/run/config.h core/run/override.c
core_sources += core/run/evaluate.c core/run/evaluate.h core/run/folder.c core/run/folder.h
core_sources += core/run/gather.c core/run/gather.h core/run/inputs.c core/run/inputs.h core/run/inspect.c core/run/inspect.h
core_sources += core/run/numbers.c core/run/numbers.h core/run/provenance.c core/run/provenance.h
core_sources += core/run/ranks.c core/run/ranks.h core/run/test_sets.c core/run/test_sets.h
core_sources += core/run/session.c core/run/session.h core/run/state.c core/run/state.h core/run/trainer.c core/run/trainer.h
core_sources += core/run/trainer_finish.c core/run/trainer_open.c core/run/trainer_parts.h core/run/trainer_step.c
core_sources += core/run/bench.c core/run/bench.h core/run/bench_data.c core/run/bench_data.h
core_sources += core/run/claim.c core/run/claim.h core/run/identity.c core/run/identity.h
core_sources += core/run/bench_evaluate.c core/run/bench_parts.h core/run/floor.c core/run/floor.h
core_sources += core/run/explain.c core/run/explain.h core/run/query.c core/run/query.h
core_sources += core/run/search.c core/run/search.h
core_sources += core/run/bench_profile.c core/run/gather_ahead.c core/run/gather_ahead.h

# Which commit a build is of, for the provenance of its runs; empty outside a repository. The header
# changes only when the commit does.
core/run/provenance.lo: core/run/git_id.h
core/run/git_id.h: git-id
CLEANFILES += core/run/git_id.h
.PHONY: git-id
git-id:
	@$(MKDIR_P) core/run; id=`git -C $(srcdir) describe --always --dirty --abbrev=12 2>/dev/null || :`; \
	echo "#define SW_GIT_ID \"$$id\"" >core/run/git_id.new; \
	if cmp -s core/run/git_id.new core/run/git_id.h; then rm core/run/git_id.new; \
	else mv core/run/git_id.new core/run/git_id.h; fi
