# The binding, the only C that includes lua.h.
lua_sources += \
	core/lua/binding.h core/lua/results.h core/lua/session.h core/lua/program.h \
	core/lua/lua_class.c core/lua/lua_error.c core/lua/lua_json.c core/lua/lua_files.c core/lua/lua_terminal.c \
	core/lua/lua_process.c core/lua/lua_modules.c core/lua/lua_text.c core/lua/lua_session.c \
	core/lua/lua_trainer.c core/lua/lua_work.c core/lua/lua_data.c core/lua/lua_plugins.c \
	core/lua/lua_doctor.c core/lua/lua_program.c

# core/lua/NAME.lua is the module stepwise.NAME: the library,
lua_modules += \
	core/lua/init.lua core/lua/describe.lua core/lua/script.lua core/lua/text.lua \
	core/lua/statistics.lua core/lua/plan.lua core/lua/sweep.lua core/lua/results.lua \
	core/lua/layout.lua core/lua/figures.lua core/lua/draw.lua core/lua/setup.lua \
	core/lua/progress.lua core/lua/check.lua core/lua/mixtures.lua
# the command line and one file a command,
lua_modules += \
	core/lua/cli.lua core/lua/options.lua core/lua/train.lua core/lua/eval.lua \
	core/lua/inspect.lua core/lua/ablate.lua core/lua/tabulate.lua core/lua/plot.lua \
	core/lua/plugins.lua core/lua/doctor.lua core/lua/scenes.lua
# and what gnuplot reads.
lua_modules += plots/style.gp plots/loss.gp plots/recall.gp

# generated scenes
lua_sources += core/lua/lua_arrays.c
lua_modules += core/lua/scenes_draw.lua core/lua/scenes_folder.lua core/lua/scenes_words.lua

# stepwise bench
lua_sources += core/lua/lua_bench.c
lua_modules += core/lua/bench.lua

# statistics and tables
lua_sources += core/lua/lua_statistics.c
lua_modules += core/lua/compare.lua core/lua/summary.lua core/lua/test_sets.lua
# The engine of sweeps.
lua_sources += core/lua/lua_claim.c
lua_modules += core/lua/claim.lua core/lua/identity.lua core/lua/reuse.lua core/lua/slurm.lua
# stepwise explain, stepwise search
lua_sources += core/lua/lua_explain.c
lua_modules += core/lua/attention.lua core/lua/gnuplot.lua core/lua/pictures.lua core/lua/panels.lua core/lua/regions.lua
lua_modules += core/lua/explain.lua core/lua/gallery.lua core/lua/search.lua
lua_modules += plots/attention.gp plots/gallery.gp plots/matrix.gp
# pictures and stepwise report
lua_modules += \
	core/lua/report.lua core/lua/report_data.lua core/lua/report_page.lua core/lua/report_look.lua \
	core/lua/report_runs.lua core/lua/report.css core/lua/html.lua \
	core/lua/npy.lua core/lua/curves.lua core/lua/matrices.lua core/lua/svg.lua \
	plots/ablation.gp plots/heatmap.gp plots/similarity.gp
