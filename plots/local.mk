# What draws the figures: style.gp, and one script a figure.
plotsdir = $(pkgdatadir)/plots
dist_plots_DATA = plots/style.gp plots/loss.gp plots/recall.gp
dist_plots_DATA += plots/attention.gp plots/gallery.gp plots/matrix.gp
dist_plots_DATA += plots/ablation.gp plots/heatmap.gp plots/similarity.gp
