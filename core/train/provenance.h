/* provenance.h -- which program, plugins, data and machine a run's numbers come from. */
#ifndef SW_TRAIN_PROVENANCE_H
#define SW_TRAIN_PROVENANCE_H

#include "train/inputs.h"
#include "train/session.h"

#include <jansson.h>

/* {"program": {..}, "plugins": [{"name", "version", "hash", "file"}], "blas": {"config", "core"},
 *  "cpu", "data": {..}, "vocabulary": {..}, "glove": {..}, "seed", "key", "parts": []}: a new
 * reference or NULL when out of memory. Plugins are those that the config uses. */
json_t *sw_provenance(const struct sw_session *session, const json_t *config,
                      const struct sw_inputs *inputs, const char *key);

/* The "plugins" of it alone. */
json_t *sw_provenance_plugins(const struct sw_session *session, const json_t *config);

/* One entry of "parts": the stretch of a run that one process did. */
json_t *sw_provenance_part(const struct sw_session *session, const char *command,
                           int64_t first_step);

/* The time as 2026-01-31T23:59:59Z into out[32]. */
void sw_time_text(char out[32]);

#endif
