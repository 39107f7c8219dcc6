/* compose.h -- from the "model" object of a config to a plan: names to plugins, options checked. */
#ifndef SW_PLUGIN_COMPOSE_H
#define SW_PLUGIN_COMPOSE_H

#include "base/error.h"
#include "match/model.h"
#include "plugin/plugins.h"

#include <jansson.h>

/* Fills in every default and checks every key of a "model" object ({"dim", "direction",
 * "embedding": {"plugin", "word_dim", options}, "stages": [{"plugin", "score", options}]}); every
 * key may be absent. Returns a new object that holds all keys in a fixed order, or NULL. A name
 * alone may stand for {"plugin": name}. Unknown keys are errors with the near miss. */
json_t *sw_compose_resolve(const struct sw_plugins *plugins, const json_t *model,
                           struct sw_error *error);

/* A plan of a resolved object; features, vocabulary, seed, glove, values_follow are left to the
 * caller. `plugins` outlives it. */
struct sw_composition;
int sw_compose(struct sw_composition **out, const struct sw_plugins *plugins,
               const json_t *resolved, struct sw_error *error);
struct sw_model_plan *sw_composition_plan(struct sw_composition *composition);
void sw_composition_free(struct sw_composition *composition);

#endif
