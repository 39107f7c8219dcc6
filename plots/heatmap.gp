# heatmap.gp -- weights of regions (down) for words (across), dark for large.
#
# data: x, y, value, a line a cell; across: array of the words; columns, rows: how many; each: a region
# that is numbered; below: units for the words; values: whether they are written, middle: the value from
# which they are light
set xrange [0.5:columns + 0.5]
set yrange [rows + 0.5:0.5]
unset grid
set border 0
set tics scale 0
x0 = 60; x1 = wide - 90; y0 = 30; y1 = high - below
eval panel
set title title
unset xtics
do for [i=1:columns] { set label i across[i] at first i, graph 0 rotate by 50 right offset 0.3,-0.6 font small textcolor rgb ink }
set ytics 1, each
set ylabel 'region' offset 1,0
set colorbox user origin screen at(wide - 72), screen down(y1) size screen at(14), screen real(y1 - y0) / high
set cbtics scale 0.3 format '%.2g'
set cblabel ''
plot data using 'x':'y':'value' with image pixels, \
     data using (values && column('value') == column('value') ? column('x') : NaN):'y':(short(column('value'))):(column('value') > middle ? 0xffffff : 0x222222) \
         with labels font tiny textcolor rgb variable
