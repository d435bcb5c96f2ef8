/* lms_sampler_effort: of which call and rows it tells, that it waits, and what it refuses. */
#include "faults.h"
#include "hooks.h"
#include "oracle.h"
#include "rig.h"

#include <lms_tuning.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define NONE 0x5a5a5a5au /* no number of attempts or passes */

typedef struct efforts {
    lms_row_effort of[RIG_ROWS + 1];
} efforts;

static efforts poisoned(void)
{
    efforts e;
    memset(&e, 0x5a, sizeof e);
    return e;
}

/* Those of `rows` rows are there, and nothing behind them is written. */
static void assert_told(const efforts *e, uint32_t rows)
{
    for (uint32_t r = 0; r < rows; ++r) {
        assert_true(e->of[r].attempts < NONE && e->of[r].passes < NONE);
    }
    for (uint32_t r = rows; r <= RIG_ROWS; ++r) {
        assert_true(e->of[r].attempts == NONE && e->of[r].passes == NONE);
    }
}

static lms_sampler *new_sampler(const rig *r)
{
    const lms_sampler_desc desc = rig_desc();
    lms_sampler *sampler = NULL;
    RIG_OK(lms_sampler_create(r->ctx, &desc, &sampler));
    return sampler;
}

static lms_status ask(const rig *r, lms_sampler *sampler, uint32_t rows, efforts *e)
{
    return lms_sampler_effort(sampler, r->queue, rows, e->of);
}

static void test_before_any_call(void **state)
{
    const rig *const r = *state;
    lms_sampler *const sampler = new_sampler(r);
    efforts e = poisoned();
    RIG_FAILS(LMS_E_ARGUMENT, ask(r, sampler, 1, &e), "rows: 1 is above", "last call (0)");
    RIG_OK(ask(r, sampler, 0, &e));
    RIG_OK(lms_sampler_effort(sampler, r->queue, 0, NULL));
    assert_told(&e, 0);
    lms_sampler_destroy(sampler);
}

/* It is told of the last call that took place and had rows, and of the first rows of that. */
static void test_rows(void **state)
{
    const rig *const r = *state;
    lms_sampler *const sampler = new_sampler(r);
    lms_sampler_run_args batch = rig_batch(r);
    for (uint32_t rows = RIG_ROWS; rows > 0; --rows) {
        batch.rows = rows;
        RIG_OK(lms_sampler_run(sampler, r->queue, &batch, 0, NULL, NULL));
        batch.rows = 0;
        RIG_OK(lms_sampler_run(sampler, r->queue, &batch, 0, NULL, NULL));
        batch.rows = RIG_ROWS + 1;
        RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_run(sampler, r->queue, &batch, 0, NULL, NULL),
                  "rows: 7");
        for (uint32_t asked = 0; asked <= rows; ++asked) {
            efforts e = poisoned();
            RIG_OK(ask(r, sampler, asked, &e));
            assert_told(&e, asked);
        }
        efforts e = poisoned();
        char rule[40];
        snprintf(rule, sizeof rule, "last call (%u)", (unsigned)rows);
        RIG_FAILS(LMS_E_ARGUMENT, ask(r, sampler, rows + 1, &e), "rows: ", rule);
        RIG_FAILS(LMS_E_ARGUMENT, ask(r, sampler, UINT32_MAX, &e), "4294967295", rule);
        assert_told(&e, 0);
    }
    lms_sampler_destroy(sampler);
}

static void test_lms_sample_host(void **state)
{
    const rig *const r = *state;
    lms_sampler *const sampler = new_sampler(r);
    efforts e = poisoned();
    int32_t tokens[RIG_ROWS];
    const lms_sample_host_args batch = {
        .rows = RIG_ROWS, .logits = r->values, .params = r->records, .tokens = tokens};
    RIG_OK(lms_sample_host(sampler, &batch));
    RIG_OK(ask(r, sampler, RIG_ROWS, &e));
    assert_told(&e, RIG_ROWS);
    lms_sampler_destroy(sampler);
}

/* Rows that take no draw, beside others. */
static void test_rows_without_a_draw(void **state)
{
    const rig *const r = *state;
    lms_row_params params[4] = {r->records[1], r->records[0], r->records[1], r->records[3]};
    const int32_t index[4] = {0, 1, LMS_SKIP_ROW, 3};
    lms_sampler_run_args batch = rig_small_batch(r);
    efforts e = poisoned();
    params[3].filters.top_p = 0.0f; /* greedy */
    batch.rows = 4;
    batch.params = params;
    batch.index = index;
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, NULL));
    RIG_OK(ask(r, r->sampler, 4, &e));
    assert_told(&e, 4);
    for (int row = 1; row < 4; ++row) {
        assert_int_equal(e.of[row].attempts, 0);
        assert_int_equal(e.of[row].passes, 0);
    }
}

/* Of rows with a draw. */
static void test_attempts_are_the_oracle_s(void **state)
{
    const rig *const r = *state;
    const lms_sampler_run_args batch = rig_small_batch(r);
    efforts e = poisoned();
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, NULL));
    RIG_OK(ask(r, r->sampler, batch.rows, &e));
    for (uint32_t row = 0; row < batch.rows; ++row) {
        oracle_params params;
        oracle_result result;
        memcpy(&params, &batch.params[row], sizeof params);
        assert_true(oracle_sample(r->values + (size_t)row * RIG_VOCAB, RIG_VOCAB, &params, NULL,
                                  0, &result));
        assert_int_equal(e.of[row].attempts, result.attempts);
    }
}

/* Many equal tokens: bounds leave open whether the one that is drawn has half of the mass
 * before it, but nothing is open without top-p. */
static void test_passes(void **state)
{
    enum {
        VOCAB = 60000,
        ROWS = 8
    };
    const rig *const r = *state;
    const lms_sampler_desc desc = {
        .vocab = VOCAB, .max_rows = ROWS, .logits = LMS_FLOAT32, .work_items = 1};
    lms_row_params params[ROWS];
    lms_row_effort efforts_of[ROWS];
    int32_t tokens[ROWS];
    float *const logits = calloc((size_t)ROWS * VOCAB, sizeof *logits);
    const lms_sample_host_args batch = {
        .rows = ROWS, .logits = logits, .params = params, .tokens = tokens};
    lms_sampler *sampler = NULL;
    uint32_t passes = 0;
    assert_non_null(logits);
    for (uint32_t row = 0; row < ROWS; ++row) {
        params[row] = (lms_row_params)LMS_ROW_PARAMS_INIT;
        params[row].seed = row;
        if (row % 2) params[row].filters.top_p = 0.5f;
    }
    RIG_OK(lms_sampler_create(r->ctx, &desc, &sampler));
    RIG_OK(lms_sample_host(sampler, &batch));
    RIG_OK(lms_sampler_effort(sampler, r->queue, ROWS, efforts_of));
    for (uint32_t row = 0; row < ROWS; row += 2) {
        assert_int_equal(efforts_of[row].passes, 0);
        assert_int_equal(efforts_of[row].attempts, 1); /* each slot has a token of its bound */
        passes += efforts_of[row + 1].passes;
    }
    assert_true(passes > 0);
    lms_sampler_destroy(sampler);
    free(logits);
}

static void test_it_waits(void **state)
{
    const rig *const r = *state;
    const lms_sampler_run_args batch = rig_batch(r);
    const cl_command_queue other = rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    for (int i = 0; i < 2; ++i) {
        const cl_event before = rig_user_event(r->context);
        cl_event hold = before, last = NULL;
        cl_int status = CL_QUEUED;
        efforts e = poisoned();
        pthread_t id;
        RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 1, &hold, &last));
        assert_int_equal(pthread_create(&id, NULL, rig_complete_later, &hold), 0);
        RIG_OK(lms_sampler_effort(r->sampler, i ? other : r->queue, RIG_ROWS, e.of));
        assert_int_equal(clGetEventInfo(last, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status,
                                        &status, NULL),
                         CL_SUCCESS);
        assert_int_equal(status, CL_COMPLETE);
        assert_told(&e, RIG_ROWS);
        pthread_join(id, NULL);
        clReleaseEvent(last);
        clReleaseEvent(before);
    }
    clReleaseCommandQueue(other);
}

static void test_wrong_arguments(void **state)
{
    const rig *const r = *state;
    lms_context *stranger = NULL;
    efforts e = poisoned();
    rig_assert_good(*state);
    RIG_OK(lms_context_open(NULL, &stranger));
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_effort(NULL, r->queue, 1, e.of), "sampler: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_effort(r->sampler, NULL, 1, e.of), "queue: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT,
              lms_sampler_effort(r->sampler, lms_context_queue(stranger), 1, e.of),
              "queue: is of another");
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_effort(r->sampler, r->queue, 1, NULL),
              "effort: is NULL");
    assert_told(&e, 0);
    lms_context_destroy(stranger);
}

/* Each call of OpenCL fails once, as waiting does where the call that it is about was
 * terminated. One read is enqueued and nothing else. */
static void test_faults(void **state)
{
    const rig *const r = *state;
    static const char *const asked[] = {"clGetCommandQueueInfo", "clWaitForEvents",
                                        "clEnqueueReadBufferRect"};
    efforts e = poisoned();
    rig_assert_good(*state);
    hook_reset();
    RIG_OK(ask(r, r->sampler, 1, &e));
    assert_int_equal(hook_count("clEnqueueReadBufferRect"), 1);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; ++i) {
        const long live = hook_live();
        e = poisoned();
        hook_fail(asked[i], 1, INJECTED);
        RIG_FAILS(INJECTED, ask(r, r->sampler, RIG_ROWS, &e), asked[i]);
        assert_true(hook_failed());
        assert_told(&e, 0);
        assert_int_equal(hook_live(), live);
        hook_reset();
        RIG_OK(ask(r, r->sampler, RIG_ROWS, &e));
        assert_told(&e, RIG_ROWS);
    }
    rig_assert_good(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_any_call),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_lms_sample_host),
        cmocka_unit_test(test_rows_without_a_draw),
        cmocka_unit_test(test_attempts_are_the_oracle_s),
        cmocka_unit_test(test_passes),
        cmocka_unit_test(test_it_waits),
        cmocka_unit_test(test_wrong_arguments),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
