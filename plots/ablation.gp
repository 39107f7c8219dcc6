# ablation.gp -- the rows of a table: rsum with its deviation and each seed; how far each is from the
# base, with the interval, and how far the paper says.
#
# block 0: row, mean, std, paper, delta, delta_low, delta_high, separable, delta_paper
# block 1, a row a seed: row, rsum, delta
# from, to: the ends of the rsum axis, least, most: of the other one; against: the base's name, '' without one; papers: whether there
# are values of the paper, and inside: whether the axis holds them; left: pixels for the names
set multiplot
set yrange [count + 0.6:0.4]
set grid noytics
set bars 0.6
quiet = '#999999'

x0 = left; x1 = against eq '' ? wide - 20 : left + (wide - left - 20) / 2; y0 = 36; y1 = high - strip - 50
eval panel
set title runs
set xrange [from:to]
set xlabel from > 0 ? sprintf('rsum (the axis is cut: it starts at %g)', from) : 'rsum'
unset ytics
do for [i=1:count] { set label i name[i] at graph 0, first i right offset -0.8,0 font small textcolor rgb ink }
plot data index 0 using (from):'row':(from):'mean':(column('row') - 0.3):(column('row') + 0.3) \
         with boxxyerror linecolor rgb '#56b4e9' fillstyle solid 0.55 noborder, \
     data index 0 using 'mean':'row':'std' with xerrorbars pointtype 0 linecolor rgb ink linewidth 1.4, \
     data index 1 using 'rsum':'row' with points pointtype 6 pointsize 0.7 linecolor rgb ink linewidth 1, \
     data index 0 using (inside ? column('paper') : NaN):'row':(0):(0.6) \
         with points pointtype 2 pointsize 0.9 linecolor rgb '#d55e00' linewidth 2

if (against ne '') {
    x0 = x1 + 20; x1 = wide - 20
    eval panel
    set title 'difference of rsum from '.against
    set xrange [least:most]
    set xlabel 'points of rsum, 95 % interval'
    unset label
    set arrow 1 from 0, graph 0 to 0, graph 1 nohead linecolor rgb '#444444' linewidth 1 back
    sure(y) = column('separable') > 0 ? y : NaN
    unsure(y) = column('separable') > 0 ? NaN : y
    if (base > 0) { set label 99 'base' at 0, base right offset -0.7,0 textcolor rgb '#666666' font small }
    # the key of this figure
    array mark = [7, 6, 6, 2]
    array shade = ['#0072b2', '#0072b2', quiet, '#d55e00']
    array says = ['separable from the base', 'not separable', 'one seed', 'the paper, one run a row']
    array place = [130, 340, 490, 610]
    do for [i=1:(papers ? 4 : 3)] {
        set label i says[i] at screen at(place[i]), down(high - 14) \
            point pointtype mark[i] pointsize (i == 3 ? 0.55 : 0.9) linecolor rgb shade[i] linewidth 1.5 offset 1,0 textcolor rgb ink
    }
    plot data index 0 using 'delta':'row':'delta_low':'delta_high' \
             with xerrorbars pointtype 0 linecolor rgb '#0072b2' linewidth 1.6, \
         data index 1 using 'delta':'row' with points pointtype 6 pointsize 0.7 linecolor rgb quiet linewidth 1, \
         data index 0 using (sure(column('delta'))):'row' with points pointtype 7 pointsize 0.9 linecolor rgb '#0072b2', \
         data index 0 using (unsure(column('delta'))):'row' with points pointtype 6 pointsize 0.9 linecolor rgb '#0072b2' linewidth 1.5, \
         data index 0 using 'delta_paper':'row' with points pointtype 2 pointsize 0.9 linecolor rgb '#d55e00' linewidth 2
}
unset multiplot
