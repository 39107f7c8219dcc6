/* compose.h -- from the "model" object of a resolved config to a plan: names to descriptors. */
#ifndef SW_PLUGIN_COMPOSE_H
#define SW_PLUGIN_COMPOSE_H

#include "base/error.h"
#include "match/model.h"
#include "plugin/plugins.h"

#include <jansson.h>

/* The plan of a model {"dim", "direction", "embedding": {"plugin", "word_dim", options},
 * "image": [{"plugin", options}], "text": [..], "pool": {"image": {"plugin", options}, "text": ..},
 * "stages": [{"plugin", "score", options}], "loss": [{"plugin", "weight", options}], "defined":
 * what of these it brings along itself (sw_plugins_define)}. Values are taken
 * as they are: whoever reads them from outside checks them first (config_model.lua). An option that
 * is not there has the descriptor's default. features, vocabulary, seed, glove and values_follow
 * are left to the caller. `plugins` outlives the plan. Errors: a name that no plugin brings, a
 * choice that is none, a size of 0. */
struct sw_composition;
int sw_compose(struct sw_composition **out, const struct sw_plugins *plugins, const json_t *model,
               struct sw_error *error);
struct sw_model_plan *sw_composition_plan(struct sw_composition *composition);
void sw_composition_free(struct sw_composition *composition);

#endif
