# gallery.gp -- a contact sheet: pictures with a title above and a name below; a green frame is "own".
#
# After style.gp. To the right stand `lines` lines: line[], line_y[], line_own[]. The panel_* arrays have `count` entries (gallery.lua): title, below, own, picture,
# kind ("jpg", "png", "none"), its size (wide, high), every how many-th pixel an SVG takes (step), and
# the edges as parts of the canvas.
set border 0
unset tics
unset grid
unset key
grey = '#666666'
photo(kind) = "panel_picture[p] binary filetype=".kind." origin=(step/2.,step/2.) every step:step with rgbimage"

set multiplot
set label 1 heading at screen edge, screen 1 - 20. / high left font huge
do for [l=1:lines] {
    set label 9 + l line[l] at screen beside, screen line_y[l] left \
        textcolor rgb (line_own[l] ? '#00704f' : '#222222')
}
do for [p=1:count] {
    step = format eq 'png' ? 1 : panel_step[p]
    set lmargin at screen panel_left[p]
    set rmargin at screen panel_right[p]
    set tmargin at screen panel_top[p]
    set bmargin at screen panel_bottom[p]
    set title panel_title[p] offset 0,-0.6 textcolor rgb (panel_own[p] ? '#00704f' : '#222222')
    set label 2 panel_below[p] at graph 0.5, graph 0 center offset 0,-0.8 font tiny textcolor rgb grey
    set xrange [0:panel_wide[p]]
    set yrange [0:panel_high[p]]
    if (panel_own[p]) {
        set object 1 rectangle from graph 0,0 to graph 1,1 front \
            fillstyle empty border linecolor rgb '#009e73' linewidth 4
    } else {
        set object 1 rectangle from graph 0,0 to graph 1,1 behind \
            fillcolor rgb '#eeeeee' fillstyle solid noborder
    }
    if (panel_kind[p] eq 'none') {
        set label 3 'no picture' at graph 0.5, graph 0.5 center font tiny textcolor rgb grey
        plot NaN
    } else {
        eval 'plot '.photo(panel_kind[p])
    }
    unset object
    unset label
}
unset multiplot
