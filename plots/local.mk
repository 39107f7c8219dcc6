# What draws the figures: style.gp, and one script a figure.
plotsdir = $(pkgdatadir)/plots
dist_plots_DATA = plots/style.gp plots/loss.gp plots/recall.gp
dist_plots_DATA += plots/attention.gp plots/gallery.gp plots/matrix.gp
dist_plots_DATA += plots/ablation.gp plots/heatmap.gp plots/interactions.gp plots/similarity.gp

# The pictures of the recorded results, drawn again by the program that draws those of new runs.
.PHONY: plots
plots: stepwise
	@for dir in $(srcdir)/experiments/results/*/*; do \
	    if test -f "$$dir/plan.json" || test -f "$$dir/metrics.tsv"; then ./stepwise plot "$$dir" || exit 1; continue; fi; \
	    set --; for metrics in "$$dir"/*/metrics.tsv; do test ! -f "$$metrics" || set -- "$$@" "`dirname "$$metrics"`"; done; \
	    test $$# -eq 0 || ./stepwise plot "$$@" --out "$$dir" || exit 1; \
	done
