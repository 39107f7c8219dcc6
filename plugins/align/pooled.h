/* pooled.h -- what stages that compare pooled vectors share. */
#ifndef PLUGINS_ALIGN_POOLED_H
#define PLUGINS_ALIGN_POOLED_H

#include <stepwise/plugin.h>

/* Fails the batch where an image's vector (G,P) and a caption's have not the same width. */
static inline void require_same_width(struct sw_batch *batch)
{
    const struct sw_tensor *image = batch->image, *text = batch->text;
    if (image && text && image->dim[1] != text->dim[1])
        batch->host->fail(batch->graph, SW_PLUGIN_MISUSE,
                          "expected pooled vectors of the same width, found %d numbers per image "
                          "and %d per caption",
                          image->dim[1], text->dim[1]);
}

#endif
