# recall.gp -- the recalls of each dev evaluation: text retrieval, image retrieval, their sum.
#
# Colours tell runs apart, dashes R@1, R@5 and R@10.
dev(y) = strcol('kind') eq 'dev' ? y : NaN
array cut = ['1', '5', '10']

set multiplot layout 1,3
set xlabel 'step'
set ylabel 'recall, percent'
set xrange [0:*]
set yrange [0:100]
do for [side in 'i2t t2i'] {
    set title side eq 'i2t' ? 'text retrieval' : 'image retrieval'
    plot for [i=1:count] for [k=1:3] path[i] \
             using (column('step')):(dev(column(side.'_r'.cut[k]))) \
             with linespoints pointtype 7 pointsize 0.3 linecolor rgb hue(i) dashtype k, \
         for [k=1:3] NaN linecolor rgb '#444444' dashtype k title 'R@'.cut[k]
}
set title 'rsum'
set key inside bottom right vertical
set ylabel 'sum of the six recalls'
set yrange [0:*]
plot for [i=1:count] path[i] using (column('step')):(dev(column('rsum'))) \
         with linespoints pointtype 7 pointsize 0.3 linecolor rgb hue(i) dashtype dash(i) title name[i]
unset multiplot
