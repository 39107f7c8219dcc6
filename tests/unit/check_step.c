/* check_step.c -- the one training step: what it leaves behind, and what it refuses. */
#include "pairs_unit.h"

#include "train/step.h"

#include <math.h>

static struct pairs_unit *u;
static float *values, *gradients, *before;
static size_t trained;
static struct sw_step step;
static struct sw_step_result result;
static struct sw_error error;
static int32_t image[PU_IMAGES];

static void begin(void)
{
    u = pu_new("{\"stages\":[\"l2l\"]}", 2, 1);
    sw_model_trained(u->model, &values, &gradients, &trained);
    before = malloc(trained * sizeof *before);
    memcpy(before, values, trained * sizeof *before);
    for (int i = 0; i < PU_IMAGES; i++)
        image[i] = i;
    step =
        (struct sw_step){.compute = u->compute, .model = u->model, .graph = u->graph, .epoch = 1};
    error = (struct sw_error){0};
}

static void end(void)
{
    pu_free(u);
    free(before);
}

static int take(void)
{
    return sw_step_run(&step, &u->examples, image, &result, &error);
}

/* What was in the gradients before would be added to them; those who only ask for gradients keep
 * their parameters. */
START_TEST(the_gradients_are_those_of_this_batch)
{
    size_t count;
    float *expected = malloc(trained * sizeof *expected);
    memcpy(expected, pu_step(u, (struct sw_pair_options){0}, 0, &count), trained * sizeof *values);
    for (size_t i = 0; i < trained; i++)
        gradients[i] = 1;
    ck_assert_msg(take() == SW_OK, "%s", error.text);
    ck_assert_mem_eq(gradients, expected, trained * sizeof *values);
    ck_assert_mem_eq(values, before, trained * sizeof *values);
    ck_assert_double_eq(result.loss, (double)u->loss);
    ck_assert_double_eq(result.norm, 0);
    for (int phase = 0; phase < SW_STEP_UPDATE; phase++)
        ck_assert_double_gt(result.seconds[phase], 0);
    pu_step(u, (struct sw_pair_options){0}, 1, &count);
    step.epoch = 0;
    ck_assert_int_eq(take(), SW_OK);
    ck_assert_double_eq(result.loss, (double)u->loss);
    ck_assert_double_gt(result.loss, 0);
    free(expected);
}
END_TEST

/* The losses that the model names are taken, with their options. */
START_TEST(the_loss_is_the_models_own)
{
    struct pairs_unit *other = pu_new("{\"stages\":[\"l2l\"],\"loss\":[{\"plugin\":\"hinge\","
                                      "\"same_image\":\"exclude\"}]}",
                                      2, 1);
    step.model = other->model;
    step.graph = other->graph;
    ck_assert_msg(take() == SW_OK, "%s", error.text);
    ck_assert_double_gt(result.loss, 0);
    for (int i = 0; i < PU_IMAGES; i++)
        image[i] = 7;
    ck_assert_int_eq(take(), SW_OK);
    ck_assert_double_eq(result.loss, 0); /* one image only: no negatives are left */
    pu_free(other);
}
END_TEST

static struct sw_adam adam_of(float **moments)
{
    *moments = calloc(2 * trained, sizeof **moments);
    return sw_adam_new(*moments, *moments + trained, trained, 0);
}

/* Each step goes down the gradient of the loss it tells. */
START_TEST(an_update_lowers_the_loss)
{
    float *moments;
    struct sw_adam adam = adam_of(&moments);
    step.adam = &adam;
    step.rate = 1e-3;
    ck_assert_msg(take() == SW_OK, "%s", error.text);
    double first = result.loss;
    ck_assert_double_eq_tol(result.norm, sw_norm(u->compute, gradients, trained), 1e-9);
    ck_assert(memcmp(values, before, trained * sizeof *values) != 0);
    ck_assert_uint_eq(adam.step, 1);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(take(), SW_OK);
    ck_assert_double_lt(result.loss, first);
    free(moments);
}
END_TEST

/* Parameters that took a step with numbers that are none are lost. */
START_TEST(what_is_not_finite_moves_no_parameter)
{
    float *moments;
    struct sw_adam adam = adam_of(&moments);
    values[0] = before[0] = NAN;
    ck_assert_int_eq(take(), SW_FAILED);
    ck_assert_str_eq(error.text, "expected a finite loss, found nan of the image encoder");
    step.adam = &adam; /* a first step, which no lr is to blame for */
    error = (struct sw_error){0};
    ck_assert_int_eq(take(), SW_FAILED);
    ck_assert_str_eq(error.text, "expected a finite loss, found nan of the image encoder");
    step.number = 1;
    error = (struct sw_error){0};
    ck_assert_int_eq(take(), SW_FAILED);
    ck_assert_str_eq(error.text,
                     "expected a finite loss, found nan of the image encoder; a lower lr may help");
    ck_assert_mem_eq(values, before, trained * sizeof *values);
    ck_assert_uint_eq(adam.step, 0);
    free(moments);
}
END_TEST

/* A user who meets one has to know where to look. The loss is finite: the rows are divided by their
 * lengths, which large features and small weights leave as they are. */
START_TEST(a_gradient_that_is_not_finite_is_told_by_its_parameter)
{
    float *moments;
    struct sw_adam adam = adam_of(&moments);
    step.adam = &adam;
    step.rate = 1e-3;
    for (int p = 0; p < sw_model_parameters(u->model); p++) {
        const struct sw_parameter *parameter = sw_model_parameter(u->model, p);
        if (strcmp(parameter->name, "image.fc.weight") == 0)
            for (size_t i = 0; i < sw_tensor_count(parameter->tensor); i++)
                parameter->tensor->data[i] *= 1e-38F / 3;
    }
    for (int i = 0; i < PU_IMAGES * PU_REGIONS * PU_FEATURES; i++)
        u->features[i] *= 3e38F;
    memcpy(before, values, trained * sizeof *before);
    ck_assert_int_eq(take(), SW_FAILED);
    ck_assert_msg(strncmp(error.text, "the gradient of image.fc.weight: the gradient", 45) == 0,
                  "%s", error.text);
    ck_assert_mem_eq(values, before, trained * sizeof *values);
    ck_assert_uint_eq(adam.step, 0);
    free(moments);
}
END_TEST

/* Takes steps on a model with this image encoder instead. */
static struct pairs_unit *begin_with(const char *image_blocks)
{
    char model[256];
    snprintf(model, sizeof model, "{\"stages\":[\"l2l\"],\"image\":[%s]}", image_blocks);
    struct pairs_unit *other = pu_new(model, 2, 1);
    step.model = other->model;
    step.graph = other->graph;
    step.training = 1;
    return other;
}

/* Evaluation would go by the running values of the first day; and a step that never was must leave
 * no trace in them. */
START_TEST(buffers_move_with_the_steps_that_are_taken)
{
    struct pairs_unit *other = begin_with("\"residual_mlp\",\"l2norm\"");
    const struct sw_tensor *mean =
        sw_model_find_parameter(other->model, "image.mlp.bns.0.running_mean")->tensor;
    size_t size = sizeof(float) * sw_tensor_count(mean);
    float *moments, *kept = malloc(size);
    sw_model_trained(other->model, &values, &gradients, &trained);
    struct sw_adam adam = adam_of(&moments);
    memcpy(kept, mean->data, size);
    ck_assert_msg(take() == SW_OK, "%s", error.text); /* gradients only */
    ck_assert_mem_eq(kept, mean->data, size);
    step.adam = &adam;
    step.rate = 1e-3;
    ck_assert_int_eq(take(), SW_OK);
    ck_assert_mem_ne(kept, mean->data, size);
    memcpy(kept, mean->data, size);
    values[0] = NAN;
    ck_assert_int_eq(take(), SW_FAILED);
    ck_assert_mem_eq(kept, mean->data, size);
    free(kept);
    free(moments);
    pu_free(other);
}
END_TEST

/* A resumed run would drop other regions than the one that was not killed. */
START_TEST(what_is_dropped_goes_by_the_number_of_the_step)
{
    struct pairs_unit *other =
        begin_with("{\"plugin\":\"drop_regions\",\"rate\":0.5},\"linear\",\"l2norm\"");
    double loss[3];
    static const uint64_t numbers[3] = {4, 4, 5};
    for (int i = 0; i < 3; i++) {
        step.number = numbers[i];
        ck_assert_msg(take() == SW_OK, "%s", error.text);
        loss[i] = result.loss;
    }
    ck_assert_double_eq(loss[0], loss[1]);
    ck_assert_double_ne(loss[0], loss[2]);
    pu_free(other);
}
END_TEST

static int yes(void)
{
    return 1;
}

/* An interruption is no failure: the run can be saved. */
START_TEST(an_interrupted_step_says_so)
{
    float *moments;
    struct sw_adam adam = adam_of(&moments);
    step.adam = &adam;
    sw_compute_watch(u->compute, yes);
    ck_assert_int_eq(take(), SW_INTERRUPTED);
    ck_assert_mem_eq(values, before, trained * sizeof *values);
    ck_assert_uint_eq(adam.step, 0);
    free(moments);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, the_gradients_are_those_of_this_batch);
    tcase_add_test(tests, the_loss_is_the_models_own);
    tcase_add_test(tests, buffers_move_with_the_steps_that_are_taken);
    tcase_add_test(tests, what_is_dropped_goes_by_the_number_of_the_step);
    tcase_add_test(tests, an_update_lowers_the_loss);
    tcase_add_test(tests, what_is_not_finite_moves_no_parameter);
    tcase_add_test(tests, a_gradient_that_is_not_finite_is_told_by_its_parameter);
    tcase_add_test(tests, an_interrupted_step_says_so);
}

UNIT_MAIN("step", add_tests)
