/* config.c -- see config.h. */
#include "train/config.h"

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static int whole(const json_t *object, const char *key)
{
    return (int)json_integer_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

void sw_config_settings(const json_t *config, struct sw_settings *out)
{
    const json_t *model = json_object_get(config, "model"), *data = json_object_get(config, "data");
    const json_t *train = json_object_get(config, "train");
    const json_t *embedding = json_object_get(model, "embedding");
    const json_t *second = json_object_get(model, "second");
    const json_t *image = json_object_get(second, "image"), *text = json_object_get(second, "text");
    *out = (struct sw_settings){
        .seed = (uint64_t)json_integer_value(json_object_get(config, "seed")),
        .batch = whole(train, "batch"),
        .views = whole(train, "views"),
        .epochs = whole(train, "epochs"),
        .decay_epoch = whole(train, "decay_epoch"),
        .lr = number(train, "lr"),
        .decay = number(train, "decay"),
        .clip = number(train, "clip"),
        .weight_decay = number(train, "weight_decay"),
        .max_steps = whole(train, "max_steps"),
        .dir = text_of(data, "dir"),
        .glove = text_of(data, "glove"),
        .vocab = text_of(data, "vocab"),
        .init = text_of(data, "init"),
        .train_split = text_of(data, "train_split"),
        .dev_split = text_of(data, "dev_split"),
        .train_images = whole(data, "train_images"),
        .dev_images = whole(data, "dev_images"),
        .all_dev_captions = json_is_true(json_object_get(data, "all_dev_captions")),
        .longest_caption = whole(data, "longest_caption"),
        .precaps = json_is_true(json_object_get(data, "precaps")),
        .word_dim = whole(embedding, "word_dim"),
        .embedding = text_of(embedding, "plugin"),
        .second = {json_string_value(json_object_get(image, "file")),
                   json_string_value(json_object_get(text, "file"))},
        .second_width = {whole(image, "width"), whole(text, "width")},
    };
}
