/* provenance.c -- see provenance.h. */
#include "train/provenance.h"

#include <config.h> /* of configure; in quotes it would be the neighbour of that name */

#include <cblas.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The commit, or "" (core/local.mk): of the program and the Lua module, not of tests of C. */
extern const char sw_git_id[] __attribute__((weak));

void sw_time_text(char out[32])
{
    time_t now = time(NULL);
    struct tm utc;
    out[0] = 0;
    if (gmtime_r(&now, &utc))
        strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static json_t *hex(uint64_t x)
{
    char text[20];
    snprintf(text, sizeof text, "%016" PRIx64, x);
    return json_string(text);
}

/* Adds the plugin that brought `name`, once. */
static int add_plugin(json_t *list, const struct sw_plugins *plugins, const char *name)
{
    const struct sw_loaded_plugin *loaded = name ? sw_plugins_origin(plugins, name) : NULL;
    if (!loaded || !loaded->plugin)
        return 1;
    size_t i;
    json_t *other;
    json_array_foreach(list, i, other)
    {
        const char *before = json_string_value(json_object_get(other, "name"));
        if (before && strcmp(before, loaded->plugin->name) == 0)
            return 1;
    }
    /* The hash says which file it was; its folder says only whose machine. */
    const char *slash = strrchr(loaded->file, '/');
    json_t *entry = json_pack("{s:s, s:s, s:o, s:s}", "name", loaded->plugin->name, "version",
                              loaded->plugin->version, "hash", hex(loaded->hash), "file",
                              slash ? slash + 1 : loaded->file);
    return json_array_append_new(list, entry) == 0;
}

static const char *plugin_of(const json_t *object)
{
    return json_string_value(json_object_get(object, "plugin"));
}

static json_t *plugins_used(const struct sw_plugins *plugins, const json_t *model)
{
    json_t *list = json_array(), *stage, *value;
    const char *key;
    size_t i;
    int ok = list && add_plugin(list, plugins, plugin_of(json_object_get(model, "embedding")));
    json_array_foreach(json_object_get(model, "stages"), i, stage)
    {
        ok = ok && add_plugin(list, plugins, plugin_of(stage));
        json_object_foreach(stage, key, value)
        {
            if (json_is_object(value)) /* a fusion */
                ok = ok && add_plugin(list, plugins, plugin_of(value));
        }
    }
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

json_t *sw_provenance_plugins(const struct sw_session *session, const json_t *config)
{
    return plugins_used(session->plugins, json_object_get(config, "model"));
}

json_t *sw_provenance(const struct sw_session *session, const json_t *config,
                      const struct sw_inputs *in, const char *key)
{
    struct sw_settings s;
    sw_config_settings(config, &s);
    json_t *words = sw_inputs_words(in, &s);
    json_t *vocabulary = json_incref(json_object_get(words, "vocabulary"));
    json_t *glove = json_object_get(words, "glove");
    glove = glove ? json_incref(glove) : json_null();
    json_decref(words);
    return json_pack(
        "{s:{s:s, s:s, s:s, s:s}, s:o, s:{s:s, s:s}, s:s, s:{s:s, s:b, s:o, s:I, s:o, s:I}, "
        "s:o, s:o, s:I, s:s, s:[]}",
        "program", "name", PACKAGE_TARNAME, "version", PACKAGE_VERSION, "git",
        sw_git_id ? sw_git_id : "", "compiler", __VERSION__, "plugins",
        sw_provenance_plugins(session, config), "blas", "config", openblas_get_config(), "core",
        openblas_get_corename(), "cpu", sw_compute_cpu(session->compute), "data", "dir", s.dir,
        "generated", in->generated, "train", hex(in->train_fingerprint), "train_captions",
        (json_int_t)in->train.captions, "dev", in->has_dev ? hex(in->dev_fingerprint) : json_null(),
        "dev_captions", (json_int_t)in->dev.captions, "vocabulary", vocabulary, "glove", glove,
        "seed", (json_int_t)s.seed, "key", key, "parts");
}

json_t *sw_provenance_part(const struct sw_session *session, const char *command,
                           int64_t first_step)
{
    char host[256] = "", when[32];
    if (gethostname(host, sizeof host - 1))
        host[0] = 0;
    sw_time_text(when);
    return json_pack("{s:s, s:n, s:s, s:i, s:I, s:s}", "started", when, "ended", "host", host,
                     "threads", sw_compute_threads(session->compute), "first_step",
                     (json_int_t)first_step, "command", command ? command : "");
}
