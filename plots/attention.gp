# attention.gp -- where a model looks: the picture, then a panel for each word, then the context.
#
# After style.gp; core/lua/figures/panels.lua sets what it reads. word[] are the words. The panel_* arrays have `count` entries:
# kind ("image", "regions", "words"), title, what stands below, file, the edges as parts of the
# canvas, and the strongest region (y upwards; NaN: none). Over the picture lie cells_x x cells_y RGBA
# bytes that reach over extent_x x extent_y. Without a picture, or where the regions' places are not
# known (places_known), the cells stand alone.
set datafile separator tab
unset datafile columnheaders
set datafile commentschars "\001"
set border 0
unset tics
unset grid
unset key
grey = '#666666'
step = format eq 'png' ? 1 : finest

# The layers of a panel, as parts of a plot command: constants and the names of variables only.
photo = 'picture binary filetype='.picture_kind.' origin=(step/2.,step/2.) every step:step with rgbimage'
cells = "panel_file[p] binary array=(cells_x,cells_y) format='%uchar' ".\
        'dx=1.*extent_x/cells_x dy=1.*extent_y/cells_y origin=(.5*extent_x/cells_x,.5*extent_y/cells_y) '.\
        'using 1:2:3:4 with rgbalpha'
# without a picture: the regions and their numbers
outlines = 'panel_file[p] using (($1+$3)/2):(($2+$4)/2):1:3:2:4 with boxxyerror fillstyle empty '.\
           'linecolor rgb grey linewidth 0.7, '.\
           "panel_file[p] using (($1+$3)/2):(($2+$4)/2):5 with labels font ',7' textcolor rgb '#222222'"

set multiplot
set label 1 heading at screen edge, screen 1 - 20. / high left font huge
set label 2 aside at screen 1 - edge, screen 1 - 20. / high right font tiny textcolor rgb grey
do for [s=1:|section_title|] {
    set label 2 + s section_title[s] at screen edge, screen section_y[s] left font tiny textcolor rgb grey
}
set xrange [0:1]
set yrange [0:1]
plot 2
unset label
do for [p=1:count] {
    set lmargin at screen panel_left[p]
    set rmargin at screen panel_right[p]
    set tmargin at screen panel_top[p]
    set bmargin at screen panel_bottom[p]
    set title panel_title[p] offset 0,-0.6
    set label 1 panel_below[p] at graph 0.5, graph 0 center offset 0,-0.7 font tiny textcolor rgb grey
    if (panel_kind[p] eq 'words') {
        set bmargin at screen panel_bottom[p] + 0.4 * (panel_top[p] - panel_bottom[p])
        set xrange [0.4:words + 0.6]
        set yrange [0:*]
        set style fill solid
        set boxwidth 0.7
        do for [w=1:words] { set label 9 + w word[w] at first w, graph 0 rotate by 90 right offset 0,-0.3 font tiny textcolor rgb ink }
        plot panel_file[p] using 1:2 with boxes linecolor rgb colour[1]
        unset label
    } else {
        over = has_picture && (places_known || panel_kind[p] eq 'image')
        set xrange [0:over ? picture_x : extent_x]
        set yrange [0:over ? picture_y : extent_y]
        if (panel_x1[p] == panel_x1[p]) {
            set object 1 rectangle from panel_x1[p],panel_y1[p] to panel_x2[p],panel_y2[p] front \
                fillstyle empty border linecolor rgb '#60000000' linewidth 3.2
            set object 2 rectangle from panel_x1[p],panel_y1[p] to panel_x2[p],panel_y2[p] front \
                fillstyle empty border linecolor rgb (over ? '#ffe14d' : '#d55e00') linewidth 1.6
        }
        if (panel_kind[p] eq 'regions') {
            eval 'plot '.(over ? photo.', ' : '').cells
        } else {
            eval 'plot '.(over ? photo : outlines)
        }
        unset object
    }
}
unset multiplot
