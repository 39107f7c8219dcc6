/* check_verify.c -- a part that breaks a rule is found out: a wrong gradient, an ignored mask, an
 * unstable loss. And what the second edition of the interface offers: blocks that drop fragments,
 * random streams, buffers, pooled vectors, stages that couple their pairs. */
#include "pairs_unit.h"

#include "match/verify.h"

/* ---- operations of the test's own --------------------------------------------------------------
 */

static int same_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    for (int d = 0; d < call->in[0]->ndim; d++)
        out_dim[d] = call->in[0]->dim[d];
    return call->in[0]->ndim;
}

static void copy_forward(const struct sw_call *call)
{
    memcpy(call->out->data, call->in[0]->data, sizeof(float) * sw_tensor_count(call->out));
}

static void double_backward(const struct sw_call *call)
{
    for (size_t i = 0; i < sw_tensor_count(call->out); i++)
        call->in[0]->grad[i] += 2 * call->out->grad[i];
}

/* The sum of each group's rows: (N,D) -> (G,D). */
static int sum_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_fragments *f = call->args->p;
    out_dim[0] = f->stride == 1 ? f->groups : (f->groups + SW_LANES - 1) / SW_LANES * SW_LANES;
    out_dim[1] = call->in[0]->dim[1];
    return 2;
}

static void sum_rows(const struct sw_call *call, int backward)
{
    const struct sw_fragments *f = call->args->p;
    size_t D = (size_t)call->out->dim[1];
    for (int g = 0; g < f->groups; g++)
        for (int i = 0; i < f->count[g]; i++)
            for (size_t d = 0; d < D; d++) {
                size_t from = ((size_t)f->first[g] + (size_t)(i * f->stride)) * D + d;
                if (backward)
                    call->in[0]->grad[from] += call->out->grad[(size_t)g * D + d];
                else
                    call->out->data[(size_t)g * D + d] += call->in[0]->data[from];
            }
}

static void sum_forward(const struct sw_call *call)
{
    memset(call->out->data, 0, sizeof(float) * sw_tensor_count(call->out));
    sum_rows(call, 0);
}

static void sum_backward(const struct sw_call *call)
{
    sum_rows(call, 1);
}

static const struct sw_sample samples[] = {{.inputs = 1, .in = {{2, {2, 2}, -1, 1, 0}}}};
static const struct sw_op copy = {.name = "wrong_copy",
                                  .shapes = "(..)->(..)",
                                  .doc = "a copy whose gradient is twice as large",
                                  .least_inputs = 1,
                                  .most_inputs = 1,
                                  .shape = same_shape,
                                  .forward = copy_forward,
                                  .backward = double_backward,
                                  .samples = samples,
                                  .sample_count = 1};
static const struct sw_op group_total = {.name = "group_total",
                                         .shapes = "(N,D)->(G,D)",
                                         .doc = "sum of a group's rows",
                                         .least_inputs = 1,
                                         .most_inputs = 1,
                                         .shape = sum_shape,
                                         .forward = sum_forward,
                                         .backward = sum_backward,
                                         .samples = samples,
                                         .sample_count = 1};

/* ---- a stage that breaks rules, as its option says ----------------------------------------------
 */

enum { FINE, IGNORES_WORDS, WRONG_GRADIENT, COUPLES };

static const struct sw_option options[] = {
    {"way", SW_CHOICE, "fine", "fine ignores_words wrong_gradient couples", 0, 0, "what it does"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct crooked {
    int way;
    struct sw_tensor *key, *mean;
};

struct crooked_prepared {
    struct sw_input product, image_sum;
    struct sw_observed seen;
};

static int crooked_init(const struct sw_host *host, struct sw_model *model, void *self,
                        const struct sw_value *values)
{
    struct crooked *s = self;
    int D = host->dim(model), square[2] = {D, D}, one = 1;
    s->way = (int)values[0].number;
    s->key =
        host->parameter(model, "key.weight", 2, square, (struct sw_init){.kind = SW_INIT_XAVIER});
    s->mean = host->buffer(model, "mean", 1, &one, 0.25f);
    return s->key && s->mean ? 0 : SW_PLUGIN_FAILED;
}

static void crooked_prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct crooked *s = self;
    struct crooked_prepared *p = prepared;
    struct sw_tensor *key = sw_linear(batch, batch->words, s->key, NULL);
    struct sw_args args = {.p = batch->region_fragments};
    p->product = batch->host->input_product(batch, batch->regions, key);
    p->image_sum = batch->host->input_group(
        batch, SW_REGIONS,
        batch->host->apply(batch->graph, "group_total", &batch->regions, 1, &args));
    p->seen = batch->host->observed(batch, s->mean, 0.5f);
}

static struct sw_tensor *crooked_score(struct sw_tile *tile, const void *self, const void *prepared)
{
    const struct crooked *s = self;
    const struct crooked_prepared *p = prepared;
    struct sw_tensor *A = sw_read(tile, p->product); /* (n,k,L) */
    struct sw_vectors *attended = sw_over_regions(tile, sw_softmax(tile, A, SW_REGIONS, 4));
    struct sw_tensor *c = sw_cosine(tile, sw_words_of(tile), attended); /* (1,n,L) */
    struct sw_tensor *total = sw_read(tile, p->image_sum);              /* (1,L,D) */
    struct sw_tensor *square =
        sw_apply2(tile, "vec_rowdot", total, total, (struct sw_args){{0}, {0}, NULL});
    struct sw_tensor *score =
        s->way == IGNORES_WORDS ? sw_apply1(tile, "lane_mean", c, (struct sw_args){{0}, {0}, NULL})
                                : sw_mean(tile, c, SW_WORDS);
    if (s->way == WRONG_GRADIENT)
        score = sw_apply1(tile, "wrong_copy", score, (struct sw_args){{0}, {0}, NULL});
    if (s->way == COUPLES && tile->training && score) {
        int one = 1;
        struct sw_tensor *x = tile->host->constant(tile->graph, 1, &one, score->data[0]);
        tile->host->observe(tile, p->seen, x);
    }
    return sw_plus(tile, score, sw_affine(tile, square, 0.01f, 0));
}

static const struct sw_stage crooked = {.name = "crooked",
                                        .doc = "for tests",
                                        .options = options,
                                        .self_size = sizeof(struct crooked),
                                        .prepared_size = sizeof(struct crooked_prepared),
                                        .init = crooked_init,
                                        .prepare = crooked_prepare,
                                        .score = crooked_score};

/* ---- a block that drops, a pooling, a stage over all pairs, a crooked loss
 * ------------------------ */

static int plain_block(const struct sw_host *host, struct sw_model *model, void *self,
                       enum sw_side side, int width, int *out, const struct sw_value *values)
{
    (void)host, (void)model, (void)self, (void)side, (void)width, (void)out, (void)values;
    return 0;
}

/* Each fragment but the first of its group goes with a chance of a half. */
static void drop_some(struct sw_encode *e, const void *self, unsigned char *keep)
{
    int key[2];
    (void)self;
    e->host->random(e->graph, key);
    struct sw_random random = sw_random_stream((uint64_t)key[0], SW_FOR_TESTS, (uint64_t)key[1], 0);
    for (int i = 0; i < e->fragments->rows; i++)
        keep[i] = sw_random_below(&random, 2) != 0;
}

static struct sw_tensor *total(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    struct sw_args args = {.p = e->fragments};
    (void)self;
    return e->host->apply(e->graph, "group_total", &x, 1, &args);
}

static int plain_init(const struct sw_host *host, struct sw_model *model, void *self,
                      const struct sw_value *values)
{
    (void)host, (void)model, (void)self, (void)values;
    return 0;
}

static struct sw_tensor *all_dots(struct sw_batch *batch, const void *self, const void *prepared)
{
    (void)self, (void)prepared;
    return sw_linear(batch, batch->image, batch->text, NULL);
}

static struct sw_tensor *crooked_sum(struct sw_loss_batch *batch, const void *self)
{
    struct sw_args hinge = {.f = {0.2f}, .p = batch->pairs};
    struct sw_tensor *x = batch->host->apply(batch->graph, "hinge", &batch->scores, 1, &hinge);
    (void)self;
    return batch->host->apply(batch->graph, "wrong_copy", &x, 1, NULL);
}

static const struct sw_block dropping = {.name = "dropping",
                                         .doc = "drops half of all fragments",
                                         .init = plain_block,
                                         .augment = drop_some};
static const struct sw_pool summing = {
    .name = "summing", .doc = "for tests", .init = plain_block, .pool = total};
static const struct sw_stage dots = {.name = "dots",
                                     .doc = "for tests",
                                     .init = plain_init,
                                     .score_all = all_dots,
                                     .flags = SW_NEEDS_POOLED};
static const struct sw_loss wrong_loss = {
    .name = "wrong_loss", .doc = "for tests", .init = plain_init, .loss = crooked_sum};

static const struct sw_plugin plugin = {
    SW_PLUGIN_HEAD,
    .name = "crooked",
    .version = "1",
    .license = "MIT",
    .doc = "for tests",
    .stages = (const struct sw_stage *const[]){&crooked, &dots, NULL},
    .blocks = (const struct sw_block *const[]){&dropping, NULL},
    .pools = (const struct sw_pool *const[]){&summing, NULL},
    .losses = (const struct sw_loss *const[]){&wrong_loss, NULL},
    .ops = (const struct sw_op *const[]){&copy, &group_total, NULL}};

static void begin(void)
{
    pu_extra_plugin = &plugin;
}

/* ---- tests
 * --------------------------------------------------------------------------------------- */

/* Verifies a model given as JSON with ' for "; how many findings are faults, the last one in *bad.
 */
static int faults(const char *model, struct sw_finding *bad)
{
    char text[1024];
    snprintf(text, sizeof text, "%s", model);
    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    struct pairs_unit *u = pu_new(text, 1, 0), *twin = pu_new(text, 1, 0);
    struct sw_finding out[SW_MOST_FINDINGS];
    struct sw_error error = {0};
    const struct sw_model_plan *plans[2] = {sw_composition_plan(u->composition),
                                            sw_composition_plan(twin->composition)};
    int count, wrong = 0;
    ck_assert_msg(sw_model_verify(plans, sw_host_table(), u->ops, out, &count, &error) == SW_OK,
                  "%s", error.text);
    ck_assert_int_gt(count, 3);
    for (int i = 0; i < count; i++)
        if (!(out[i].worst <= out[i].most)) {
            *bad = out[i];
            wrong++;
        }
    pu_free(u);
    pu_free(twin);
    return wrong;
}

static const char *const sound[] = {
    "{}",
    "{'stages':['crooked']}",
    "{'stages':['l2l','crooked',{'plugin':'l2l','lambda':4}]}",
    "{'stages':['dots'],'pool':{'image':'summing','text':'summing'}}",
    "{'stages':['l2l','dots'],'pool':{'image':'summing','text':'summing'}}",
    "{'stages':['crooked'],'image':['linear','l2norm','dropping'],'text':['dropping','bigru','"
    "l2norm']}",
    "{'loss':[{'plugin':'hinge','weight':0.5},{'plugin':'hinge','negatives':'all'}]}",
    "{'stages':['dot'],'image':['linear'],'text':['gru'],'pool':{'image':'mean','text':'last'}}",
    "{'stages':['order'],'image':['linear'],'text':['bigru'],'pool':{'image':'max','text':'mean'}}",
    "{'stages':['dot'],'image':['drop_regions','residual_mlp'],'text':['drop_words','bigru'],"
    "'pool':{'image':'gpo','text':'gpo'},'loss':['infonce']}",
    "{'stages':['dot'],'image':['residual_mlp','dropout'],'text':['dropout','bigru'],"
    "'pool':{'image':'esa','text':'esa'}}",
    "{'stages':['dot'],'image':['linear',{'plugin':'self_attention','heads':4,'width':24}],"
    "'text':[],'pool':{'image':'mean','text':{'plugin':'word_cnn','maps':12}},'loss':['hinge',"
    "{'plugin':'angular','weight':0.5},{'plugin':'weight_norms','weight':0.01}]}",
    "{'stages':['l2l','dot'],'image':['linear',{'plugin':'self_attention','heads':2},'l2norm'],"
    "'pool':{'image':'esa','text':'gpo'}}",
    "{'stages':['dot'],'image':['linear',{'plugin':'residual_attention','heads':4}],"
    "'pool':{'image':'kmax','text':{'plugin':'kmax','k':4}}}",
    "{'stages':[{'plugin':'max_mean','slope':1,'reduce':'raw_lse'},"
    "{'plugin':'max_mean','reduce':'max'}]}",
    "{'stages':[{'plugin':'scan','reduce':'lse'}]}",
    "{'direction':'i2t','stages':[{'plugin':'scan','attention_norm':'softmax','reduce':'sum'}]}",
    "{'stages':['max_mean']}",
    "{'stages':[{'plugin':'bfan','focus':'prob'}]}",
    "{'stages':['imram']}",
    "{'direction':'t2i','stages':[{'plugin':'imram','normalise':true}]}",
    "{'direction':'t2i','stages':[{'plugin':'imram','steps':2,'normalise':true}]}",
    "{'stages':[{'plugin':'camp','form':'cross_attention'}]}",
    "{'stages':[{'plugin':'camp','form':'cross_attention_new','padded_words':20}]}",
    "{'stages':[{'plugin':'camp','form':'gate_fusion'}],'loss':['bce']}",
    "{'stages':['camp'],'image':['linear'],'text':['bigru'],'loss':['bce']}",
    "{'stages':['caan_like']}",
    "{'stages':['saf']}",
    "{'stages':[{'plugin':'saf','lambda':4}]}",
    "{'stages':['sgr']}",
    "{'second':{'image':{'file':'a','width':5,'blocks':['linear']},'text':{'file':'b','width':6,"
    "'blocks':['linear','l2norm']}},'stages':[{'plugin':'max_mean_of_set','slope':1},"
    "{'plugin':'max_mean_of_set','slope':1,'set':'second'}]}",
    "{'second':{'text':{'file':'b','width':6,'blocks':['linear']}},'stages':['l2l']}",
    "{'second':{'image':{'file':'a','width':6,'blocks':['linear']}},'image':['linear',"
    "'drop_regions'],'stages':['dot','l2l'],'pool':{'image':'mean','text':'mean'}}",
    "{'second':{'text':{'file':'b','width':6,'alone':true}},'stages':['dot'],"
    "'pool':{'image':'mean','text':{'plugin':'word_cnn','maps':12}}}",
};

START_TEST(a_sound_model_has_no_fault)
{
    struct sw_finding bad = {0};
    ck_assert_msg(faults(sound[_i], &bad) == 0, "%s: expected %s, found %s off by %g", sound[_i],
                  bad.what, bad.where, bad.worst);
}
END_TEST

static void has_fault(const char *model, const char *what)
{
    struct sw_finding bad = {0};
    ck_assert_int_gt(faults(model, &bad), 0);
    ck_assert_str_eq(bad.what, what);
}

START_TEST(an_ignored_mask_is_a_fault)
{
    has_fault("{'stages':[{'plugin':'crooked','way':'ignores_words'}]}",
              "masked words do not matter");
}
END_TEST

START_TEST(a_wrong_gradient_is_a_fault)
{
    has_fault("{'stages':[{'plugin':'crooked','way':'wrong_gradient'}]}",
              "gradients = differences");
}
END_TEST

START_TEST(a_loss_with_a_wrong_gradient_is_a_fault)
{
    has_fault("{'loss':['wrong_loss']}", "the loss's gradient = differences");
}
END_TEST

/* Slots with numbers of their own mean nothing where images have different counts of regions. */
START_TEST(fixed_slots_refuse_ragged_counts)
{
    static const char *const stages[] = {"saf", "sgr"};
    for (int s = 0; s < 2; s++) {
        char model[64], told[128];
        snprintf(model, sizeof model, "{\"stages\":[\"%s\"]}", stages[s]);
        for (int varied = 0; varied < 2; varied++) {
            struct pairs_unit *u = pu_new(model, 1, varied);
            sw_graph_reset(u->graph, 0);
            struct sw_tensor *S = sw_model_scores(u->model, u->graph, &u->examples, NULL);
            ck_assert_int_eq(S == NULL, varied);
            snprintf(told, sizeof told,
                     "stage %s: expected the same number of regions in every image", stages[s]);
            if (varied)
                ck_assert_ptr_nonnull(strstr(sw_graph_error(u->graph)->text, told));
            pu_free(u);
        }
    }
}
END_TEST

/* A stage that stands twice has parameters of its own each time. */
START_TEST(a_stage_can_stand_twice)
{
    struct pairs_unit *u = pu_new("{\"stages\":[\"l2l\",\"l2l\"]}", 1, 0);
    ck_assert_ptr_nonnull(sw_model_find_parameter(u->model, "l2l.text_key.weight"));
    ck_assert_ptr_nonnull(sw_model_find_parameter(u->model, "l2l_2.text_key.weight"));
    pu_free(u);
}
END_TEST

/* The same step drops the same fragments, another step others, and evaluation none. */
START_TEST(dropped_fragments_depend_on_the_step)
{
    struct pairs_unit *u =
        pu_new("{\"stages\":[\"l2l\"],\"text\":[\"dropping\",\"bigru\",\"l2norm\"]}", 2, 0);
    float scores[4][PU_IMAGES * PU_IMAGES];
    static const int training[4] = {1, 1, 1, 0}, step[4] = {3, 3, 4, 3};
    struct sw_encoding encoding;
    int words[4];
    for (int i = 0; i < 4; i++) {
        u->examples.training = training[i];
        u->examples.step = (uint64_t)step[i];
        sw_graph_reset(u->graph, 0);
        struct sw_tensor *S = sw_model_scores(u->model, u->graph, &u->examples, NULL);
        ck_assert_msg(S != NULL, "%s", sw_graph_error(u->graph)->text);
        memcpy(scores[i], S->data, sizeof scores[i]);
        sw_graph_reset(u->graph, 0);
        ck_assert_int_eq(sw_model_encode(u->model, u->graph, &u->examples, &encoding), SW_OK);
        words[i] = encoding.word_rows.rows;
    }
    ck_assert_mem_eq(scores[0], scores[1], sizeof scores[0]);
    ck_assert_mem_ne(scores[0], scores[2], sizeof scores[0]);
    ck_assert_int_eq(words[3], u->caption_start[PU_IMAGES]);
    ck_assert_int_lt(words[0], words[3]);
    pu_free(u);
}
END_TEST

/* A buffer keeps its value until the step is done: one that fails must not leave a trace. */
START_TEST(buffers_change_when_the_step_is_done)
{
    struct pairs_unit *u =
        pu_new("{\"stages\":[{\"plugin\":\"crooked\",\"way\":\"couples\"}]}", 2, 0);
    const struct sw_tensor *mean = sw_model_find_parameter(u->model, "crooked.mean")->tensor;
    ck_assert_ptr_null(mean->grad);
    ck_assert_double_eq((double)mean->data[0], 0.25);
    u->examples.training = 1;
    sw_graph_reset(u->graph, 1);
    struct sw_tensor *S = sw_model_scores(u->model, u->graph, &u->examples, NULL);
    ck_assert_ptr_nonnull(S);
    ck_assert_double_eq((double)mean->data[0], 0.25);
    sw_graph_commit(u->graph);
    float once = mean->data[0];
    ck_assert_double_ne((double)once, 0.25);
    sw_graph_commit(u->graph);
    ck_assert_double_eq((double)mean->data[0], (double)once);
    sw_graph_reset(u->graph, 1);
    sw_graph_commit(u->graph);
    ck_assert_double_eq((double)mean->data[0], (double)once);
    pu_free(u);
}
END_TEST

/* Pooled vectors without a pooling, a chain that ends with another width: said before training. */
START_TEST(what_cannot_be_built_says_why)
{
    struct sw_error error = {0};
    struct pairs_unit *u = pu_new("{}", 1, 0);
    static const char *const models[] = {
        "{\"dim\":32,\"embedding\":{\"plugin\":\"random\",\"word_dim\":10},\"stages\":[\"dots\"]}",
        "{\"dim\":32,\"embedding\":{\"plugin\":\"random\",\"word_dim\":10},\"stages\":[\"l2l\"],"
        "\"image\":[\"l2norm\"]}",
        "{\"dim\":32,\"embedding\":{\"plugin\":\"random\",\"word_dim\":10},\"stages\":[\"l2l\"],"
        "\"image\":[\"bigru\"]}",
    };
    static const char *const words[] = {"pool = {", "expected blocks that end with dim = 32",
                                        "expected words in their order"};
    for (int i = 0; i < 3; i++) {
        struct sw_composition *composition;
        struct sw_model *model;
        json_t *json = json_loads(models[i], 0, NULL);
        models_complete(json);
        ck_assert_int_eq(sw_compose(&composition, u->plugins, json, &error), SW_OK);
        struct sw_model_plan *plan = sw_composition_plan(composition);
        plan->features = 8;
        plan->vocabulary = 20;
        ck_assert_int_ne(sw_model_new(&model, plan, sw_host_table(), u->compute, u->ops, &error),
                         SW_OK);
        ck_assert_msg(strstr(error.text, words[i]) != NULL, "%s", error.text);
        sw_composition_free(composition);
        json_decref(json);
        error = (struct sw_error){0};
    }
    pu_free(u);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, NULL);
    tcase_set_timeout(tests, 600);
    tcase_add_loop_test(tests, a_sound_model_has_no_fault, 0, sizeof sound / sizeof *sound);
    tcase_add_test(tests, an_ignored_mask_is_a_fault);
    tcase_add_test(tests, a_wrong_gradient_is_a_fault);
    tcase_add_test(tests, a_loss_with_a_wrong_gradient_is_a_fault);
    tcase_add_test(tests, fixed_slots_refuse_ragged_counts);
    tcase_add_test(tests, a_stage_can_stand_twice);
    tcase_add_test(tests, dropped_fragments_depend_on_the_step);
    tcase_add_test(tests, buffers_change_when_the_step_is_done);
    tcase_add_test(tests, what_cannot_be_built_says_why);
}

UNIT_MAIN("verify", add_tests)
