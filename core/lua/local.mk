# The binding, the only C that includes lua.h.
lua_sources += \
	core/lua/binding/binding.h core/lua/binding/lua_arrays.c \
	core/lua/binding/lua_batch_verbs.c core/lua/binding/lua_bench.c \
	core/lua/binding/lua_claim.c core/lua/binding/lua_class.c core/lua/binding/lua_data.c \
	core/lua/binding/defined.h core/lua/binding/lua_defined.c \
	core/lua/binding/lua_doctor.c core/lua/binding/lua_error.c core/lua/binding/lua_query.c \
	core/lua/binding/lua_files.c core/lua/binding/lua_json.c core/lua/binding/lua_limit.c \
	core/lua/binding/lua_line.c core/lua/binding/lua_locale.c core/lua/binding/lua_model.c \
	core/lua/binding/lua_modules.c \
	core/lua/binding/lua_numbers.c core/lua/binding/lua_peers.c core/lua/binding/lua_pickle.c \
	core/lua/binding/lua_similar.c core/lua/binding/lua_sources.c core/lua/binding/numbers.h \
	core/lua/binding/lua_plugins.c core/lua/binding/lua_process.c \
	core/lua/binding/lua_program.c core/lua/binding/lua_session.c \
	core/lua/binding/lua_signals.c core/lua/binding/lua_statistics.c \
	core/lua/binding/lua_tensor.c core/lua/binding/lua_tensor_ops.c \
	core/lua/binding/lua_terminal.c core/lua/binding/lua_text.c \
	core/lua/binding/lua_tile_verbs.c \
	core/lua/binding/lua_trainer.c core/lua/binding/lua_verbs.c \
	core/lua/binding/lua_weights.c core/lua/binding/lua_work.c core/lua/binding/lua_worker.c \
	core/lua/binding/program.h core/lua/binding/results.h core/lua/binding/lua_session.h \
	core/lua/binding/tensor.h

# core/lua/FOLDER/NAME.lua is the module stepwise.FOLDER.NAME.
lua_modules += core/lua/init.lua
# the command line and one file per command
lua_modules += \
	core/lua/commands/ablate.lua core/lua/commands/bench.lua core/lua/commands/check.lua \
	core/lua/commands/cli.lua core/lua/commands/compare_runs.lua core/lua/commands/data.lua \
	core/lua/commands/doctor.lua \
	core/lua/commands/eval.lua core/lua/commands/explain.lua core/lua/commands/export.lua \
	core/lua/commands/export_weights.lua \
	core/lua/commands/ground.lua core/lua/commands/import_weights.lua core/lua/commands/inspect.lua core/lua/commands/keys.lua \
	core/lua/commands/lua.lua core/lua/commands/manual.lua core/lua/commands/new.lua \
	core/lua/commands/plot.lua core/lua/commands/plugins.lua core/lua/commands/report.lua \
	core/lua/commands/scenes.lua core/lua/commands/search.lua core/lua/commands/tabulate.lua \
	core/lua/commands/train.lua core/lua/commands/watch.lua
# experiments and what they resolve to
lua_modules += \
	core/lua/config/composition.lua core/lua/config/config.lua \
	core/lua/config/config_keys.lua core/lua/config/config_model.lua \
	core/lua/config/config_override.lua core/lua/config/config_values.lua \
	core/lua/config/define.lua core/lua/config/describe.lua core/lua/config/design.lua \
	core/lua/config/function_text.lua core/lua/config/json_text.lua core/lua/config/plugin_files.lua \
	core/lua/config/script.lua core/lua/config/sessions.lua core/lua/config/setup.lua \
	core/lua/config/table_rows.lua
# tables of runs
lua_modules += \
	core/lua/sweep/claim.lua core/lua/sweep/ensembles.lua core/lua/sweep/path.lua \
	core/lua/sweep/plan.lua core/lua/sweep/plan_check.lua core/lua/sweep/price.lua \
	core/lua/sweep/reuse.lua core/lua/sweep/roll.lua core/lua/sweep/rounds.lua \
	core/lua/sweep/seeds.lua core/lua/sweep/slurm.lua core/lua/sweep/stops.lua \
	core/lua/sweep/sweep.lua core/lua/sweep/switched_off.lua
# what runs found
lua_modules += \
	core/lua/results/columns.lua core/lua/results/compare.lua core/lua/results/coverage.lua \
	core/lua/results/differences.lua \
	core/lua/results/effects.lua core/lua/results/export_csv.lua core/lua/results/export_mlflow.lua \
	core/lua/results/export_tensorboard.lua core/lua/results/gathered.lua core/lua/results/ground_truth.lua \
	core/lua/results/grounding.lua \
	core/lua/results/history.lua core/lua/results/latex.lua core/lua/results/layout.lua core/lua/results/marks.lua \
	core/lua/results/objects.lua core/lua/results/printed.lua core/lua/results/query.lua \
	core/lua/results/records.lua core/lua/results/results.lua \
	core/lua/results/statistics.lua core/lua/results/summary.lua \
	core/lua/results/test_sets.lua core/lua/results/timings.lua
# one run: what is due, and its files
lua_modules += \
	core/lua/run/evaluation_share.lua core/lua/run/folder.lua core/lua/run/identity.lua \
	core/lua/run/progress.lua core/lua/run/provenance.lua core/lua/run/standing.lua \
	core/lua/run/together.lua core/lua/run/trainer.lua
# pictures, over gnuplot
lua_modules += \
	core/lua/figures/attention.lua core/lua/figures/curves.lua core/lua/figures/draw.lua \
	core/lua/figures/figures.lua core/lua/figures/fonts.lua core/lua/figures/gallery.lua \
	core/lua/figures/gnuplot.lua core/lua/figures/interactions.lua core/lua/figures/matrices.lua \
	core/lua/figures/mixtures.lua core/lua/figures/pictures.lua core/lua/figures/regions.lua \
	core/lua/figures/sizes.lua core/lua/figures/svg.lua core/lua/figures/table_figure.lua
# stepwise report
lua_modules += \
	core/lua/report/html.lua core/lua/report/report.css core/lua/report/report_data.lua \
	core/lua/report/report_look.lua core/lua/report/report_page.lua \
	core/lua/report/report_runs.lua
# others' features and captions
lua_modules += \
	core/lua/import/box_match.lua core/lua/import/captions.lua core/lua/import/check_folder.lua \
	core/lua/import/detect.lua core/lua/import/files.lua core/lua/import/hdf5.lua \
	core/lua/import/import.lua core/lua/import/lmdb.lua core/lua/import/names.lua \
	core/lua/import/precomputed.lua core/lua/import/record.lua core/lua/import/stream.lua \
	core/lua/import/tsv.lua core/lua/import/writer.lua
# generated data
lua_modules += \
	core/lua/scenes/scenes_draw.lua core/lua/scenes/scenes_folder.lua \
	core/lua/scenes/scenes_words.lua
# tensors for people, and a model's
lua_modules += \
	core/lua/tensor.lua core/lua/tensor/model.lua core/lua/tensor/tensor_methods.lua \
	core/lua/tensor/tensor_ops.lua
# weights of other programs
lua_modules += core/lua/weights/names.lua core/lua/weights/writers.lua
# what the others share
lua_modules += \
	core/lua/util/npy.lua core/lua/util/options.lua core/lua/util/progress.lua \
	core/lua/util/show.lua core/lua/util/text.lua
# and what else is built in.
lua_modules += \
	plots/ablation.gp plots/attention.gp plots/gallery.gp plots/heatmap.gp \
	plots/interactions.gp plots/loss.gp plots/matrix.gp plots/recall.gp plots/similarity.gp \
	plots/style.gp plugins/preset.lua plugins/template/FOLDER.md plugins/template/Makefile \
	plugins/template/block.c plugins/template/fusion.c plugins/template/kinds.lua \
	plugins/template/loss.c plugins/template/pool.c plugins/template/stage.c \
	plugins/template/test.sh
