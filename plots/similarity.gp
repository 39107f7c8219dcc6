# similarity.gp -- similarities of images (down) and captions (across); each image's own captions framed.
#
# data: x, y, value, a line a cell; columns, rows: how many; own: captions an image;
# values: whether they are written, middle: the value from which they are light
set xrange [0.5:columns + 0.5]
set yrange [rows + 0.5:0.5]
unset grid
set border 0
set tics scale 0
x0 = 60; x1 = wide - 90; y0 = 36; y1 = high - 52
eval panel
set title title
set xlabel 'caption'
set ylabel 'image' offset 1,0
set xtics 1, each * own
set ytics 1, each
set colorbox user origin screen at(wide - 72), screen down(y1) size screen at(14), screen real(y1 - y0) / high
set cbtics scale 0.3 format '%.3g'
do for [i=1:rows] {
    set object i rectangle from (i - 1) * own + 0.5, i - 0.5 to i * own + 0.5, i + 0.5 \
        front fillstyle empty border linecolor rgb '#d55e00' linewidth 1.2
}
plot data using 'x':'y':'value' with image pixels, \
     data using (values && column('value') == column('value') ? column('x') : NaN):'y':(short(column('value'))):(column('value') > middle ? 0xffffff : 0x222222) \
         with labels font tiny textcolor rgb variable
