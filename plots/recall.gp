# recall.gp -- the sum of the recalls and each recall of the dev evaluations, by epoch.
#
# Of the seeds of a row: their mean in a band of one standard deviation, where few rows leave room for bands. Dotted: the end of the warm-up.
# Columns: epoch, and for Y of rsum, i2t_r1 .. t2i_r10: Y, Y_low, Y_high.
# first, last: the ends of the axis; epochs, epochs_small: between two ticks of the large panel and of the
# small ones, 0 for gnuplot's own; least, most: the ends of the axis of rsum; narrow: whether the panels
# stand below each other; direct: units right of the large panel for the names at the ends of the curves,
# 0: they are in the key; recalls[]: points between two ticks of the six small panels; label_y[]: where, from the top; x1, y1: right and lower edge of the large panel;
# warm[warms], warm_group[]: epochs where a warm-up ends, and the group, 0 for all
set multiplot
set xrange [first:last] noextend
dot = count > 8 ? 0 : 7 # among many curves a point is no larger than its line
do for [i=1:warms] {
    set arrow 100 + i from first warm[i], graph 0 to first warm[i], graph 1 nohead front dashtype 3 linewidth 1.2 \
        linecolor rgb (warm_group[i] ? hue(warm_group[i]) : '#444444')
}

curves = 'plot for [i=1:count] data index i-1 using "epoch":(column(y."_low")):(column(y."_high")) with filledcurves linecolor rgb hue(i) fillstyle transparent solid 0.22 noborder, for [i=1:count] data index i-1 using "epoch":(column(y)) with linespoints pointtype dot pointsize 0.35 linecolor rgb hue(i) dashtype dash(i) linewidth 1.5'

x0 = 50; y0 = 32; bottom = high - strip - 44
eval panel
if (epochs > 0) { set xtics epochs }
set title 'rsum, the sum of the six recalls'
set xlabel 'epoch'
set yrange [least:most]
if (direct > 0) {
    do for [i=1:count] { set label 200 + i name[i] at screen at(x1 + 7), down(label_y[i]) left font small textcolor rgb hue(i) }
}
if (warms == 1) { set label 1 'end of warm-up' at first warm[1], graph 0 left offset 0.6,0.8 font small textcolor rgb '#444444' }
y = 'rsum'
eval curves
unset label
set yrange [*:*]

left = narrow ? 38 : x1 + direct + 52
start = narrow ? y1 + 80 : 32
between = narrow ? 34 : 44
step = real(wide - 8 - left + between) / 3
tall = (bottom - start - 40) / 2
if (epochs_small > 0) { set xtics epochs_small }
do for [r=1:2] {
    do for [c=1:3] {
        x0 = left + (c - 1) * step; x1 = x0 + step - between
        y0 = start + (r - 1) * (tall + 40); y1 = y0 + tall
        eval panel
        set ytics recalls[3 * r - 3 + c]
        set title (r == 1 ? 'text R@' : 'image R@').word('1 5 10', c).(narrow ? '' : ', %')
        if (r == 1) { set xlabel ''; set format x '' } else { set xlabel 'epoch'; set format x }
        y = (r == 1 ? 'i2t_r' : 't2i_r').word('1 5 10', c)
        if (r == 2 && c == 3 && strip > 0) { eval key }
        eval curves
    }
}
unset multiplot
