# loss.gp -- the loss of a pair, the norm of the gradient and the learning rate, by step.
#
# Of one run: faint as it is, bold as a running mean. Of the seeds of a row: the mean of their running
# means in a band of one standard deviation. each: how many steps one point stands for.
# Columns: step, and for Y of loss_per_sample, grad_norm, lr: Y, Y_low, Y_high, Y_raw.
set multiplot
set xrange [0:*] noextend
below = each > 1 ? sprintf('step (a point every %d)', each) : 'step'

curves = 'plot for [i=1:count] data index i-1 using "step":(column(y."_low")):(column(y."_high")) with filledcurves linecolor rgb hue(i) fillstyle transparent solid 0.22 noborder, for [i=1:count] data index i-1 using "step":(column(y."_raw")) linecolor rgb "#a0".hue(i)[2:*] linewidth 0.5, for [i=1:count] data index i-1 using "step":(column(y)) linecolor rgb hue(i) dashtype dash(i) linewidth 1.7'

x0 = 70; x1 = wide / 2 - 10; y0 = 36; y1 = high - strip - 50
eval panel
set title 'loss a pair (log scale)'
set xlabel below
# the warm-up sums over all negatives and is far above what follows
set logscale y
y = 'loss_per_sample'
eval curves

x0 = wide / 2 + 75; x1 = wide - 25; y1 = y0 + 0.62 * (high - strip - 86) - 40
eval panel
set title 'norm of the gradient, before it is clipped (log scale)'
set xlabel ''
set format x ''
y = 'grad_norm'
eval curves

y0 = y1 + 40; y1 = high - strip - 50
eval panel
set title 'learning rate'
unset logscale y
set yrange [0:*]
set xlabel below
set format x
set format y '%g'
y = 'lr'
eval key
eval curves
unset multiplot
