/* models.h -- models as JSON objects, for tests. */
#ifndef SW_TESTS_MODELS_H
#define SW_TESTS_MODELS_H

#include <jansson.h>

/* SHAN's encoders and loss, where the model does not say. */
static inline void models_complete(json_t *model)
{
    if (!json_object_get(model, "image"))
        json_object_set_new(model, "image", json_pack("[s,s]", "linear", "l2norm"));
    if (!json_object_get(model, "text"))
        json_object_set_new(model, "text", json_pack("[s,s]", "bigru", "l2norm"));
    if (!json_object_get(model, "loss"))
        json_object_set_new(model, "loss", json_pack("[s]", "hinge"));
}

/* The same for a config, whose loss follows the keys of training as core/lua/config has it. */
static inline json_t *models_complete_config(json_t *config)
{
    static const char *const keys[] = {"margin", "warmup_epochs", "same_image", "views"};
    json_t *model = json_object_get(config, "model"), *train = json_object_get(config, "train");
    json_t *loss = json_pack("{s:s}", "plugin", "hinge");
    for (int i = 0; i < 4; i++)
        json_object_set(loss, keys[i], json_object_get(train, keys[i]));
    if (!json_object_get(model, "loss"))
        json_object_set_new(model, "loss", json_pack("[O]", loss));
    json_decref(loss);
    models_complete(model);
    return config;
}

#endif
