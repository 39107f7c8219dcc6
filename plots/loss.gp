# loss.gp -- the loss of each step: faint as it is, bold as a running mean.
#
# smooth: s <- 0.95 s + 0.05 y, starting anew at a file's first row.
s = NaN
is_step = 0
smooth(y) = (is_step = strcol('kind') eq 'step', \
             s = column(0) == 0 ? NaN : s, \
             is_step ? (s = s == s ? 0.95 * s + 0.05 * y : y) : NaN)
raw(y) = strcol('kind') eq 'step' ? y : NaN

set xlabel 'step'
set ylabel 'loss a pair (log scale)'
set xrange [0:*]
# the warm-up sums over all negatives and is far above what follows
set logscale y
plot for [i=1:count] path[i] using (column('step')):(raw(column('loss_per_sample'))) \
         linecolor rgb '#90'.hue(i)[2:*] linewidth 0.6, \
     for [i=1:count] path[i] using (column('step')):(smooth(column('loss_per_sample'))) \
         linecolor rgb hue(i) dashtype dash(i) linewidth 1.8 title name[i]
