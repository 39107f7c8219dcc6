/* step.c -- see step.h. */
#include "train/step.h"

#include "base/clock.h"

#include <math.h>

static int is_finite(const struct sw_tensor *x)
{
    for (size_t i = 0; x && i < sw_tensor_count(x); i++)
        if (!isfinite(x->data[i]))
            return 0;
    return 1;
}

/* Says of a loss that is not finite where the first such numbers come from. */
static int fail_not_finite(const struct sw_step *s, const struct sw_encoding *e,
                           const struct sw_tensor *scores, float loss, struct sw_error *error)
{
    const char *from = is_finite(scores)                                ? "; the scores are finite"
                       : !is_finite(e->regions) || !is_finite(e->image) ? " of the image encoder"
                       : !is_finite(e->words) || !is_finite(e->text)    ? " of the text encoder"
                                                                        : " of the stages";
    return sw_fail(error, SW_FAILED, "expected a finite loss, found %s%s%s",
                   isnan(loss) ? "nan"
                   : loss > 0  ? "inf"
                               : "-inf",
                   from, s->adam && s->number > 0 ? "; a lower lr may help" : "");
}

/* S and the loss, eq. 17; the loss keeps `pairs` for its backward. */
static int forward(const struct sw_step *s, const struct sw_examples *batch,
                   const struct sw_pair_images *pairs, struct sw_encoding *encoding, double when[],
                   struct sw_tensor **loss, struct sw_error *error)
{
    struct sw_examples examples = *batch;
    examples.training = s->training;
    examples.step = s->number;
    when[SW_STEP_ENCODE] = sw_seconds();
    sw_graph_reset(s->graph, 1);
    if (sw_model_encode(s->model, s->graph, &examples, encoding) != SW_OK)
        return sw_graph_failure(s->graph, error);
    when[SW_STEP_SCORE] = sw_seconds();
    struct sw_tensor *scores = sw_model_score(s->model, s->graph, encoding, &s->pairs);
    *loss = sw_model_loss(s->model, s->graph, encoding, scores, pairs, s->epoch);
    if (!*loss)
        return sw_graph_failure(s->graph, error);
    if (!(*loss)->grad)
        return sw_fail(error, SW_FAILED, "the loss has no gradient");
    if (!isfinite((*loss)->data[0]))
        return fail_not_finite(s, encoding, scores, (*loss)->data[0], error);
    return SW_OK;
}

/* Whose gradient it was that the optimiser refused. */
static void name_gradient(const struct sw_model *model, struct sw_error *error)
{
    for (int p = 0; p < sw_model_parameters(model); p++) {
        const struct sw_parameter *parameter = sw_model_parameter(model, p);
        const struct sw_tensor *x = parameter->tensor;
        for (size_t i = 0; x->grad && i < sw_tensor_count(x); i++)
            if (!isfinite(x->grad[i])) {
                sw_error_within(error, "the gradient of %s", parameter->name);
                return;
            }
    }
}

static int run(const struct sw_step *s, const struct sw_examples *batch, const int32_t *image,
               struct sw_step_result *out, struct sw_error *error)
{
    const struct sw_pair_images pairs = {.n = batch->captions, .image = image};
    struct sw_tensor *loss = NULL;
    float *values, *gradients;
    size_t trained;
    double when[SW_PHASES + 1];
    int status = forward(s, batch, &pairs, &out->encoding, when, &loss, error);
    if (status != SW_OK)
        return status;
    out->loss = loss->data[0];
    when[SW_STEP_BACKWARD] = sw_seconds();
    sw_model_trained(s->model, &values, &gradients, &trained);
    sw_clear(s->compute, gradients, trained);
    loss->grad[0] = 1;
    if (sw_graph_backward(s->graph) != SW_OK)
        return sw_graph_failure(s->graph, error);
    /* The parameters change in all processes or in none. */
    status = sw_compute_agree(s->compute, out->loss, error);
    if (status != SW_OK)
        return status;
    out->touched = sw_encoding_touched(s->compute, &out->encoding);
    when[SW_STEP_UPDATE] = sw_seconds();
    if (s->adam)
        status = sw_adam_update(s->compute, s->adam, values, gradients, s->rate, s->clip,
                                &out->norm, error);
    when[SW_PHASES] = sw_seconds();
    for (int phase = 0; phase < SW_PHASES; phase++)
        out->seconds[phase] = when[phase + 1] - when[phase];
    if (status != SW_OK)
        name_gradient(s->model, error);
    else if (s->adam)
        sw_graph_commit(s->graph);
    return status;
}

int sw_step_run(const struct sw_step *step, const struct sw_examples *batch, const int32_t *image,
                struct sw_step_result *out, struct sw_error *error)
{
    struct sw_place outside = sw_part_begin(step->compute, "between the parts", 0);
    *out = (struct sw_step_result){0};
    int status = run(step, batch, image, out, error);
    sw_part_end(step->compute, outside);
    return status;
}
