/* trainer_step.c -- a step of a run: its batch, the step itself (train/step.h), and its row. */
#include "train/trainer_parts.h"

#include "tensor/tape/random.h"
#include "train/step.h"

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
    const struct sw_settings *s = &t->settings;
    struct sw_progress *p = &t->progress;
    struct sw_step_result result;
    struct sw_step step = {
        .compute = t->session->compute,
        .model = t->matcher->model,
        .graph = t->graph,
        .adam = &t->adam,
        .margin = s->margin,
        .rate = rate(s, p->epoch),
        .clip = s->clip,
        .all_negatives = p->epoch < s->warmup_epochs,
        .exclude_same_image = s->exclude_same_image,
    };
    int count = 0;
    double began = sw_seconds();
    int status = gather(t, &count, error);
    double gathered = sw_seconds();
    if (status == SW_OK)
        status = sw_step_run(&step, &t->gather.examples, t->gather.image, &result, error);
    if (status != SW_OK) {
        sw_error_within(error, "step %lld", (long long)p->step + 1);
        return status;
    }
    watch(t, result.loss / count);
    p->step++;
    if (++p->position == t->steps_in_epoch) {
        p->position = 0;
        p->epoch++;
    }
    sw_trainer_place(t, event);
    event->kind = SW_EVENT_STEP;
    event->samples = count;
    event->loss = result.loss;
    event->loss_per_sample = result.loss / count;
    event->grad_norm = result.norm;
    event->lr = step.rate;
    event->seconds = sw_seconds() - began;
    event->data_seconds = gathered - began;
    event->samples_per_second = event->seconds > 0 ? count / event->seconds : 0;
    p->seconds += event->seconds;
    return log_step(t, event, error);
}
