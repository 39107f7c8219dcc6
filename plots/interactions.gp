# interactions.gp -- what parts bring (diagonal), and what pairs of them bring beyond that.
#
# data: x, y, value, a line a cell; names, across: arrays of the parts' names at the left, below; numbered: whether
# those below are numbers; parts: how many; cells, cell_x, cell_y,
# cell_value, cell_note, cell_sure (1: separable): arrays of the cells; most: end of the scale; left, below:
# units for the names; values: whether they are written, 2 in the common font; notes: whether those are
set xrange [0.5:parts + 0.5]
set yrange [parts + 0.5:0.5]
unset grid
unset border
set tics scale 0
unset xtics
unset ytics
x0 = left; x1 = wide - 84; y0 = 34; y1 = high - below
eval panel
set title title
# From one hue over white to another: the sign is seen without red and green.
set palette defined (-1 '#b35806', -0.5 '#fdb863', 0 '#ffffff', 0.5 '#92c5de', 1 '#2166ac')
set cbrange [-most:most]
set colorbox user origin screen at(wide - 64), screen down(y1) size screen at(14), screen real(y1 - y0) / high
set cbtics scale 0.3 format '%+.3g'
do for [i=1:parts] {
    set label names[i] at graph 0, first i right offset -0.8,0 font small textcolor rgb ink
    if (numbered) { set label across[i] at first i, graph 0 center offset 0,-0.8 font small textcolor rgb ink }
    if (!numbered) { set label across[i] at first i, graph 0 rotate by 35 right offset 0.6,-0.7 font small textcolor rgb ink }
}
do for [i=1:cells] {
    strong = abs(cell_value[i]) > 0.72 * most ? '#ffffff' : ink
    if (values == 2) { set label sprintf('%+.1f', cell_value[i]) at cell_x[i], cell_y[i] center offset 0,notes ? 0.6 : 0 front textcolor rgb strong }
    if (values == 1) { set label sprintf('%+.0f', cell_value[i]) at cell_x[i], cell_y[i] center front font small textcolor rgb strong }
    if (notes) { set label cell_note[i] at cell_x[i], cell_y[i] center offset 0,-0.6 front font small textcolor rgb strong }
    set object i rectangle from cell_x[i] - 0.48, cell_y[i] - 0.48 to cell_x[i] + 0.48, cell_y[i] + 0.48 front fillstyle empty \
        border linecolor rgb cell_sure[i] ? ink : pale linewidth cell_sure[i] ? 2 : 0.7
}
plot data using 'x':'y':(0.48):(0.48):'value' with boxxyerror fillstyle solid noborder linecolor palette
