# style.gp -- how every figure looks: terminal, fonts, colours. The only place that sets them.
#
# A figure is drawn by style.gp and one script after it. `stepwise plot` sets these variables first:
#   format   'svg', 'png' or 'pdf' output   the file to write       wide, high   units: pixels of an SVG
#   scale    pixels of a PNG, inches of a PDF that a unit is
#   data     a TSV, or '$data', a block of one; its blocks stand apart by two empty lines
#   count    how many curves       name     array of their names    strip        pixels of the key
#   and what the script's own head names.
# By hand, with what `stepwise plot --tsv` wrote:
#   gnuplot -e "format='svg'; output='recall.svg'; data='recall.tsv'; wide=900; high=430; strip=30; \
#     count=1; array name=['x']; key_columns=1" style.gp recall.gp
#
# Names are data: noenhanced keeps "_" and "^" as they are; they are drawn as labels and titles, since a
# tic is a format, in which "%" is not a sign like others.
if (!exists('scale')) scale = 2
print_font = 'DejaVu Sans,9.5'
if (format eq 'png') {
    set terminal pngcairo size int(scale*wide+0.5),int(scale*high+0.5) noenhanced font print_font fontscale scale linewidth 1.2*scale pointscale scale
} else { if (format eq 'pdf') {
    set terminal pdfcairo size scale*wide,scale*high noenhanced font print_font fontscale 72*scale linewidth 1.2 pointscale 72*scale
} else {
    set terminal svg size wide,high noenhanced font 'sans-serif,13' linewidth 1.2 background '#ffffff'
} }
set output output
set encoding utf8

# Columns are named by the first line; what a row does not have is not drawn.
set datafile separator tab
set datafile columnheaders
set datafile missing NaN

ink = '#222222'
pale = '#dddddd'
set border 3 linecolor rgb '#444444'
set tics nomirror out textcolor rgb ink
set grid linecolor rgb pale linewidth 0.7 dashtype solid
set style data lines
set style fill solid noborder
unset key
set title offset 0,-0.6
small = format eq 'svg' ? ',11' : ',8'
tiny = format eq 'svg' ? ',10' : ',8'
huge = format eq 'svg' ? ',14' : ',11'
set tics font small
set xtics offset 0,0.5
set xlabel offset 0,1

# Told apart by people who see colours differently (after Okabe and Ito), and by dashes.
array colour = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#8c8c00']
hue(i) = colour[(int(i) - 1) % 8 + 1]
dash(i) = (int(i) - 1) / 8 % 4 + 1

# From white to dark: order is seen without colour, and in print.
set palette defined (0 '#f7fbff', 0.25 '#c6dbef', 0.5 '#6baed6', 0.75 '#2171b5', 1 '#08306b')

# A value in a cell of a map: two digits, without the zero before the point.
short(v) = abs(v) >= 9.95 ? sprintf('%.0f', v) : abs(v) >= 0.995 ? sprintf('%.1f', v) : (v < 0 ? '-' : '').sprintf('%.2f', abs(v))[2:*]

# Places are given in units from the upper left corner: at(x), down(y).
at(x) = real(x) / wide
down(y) = 1 - real(y) / high
panel = 'set lmargin at screen at(x0); set rmargin at screen at(x1); set tmargin at screen down(y0); set bmargin at screen down(y1)'

# The key, in a strip of its own below all panels; `eval key` before the last panel is drawn.
key_x(i) = 20 + ((int(i) - 1) % key_columns) * real(wide - 30) / key_columns
key_y(i) = high - strip + 12 + 20 * ((int(i) - 1) / key_columns)
key = 'do for [i=1:count] { set arrow from screen at(key_x(i)), down(key_y(i)) rto screen at(26), 0 nohead linecolor rgb hue(i) linewidth 2 dashtype dash(i); set label name[i] at screen at(key_x(i) + 33), down(key_y(i)) textcolor rgb ink }'
