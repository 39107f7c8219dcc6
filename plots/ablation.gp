# ablation.gp -- the rows of a table: rsum with its deviation and each seed; how far each is from the
# base, with the interval, and how far the paper says.
#
# block 0: row, mean, std, paper, delta, delta_low, delta_high, separable, delta_paper
# block 1, a row a seed: row, rsum, delta
# from, to: the ends of the rsum axis, least, most: of the other one; against: the base's name, '' without one; papers: whether there
# are values of the paper, and inside: whether the axis holds them; left: units for the names; narrow:
# whether the panels stand below each other; tall: units of a panel; note[]: why a row has no values;
# finding: what the differences say; runs: what the left panel shows; key_says[], key_at[], key_down[]: the key
set multiplot
set yrange [count + 0.6:0.4]
set grid noytics
set bars 0
quiet = '#8a8a8a'
below = narrow || against eq '' # the panel has the whole width
names = "do for [i=1:count] { set label i name[i] at graph 0, first i right offset -0.8,0 font small textcolor rgb ink }"

x0 = left; x1 = below ? wide - 14 : left + (wide - left - 14) * 0.46; y0 = below ? 12 : 32; y1 = y0 + tall
eval panel
set xrange [from:to]
set xlabel runs
unset ytics
eval names
do for [i=1:count] {
    set label 300 + i note[i] at graph 0, first i left offset 0.8,0 font small textcolor rgb '#a34700'
    if (note[i] eq '') { set arrow 300 + i from graph 0, first i to graph 1, first i nohead back linecolor rgb pale linewidth 0.7 }
}
plot data index 0 using 'mean':'row':'std' with xerrorbars pointtype 0 linecolor rgb ink linewidth 1.8, \
     data index 1 using 'rsum':'row' with points pointtype 6 pointsize 0.6 linecolor rgb quiet linewidth 1, \
     data index 0 using 'mean':'row' with points pointtype 5 pointsize 0.75 linecolor rgb ink, \
     data index 0 using (inside ? column('paper') : NaN):'row' \
         with points pointtype 2 pointsize 0.9 linecolor rgb '#d55e00' linewidth 2

if (against ne '') {
    if (narrow) { y0 = y1 + 80; y1 = y0 + tall } else { x0 = x1 + 24; x1 = wide - 14 }
    do for [i=1:count] { unset label i; unset label 300 + i }
    eval panel
    if (narrow) { eval names }
    set title finding
    set xrange [least:most]
    set xlabel difference
    set arrow 1 from 0, graph 0 to 0, graph 1 nohead linecolor rgb '#444444' linewidth 1 back
    sure(y) = column('separable') > 0 ? y : NaN
    unsure(y) = column('separable') > 0 ? NaN : y
    if (base > 0) { unset arrow 300 + base; set label 99 'base' at 0, base offset (-least < 0.2 * (most - least) ? 0.7 : -4.6),0 textcolor rgb '#666666' font small }
    # the key of this figure
    array mark = [5, 7, 6, 6, 2]
    array shade = [ink, '#0072b2', '#0072b2', quiet, '#d55e00']
    do for [i=1:(papers ? 5 : 4)] {
        set label 400 + i key_says[i] at screen at(key_at[i]), down(key_down[i]) left font small \
            point pointtype mark[i] pointsize (i == 4 ? 0.6 : 0.9) linecolor rgb shade[i] linewidth 1.5 offset 1,-0.35 textcolor rgb ink
    }
    plot data index 0 using 'delta':'row':'delta_low':'delta_high' \
             with xerrorbars pointtype 0 linecolor rgb '#0072b2' linewidth 1.8, \
         data index 1 using 'delta':'row' with points pointtype 6 pointsize 0.6 linecolor rgb quiet linewidth 1, \
         data index 0 using (sure(column('delta'))):'row' with points pointtype 7 pointsize 0.9 linecolor rgb '#0072b2', \
         data index 0 using (unsure(column('delta'))):'row' with points pointtype 7 pointsize 0.9 linecolor rgb '#ffffff', \
         data index 0 using (unsure(column('delta'))):'row' with points pointtype 6 pointsize 0.9 linecolor rgb '#0072b2' linewidth 1.5, \
         data index 0 using 'delta_paper':'row' with points pointtype 2 pointsize 0.9 linecolor rgb '#d55e00' linewidth 2
}
unset multiplot
