/* identity.h -- which run a run is: its config, and what stands behind the names in it. */
#ifndef SW_TRAIN_IDENTITY_H
#define SW_TRAIN_IDENTITY_H

#include "train/inputs.h"
#include "train/session.h"

#include <jansson.h>

/* {"train", "dev", "test", "vocabulary", "glove": 16 hex digits each, or null where there is none}:
 * fingerprints of what the config reads. Of large files, pages are drawn. inputs: those of the
 * config. A new reference, or NULL with an error. */
json_t *sw_identity_data(const struct sw_session *session, const json_t *config,
                         const struct sw_inputs *inputs, struct sw_error *error);

/* {"NAME": hash of the file} of the plugins that the config uses; a new reference or NULL. */
json_t *sw_identity_plugins(const struct sw_session *session, const json_t *config);

/* The id: 32 hex digits and a NUL of config (seed included; without what belongs to one machine),
 * data and plugins. */
int sw_identity(const json_t *portable, const json_t *data, const json_t *plugins, char out[33],
                struct sw_error *error);

#endif
