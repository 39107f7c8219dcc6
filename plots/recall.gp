# recall.gp -- the sum of the recalls and each recall of the dev evaluations, by epoch.
#
# Of the seeds of a row: their mean in a band of one standard deviation.
# Columns: epoch, and for Y of rsum, i2t_r1 .. t2i_r10: Y, Y_low, Y_high.
set multiplot
set xrange [0:*] noextend
dot = count > 8 ? 0 : 7 # among many curves a point is no larger than its line

curves = 'plot for [i=1:count] data index i-1 using "epoch":(column(y."_low")):(column(y."_high")) with filledcurves linecolor rgb hue(i) fillstyle transparent solid 0.22 noborder, for [i=1:count] data index i-1 using "epoch":(column(y)) with linespoints pointtype dot pointsize 0.35 linecolor rgb hue(i) dashtype dash(i) linewidth 1.5'

x0 = 60; x1 = 0.36 * wide; y0 = 36; y1 = high - strip - 50
eval panel
set title 'rsum, the sum of the six recalls'
set xlabel 'epoch'
y = 'rsum'
eval curves

left = x1 + 60
step = real(wide - 12 - left + 44) / 3
tall = (y1 - y0 - 44) / 2
do for [r=1:2] {
    do for [c=1:3] {
        x0 = left + (c - 1) * step; x1 = x0 + step - 44
        y0 = 36 + (r - 1) * (tall + 44); y1 = y0 + tall
        eval panel
        set title (r == 1 ? 'text R@' : 'image R@').word('1 5 10', c).', %'
        if (r == 1) { set xlabel ''; set format x '' } else { set xlabel 'epoch'; set format x }
        y = (r == 1 ? 'i2t_r' : 't2i_r').word('1 5 10', c)
        if (r == 2 && c == 3) { eval key }
        eval curves
    }
}
unset multiplot
