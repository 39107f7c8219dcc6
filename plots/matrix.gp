# matrix.gp -- weights of attention as matrices, a word a row and a region a column.
#
# After style.gp; core/lua/figures/panels.lua sets file[], name[] (count), word[] (words), regions, head.
set datafile separator tab
unset datafile columnheaders
set datafile commentschars "\001"
unset grid
unset key
set border 0
# from paper to ink: readable in grey, and by people who see colours differently
set palette defined (0 '#ffffff', 0.15 '#cfe3f2', 0.5 '#4a9bd1', 1 '#08306b')
set cbrange [0:*]
set xrange [-0.5:regions - 0.5]
set yrange [words - 0.5:-0.5]
set tics scale 0
set xtics ceil(regions / 18.)
unset ytics
do for [w=1:words] { set label 1 + w word[w] at graph 0, first w - 1 right offset -0.8,0 font small textcolor rgb ink }
set label 1 heading at screen 16. / wide, screen 1 - 20. / high left font huge
each = (1.0 - 1. * head / high) / count

set multiplot
do for [m=1:count] {
    set lmargin at screen 150. / wide
    set rmargin at screen 1 - 80. / wide
    set tmargin at screen 1 - 1. * head / high - (m - 1) * each - 30. / high
    set bmargin at screen 1 - 1. * head / high - m * each + 50. / high
    set title name[m] offset 0,-0.5
    set xlabel 'region'
    plot file[m] matrix with image pixels
    unset label 1
}
unset multiplot
