# loss.gp -- the loss per pair, the norm of the gradient and the learning rate, by step.
#
# Bold: centred means, of the seeds of a row their mean in a band of one standard deviation, where
# few rows leave room for bands. Faint: each run's own values. Dotted: the end of the warm-up.
# Blocks: one of each group of runs: step, and for Y of loss_per_sample, grad_norm, lr: Y, Y_low, Y_high;
# then one of each run: step, loss_per_sample, grad_norm.
# each: how many steps one point stands for; steps: how many lie between two ticks; group_of[singles]: the group of each run; warm[warms]: steps
# where a warm-up ends, warm_group[]: the group it is of, 0 for all; narrow: whether the panels stand below
# each other
set multiplot
set xrange [0:*] noextend
set xtics steps
below = each > 1 ? sprintf('step (a point every %d)', each) : 'step'
do for [i=1:warms] {
    set arrow 100 + i from first warm[i], graph 0 to first warm[i], graph 1 nohead front dashtype 3 linewidth 1.2 \
        linecolor rgb (warm_group[i] ? hue(warm_group[i]) : '#444444')
}

faint = 'for [i=1:singles] data index count+i-1 using "step":(column(y)) linecolor rgb "#a0".hue(group_of[i])[2:*] linewidth 0.5, '
curves = 'for [i=1:count] data index i-1 using "step":(column(y."_low")):(column(y."_high")) with filledcurves linecolor rgb hue(i) fillstyle transparent solid 0.22 noborder, for [i=1:count] data index i-1 using "step":(column(y)) linecolor rgb hue(i) dashtype dash(i) linewidth 1.7'

bottom = high - strip - 44
part = narrow ? (bottom - 32) / 4. : bottom - 32 # the large panel has two quarters of a narrow figure
x0 = 58; x1 = narrow ? wide - 14 : wide / 2 - 10; y0 = 32; y1 = narrow ? y0 + 2 * part - 76 : bottom
eval panel
set title 'loss per pair (log scale)'
set xlabel below
# the warm-up sums over all negatives and is far above what follows
set logscale y
if (warms == 1) { set label 1 'end of warm-up' at first warm[1], graph 0.97 left offset 0.6,0 font small textcolor rgb '#444444' }
y = 'loss_per_sample'
eval 'plot '.faint.curves
unset label 1

if (!narrow) { x0 = wide / 2 + 66; x1 = wide - 14 }
y0 = narrow ? bottom - 2 * part : 32; y1 = narrow ? y0 + part - 40 : y0 + 0.62 * part - 40
eval panel
set title wide < 800 ? 'norm of the gradient (log scale)' : 'norm of the gradient, before it is clipped (log scale)'
set xlabel ''
set format x ''
y = 'grad_norm'
eval 'plot '.faint.curves

y0 = y1 + 40; y1 = bottom
eval panel
set title 'learning rate'
unset logscale y
set yrange [0:*]
set xlabel below
set format x
set format y '%g'
y = 'lr'
eval key
eval 'plot '.curves
unset multiplot
