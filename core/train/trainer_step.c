/* trainer_step.c -- one step: batch, scores, loss, gradients, update. */
#include "train/trainer_parts.h"

#include "data/order.h"

#include <math.h>
#include <string.h>

/* The loss counts as stuck within this part of twice the margin, and after so many steps it is
 * told: runs that learn pass the place faster, runs that do not stay there for epochs. */
static const double stuck_within = 0.03;
enum { STUCK_STEPS = 200 };

/* lr * decay^(epoch / decay_epoch) by products, which are the same on every machine. */
static double rate(const struct sw_settings *s, int64_t epoch)
{
    double lr = s->lr;
    for (int64_t i = s->decay_epoch ? epoch / s->decay_epoch : 0; i > 0 && lr > 0; i--)
        lr *= s->decay;
    return lr;
}

/* Captions of step `position` of the epoch; their number in *count. */
static const uint32_t *batch_of(const struct sw_trainer *t, int64_t position, int *count)
{
    int64_t first = position * t->settings.batch, left = (int64_t)t->inputs.train.captions - first;
    *count = (int)(left < t->settings.batch ? left : t->settings.batch);
    return t->order + first;
}

static void shuffle(struct sw_trainer *t, int64_t epoch)
{
    if (t->order_epoch == epoch)
        return;
    sw_order(t->settings.seed, (uint64_t)epoch, (uint32_t)t->inputs.train.captions, t->order);
    t->order_epoch = epoch;
}

/* The batch of the step after this one is made while this one computes; behind the last step of an
 * epoch that is the first of the next. */
static int gather_next(struct sw_trainer *t, struct sw_error *error)
{
    const struct sw_progress *p = &t->progress;
    int64_t next = p->position + 1;
    int count;
    if (p->step + 1 >= t->total_steps)
        return SW_OK;
    if (next == t->steps_in_epoch) {
        next = 0;
        shuffle(t, p->epoch + 1);
    }
    const uint32_t *captions = batch_of(t, next, &count);
    return sw_gather_ahead(&t->gather, captions, count, error);
}

static int gather(struct sw_trainer *t, int *count, struct sw_error *error)
{
    shuffle(t, t->progress.epoch);
    const uint32_t *captions = batch_of(t, t->progress.position, count);
    int status = sw_gather_pairs(&t->gather, captions, *count, error);
    return status == SW_OK ? gather_next(t, error) : status;
}

/* S, eq. 17 and the way back; the gradients are those of the summed loss. */
static int loss_and_gradients(struct sw_trainer *t, int count, double *loss, struct sw_error *error)
{
    const struct sw_pair_images pairs = {.n = count, .image = t->gather.image};
    struct sw_examples *examples = &t->gather.examples;
    struct sw_model *model = t->matcher->model;
    struct sw_encoding encoding;
    struct sw_tensor *scores = NULL;
    float *values, *gradients;
    size_t trained;
    sw_model_trained(t->matcher->model, &values, &gradients, &trained);
    sw_clear(t->session->compute, gradients, trained);
    sw_graph_reset(t->graph, 1);
    examples->training = 1;
    examples->step = (uint64_t)t->progress.step;
    if (sw_model_encode(model, t->graph, examples, &encoding) == SW_OK)
        scores = sw_model_score(model, t->graph, &encoding, NULL);
    if (sw_compute_interrupted(t->session->compute))
        return sw_fail(error, SW_INTERRUPTED, "interrupted");
    struct sw_tensor *out =
        sw_model_loss(model, t->graph, &encoding, scores, &pairs, (int)t->progress.epoch);
    if (!out || !out->grad)
        return sw_fail(error, SW_FAILED, "%s",
                       sw_graph_error(t->graph)->status ? sw_graph_error(t->graph)->text
                                                        : "the loss has no gradient");
    *loss = out->data[0];
    if (!isfinite(*loss))
        return sw_fail(error, SW_FAILED, "expected a finite loss, found %g; a lower lr may help",
                       *loss);
    out->grad[0] = 1;
    if (sw_graph_backward(t->graph) != SW_OK)
        return sw_fail(error, SW_FAILED, "%s", sw_graph_error(t->graph)->text);
    return SW_OK;
}

/* Whose gradient it was that the optimiser refused. */
static void name_gradient(const struct sw_trainer *t, struct sw_error *error)
{
    const struct sw_model *model = t->matcher->model;
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

/* Counts the steps that the loss has stayed at two margins a sample: with the hardest negatives
 * that is where a model ends which scores all pairs alike. */
static void watch(struct sw_trainer *t, double loss_per_sample)
{
    const struct sw_settings *s = &t->settings;
    double place = 2 * s->margin;
    int hardest = t->progress.epoch >= s->warmup_epochs;
    int stuck = hardest && fabs(loss_per_sample - place) <= stuck_within * place;
    t->progress.collapse = stuck ? t->progress.collapse + 1 : 0;
    if (t->progress.collapse == STUCK_STEPS)
        t->warn = 1;
}

static int log_step(struct sw_trainer *t, const struct sw_event *e, struct sw_error *error)
{
    struct sw_row row = {
        .step = e->step,
        .epoch = e->epoch,
        .kind = "step",
        .loss = e->loss,
        .loss_per_sample = e->loss_per_sample,
        .grad_norm = e->grad_norm,
        .lr = e->lr,
        .i2t_r1 = NAN,
        .i2t_r5 = NAN,
        .i2t_r10 = NAN,
        .t2i_r1 = NAN,
        .t2i_r5 = NAN,
        .t2i_r10 = NAN,
        .rsum = NAN,
        .seconds = t->progress.seconds,
    };
    return sw_folder_row(t->folder, &row, error);
}

int sw_trainer_step(struct sw_trainer *t, struct sw_event *event, struct sw_error *error)
{
    double began = sw_seconds(), loss = 0, norm = 0;
    float *values, *gradients;
    size_t trained;
    int count = 0;
    struct sw_progress *p = &t->progress;
    double lr = rate(&t->settings, p->epoch);
    sw_model_trained(t->matcher->model, &values, &gradients, &trained);
    int status = gather(t, &count, error);
    double gathered = sw_seconds();
    if (status == SW_OK)
        status = loss_and_gradients(t, count, &loss, error);
    if (status == SW_OK) {
        status = sw_adam_update(t->session->compute, &t->adam, values, gradients, lr,
                                t->settings.clip, &norm, error);
        if (status == SW_OK)
            sw_graph_commit(t->graph);
        else
            name_gradient(t, error);
    }
    if (status != SW_OK) {
        sw_error_within(error, "step %lld", (long long)p->step + 1);
        return status;
    }
    watch(t, loss / count);
    p->step++;
    if (++p->position == t->steps_in_epoch) {
        p->position = 0;
        p->epoch++;
    }
    sw_trainer_place(t, event);
    event->kind = SW_EVENT_STEP;
    event->samples = count;
    event->loss = loss;
    event->loss_per_sample = loss / count;
    event->grad_norm = norm;
    event->lr = lr;
    event->seconds = sw_seconds() - began;
    event->data_seconds = gathered - began;
    event->samples_per_second = event->seconds > 0 ? count / event->seconds : 0;
    p->seconds += event->seconds;
    return log_step(t, event, error);
}
