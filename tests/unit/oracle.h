/* oracle.h -- what other people's published code computed, as rows of a table: which model of ours
 * it is, which of their numbers go where, and what they came to. check_oracle.c runs the rows. */
#ifndef SW_TESTS_ORACLE_H
#define SW_TESTS_ORACLE_H

/* Names: a parameter of ours that begins with `ours` is theirs with `theirs` in its place. The
 * first pair that fits counts; the end of a list has NULL. */
struct oracle_name {
    const char *ours, *theirs;
};

enum { ORACLE_FILES = 3 };

struct oracle {
    const char *name;
    const char *model; /* "model" of a config with ' for ", without its sizes */
    /* Files below the folder of oracles that hold parameters and buffers, and their names there. */
    const char *weights[ORACLE_FILES];
    const struct oracle_name *names;
    /* What is encoded: file (NULL: encoders/inputs), its features (I,k,F) or (I,F) (NULL:
     * "images"), counts of regions (NULL: all), and vectors (C,n,W) in the place of words' ids: our
     * embedding's table, by `names`. */
    const char *inputs, *images, *image_counts, *word_vectors;
    /* Fragments that are given: file, and its tensors (I,k,D) and (C,n,D); lengths of captions are
     * its `lens`. NULL: `inputs` are encoded. */
    const char *given, *regions, *words;
    const char *region_counts, *word_counts; /* tensors of `given`; NULL: all regions; `lens` */
    /* What is expected: file and its (I,C) tensor, float64 or float32; or the file's gradients
     * under `gradient_names` (NULL: as `names`) of the model's loss over the first four captions,
     * in training. */
    const char *file, *scores, *gradients;
    const struct oracle_name *gradient_names;
    const char
        *also; /* another row, by name, whose scores are added: of a second set of fragments */
    double tolerance; /* 0: 1e-5 for scores, 1e-4 of the largest for gradients */
    int gru_first;    /* see deal_gru_first in check_oracle.c */
};

/* From files to scores by `stepwise eval --sims`, on oracle/folder. */
struct oracle_folder {
    const char *name, *model, *weights[ORACLE_FILES];
    const struct oracle_name *names;
    const char *scores; /* .npy (I,C) */
};

extern const struct oracle oracle_align[], oracle_pooled[];
extern const struct oracle_folder oracle_folder_align[], oracle_folder_pooled[];

#endif
