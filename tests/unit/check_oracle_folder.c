/* check_oracle_folder.c -- from files to scores by the program, against the scores of published
 * code: rows of oracle_*.c on the folder of data beside the oracles (STEPWISE_SHARED). */
#include "oracle_unit.h"

#include "data/npy.h"

/* The checkpoint that the row describes, in `path`. */
static void write_checkpoint(struct trial *t, const struct oracle_folder *row, const char *path)
{
    struct sw_safetensors_entry entries[64];
    int count = sw_model_parameters(t->model);
    ck_assert_int_le(count, 64);
    for (int i = 0; i < count; i++) {
        const struct sw_parameter *p = sw_model_parameter(t->model, i);
        entries[i] = (struct sw_safetensors_entry){
            .name = p->name, .ndim = p->tensor->ndim, .data = p->tensor->data};
        for (int d = 0; d < p->tensor->ndim; d++)
            entries[i].shape[d] = (size_t)p->tensor->dim[d];
    }
    json_t *config = json_pack("{s:o}", "model", model_of(row->model));
    char *text = json_dumps(config, JSON_COMPACT);
    json_t *metadata = json_pack("{s:s}", "stepwise", text);
    struct sw_error error = {0};
    ck_assert_msg(sw_safetensors_write(path, entries, (size_t)count, metadata, &error) == SW_OK,
                  "%s", error.text);
    json_decref(config);
    json_decref(metadata);
    free(text);
}

static void check_folder(const struct oracle_folder *row)
{
    const char *program = getenv("STEPWISE");
    char *theirs_path = oracle_path(row->scores), *folder = unit_folder(), command[2048];
    struct trial t;
    struct sw_error error = {0};
    struct sw_npy ours = {0}, theirs = {0};
    build(&t, row->model, VOCABULARY, 1);
    if (theirs_path && load_weights(&t, row->weights, row->names, 1)) {
        ck_assert_msg(program != NULL, "STEPWISE is not set");
        char *checkpoint = unit_path(folder, "checkpoint.safetensors"),
             *sims = unit_path(folder, "sims.npy"), *data = oracle_path("folder/data/vocab.json");
        write_checkpoint(&t, row, checkpoint);
        snprintf(command, sizeof command,
                 "'%s' eval '%s' --data '%.*s' --split test --vocab '%s' --sims '%s' >'%s/log' "
                 "2>&1 || { cat '%s/log'; exit 1; }",
                 program, checkpoint, (int)(strlen(data) - strlen("/vocab.json")), data, data, sims,
                 folder, folder);
        ck_assert_msg(system(command) == 0, "%s: %s", row->name, command);
        ck_assert_msg(sw_npy_open(&ours, sims, &error) == SW_OK, "%s", error.text);
        ck_assert_msg(sw_npy_open(&theirs, theirs_path, &error) == SW_OK, "%s", error.text);
        ck_assert_uint_eq(ours.shape[0], theirs.shape[0]);
        ck_assert_uint_eq(ours.shape[1], theirs.shape[1]);
        double worst = 0;
        for (size_t r = 0; r < ours.shape[0]; r++) {
            float a[64], b[64];
            ck_assert_int_eq(sw_npy_floats(&ours, r, 1, a), SW_OK);
            ck_assert_int_eq(sw_npy_floats(&theirs, r, 1, b), SW_OK);
            for (size_t c = 0; c < ours.shape[1]; c++)
                worst = fabs((double)a[c] - (double)b[c]) <= worst
                            ? worst
                            : fabs((double)a[c] - (double)b[c]);
        }
        printf("%s: scores within %.1e\n", row->name, worst);
        ck_assert_msg(worst <= 1e-5, "%s: scores differ by %g", row->name, worst);
        sw_npy_close(&ours);
        sw_npy_close(&theirs);
        free(checkpoint);
        free(sims);
        free(data);
    }
    end(&t);
    unit_remove_folder(folder);
    free(theirs_path);
}

/* Rows of both tables, one behind the other. */
static const struct oracle_folder *folder_row(int index)
{
    const struct oracle_folder *const tables[] = {oracle_folder_align, oracle_folder_pooled};
    for (int t = 0; t < 2; t++)
        for (const struct oracle_folder *row = tables[t]; row->name; row++)
            if (index-- == 0)
                return row;
    return NULL;
}

START_TEST(from_files_to_scores)
{
    check_folder(folder_row(_i));
}
END_TEST

static void add_tests(TCase *tests)
{
    int folders = 0;
    while (folder_row(folders))
        folders++;
    tcase_add_loop_test(tests, from_files_to_scores, 0, folders);
}

UNIT_MAIN("oracle_folder", add_tests)
