/* folder.h -- the folder of one run: who may write to it, and its files.
 *
 *   config.json             the resolved config
 *   metrics.tsv             a header line, then one row a step or evaluation
 *   log.jsonl               one JSON object a line: start, resume, evaluations, warnings, end
 *   vocab.json              the vocabulary
 *   checkpoint.safetensors  the best model by dev rsum
 *   ranks-dev.npy, ranks-test.npy  the rank of every query with that model (train/ranks.h)
 *   checkpoint-last.safetensors  the model after the last step, once the run is done
 *   state.safetensors       what a killed run resumes from, and a run that is done goes on from
 *   provenance.json         versions, hashes, threads, host, times
 *   result.json             written last: a folder that has it is done
 *   claim                   who works in it (train/claim.h); gone when nobody does
 *
 * One process at a time works in a folder. */
#ifndef SW_TRAIN_FOLDER_H
#define SW_TRAIN_FOLDER_H

#include "base/error.h"

#include <jansson.h>
#include <stdint.h>

#define SW_METRICS_COLUMNS                                                               \
    "step\tepoch\tkind\tloss\tloss_per_sample\tgrad_norm\tlr\ti2t_r1\ti2t_r5\ti2t_r10\t" \
    "t2i_r1\tt2i_r5\tt2i_r10\trsum\tseconds"

struct sw_folder;

/* Makes the folder, and those above it that are missing. It is an error if it is there already,
 * unless `resume`: then a folder without result.json, config.json or state.safetensors is fine too.
 */
int sw_folder_open(struct sw_folder **out, const char *path, int resume, struct sw_error *error);
void sw_folder_close(struct sw_folder *folder); /* NULL is fine */
/* Closes it, and takes a folder away that was made by this open and is still empty. */
void sw_folder_abandon(struct sw_folder *folder);

/* Claims a folder that is done, in which a run is to go on. */
int sw_folder_claim(struct sw_folder *folder, struct sw_error *error);

const char *sw_folder_path(const struct sw_folder *folder);
/* path/name; free() it. NULL when out of memory. */
char *sw_folder_file(const struct sw_folder *folder, const char *name);
/* Whether another process has taken the folder over: nothing more may be written. */
int sw_folder_lost(const struct sw_folder *folder);
int sw_folder_has(const struct sw_folder *folder, const char *name);

/* Writes a JSON file, whole or not at all, keys in order; reads one (a new reference or NULL). */
int sw_folder_write_json(const struct sw_folder *folder, const char *name, const json_t *value,
                         struct sw_error *error);
json_t *sw_folder_read_json(const struct sw_folder *folder, const char *name,
                            struct sw_error *error);

/* A row of metrics.tsv; NAN stands for what a row of its kind does not have. */
struct sw_row {
    int64_t step;
    int epoch;
    const char *kind; /* "step", "dev" or "test" */
    double loss, loss_per_sample, grad_norm, lr;
    double i2t_r1, i2t_r5, i2t_r10, t2i_r1, t2i_r5, t2i_r10, rsum;
    double seconds; /* of the run so far, over all its parts */
};

/* Cuts metrics.tsv and log.jsonl back to what a run knew at `step`, when its last evaluation was at
 * step `evaluated`: later lines go, and a last line that was cut short. step = 0: nothing stays.
 * Then opens both for more; lines are flushed one by one. What a killed process left goes, too. */
int sw_folder_begin(struct sw_folder *folder, int64_t step, int64_t evaluated,
                    struct sw_error *error);
int sw_folder_row(struct sw_folder *folder, const struct sw_row *row, struct sw_error *error);
/* `entry` (its reference is taken) gets "step", "event" and "time" in front. */
int sw_folder_log(struct sw_folder *folder, int64_t step, const char *event, json_t *entry,
                  struct sw_error *error);
/* Brings metrics.tsv and log.jsonl to the disk. */
int sw_folder_sync(struct sw_folder *folder, struct sw_error *error);

#endif
