# style.gp -- how every figure looks: terminal, fonts, colours. The only place that sets them.
#
# A figure is drawn by style.gp and one script after it; `stepwise plot` sets these variables first:
#   format   'svg' or 'png'        output   the file to write       wide, high   pixels
#   count    how many runs         path     array of metrics.tsv    name         array of names
# By hand:
#   gnuplot -e "format='svg'; output='loss.svg'; wide=760; high=440; count=1; \
#     array path=['runs/x/metrics.tsv']; array name=['x']" style.gp loss.gp
#
# Names are data: noenhanced keeps '_' and '^' as they are, and single quotes run nothing.
if (format eq 'png') {
    set terminal pngcairo size wide,high noenhanced font 'DejaVu Sans,10' linewidth 1.2
} else {
    set terminal svg size wide,high noenhanced font 'DejaVu Sans,12' linewidth 1.2 background '#ffffff'
}
set output output
set encoding utf8

# Columns are named by the first line; what a row does not have is not drawn.
set datafile separator tab
set datafile columnheaders
set datafile missing NaN

set border 3 linecolor '#444444'
set tics nomirror out textcolor '#222222'
set grid linecolor '#dddddd' linewidth 0.7
set key above left horizontal noautotitle samplen 2
set style data lines

# Told apart by people who see colours differently (after Okabe and Ito), and by dashes.
array colour = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#8c8c00']
hue(i) = colour[(i - 1) % 8 + 1]
dash(i) = (i - 1) / 8 % 4 + 1
