#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POISON 0xa5

void rig_ok(lms_status status, const char *call, const char *file, int line)
{
    if (status == LMS_OK) return;
    print_error("%s gave %d: %s\n", call, (int)status, lms_error_message());
    _fail(file, line);
}

void rig_fails(lms_status expected, lms_status status, const char *call, const char *file,
               int line, ...)
{
    const char *const message = lms_error_message();
    bool good = status == expected;
    va_list parts;
    va_start(parts, line);
    for (const char *part; (part = va_arg(parts, const char *)) != NULL;) {
        if (strstr(message, part) != NULL) continue;
        print_error("no \"%s\" in ", part);
        good = false;
    }
    va_end(parts);
    if (good) return;
    print_error("\"%s\"; %s gave %d, not %d\n", message, call, (int)status, (int)expected);
    _fail(file, line);
}

cl_mem rig_buffer(cl_context context, cl_mem_flags flags, size_t bytes)
{
    cl_int code = CL_SUCCESS;
    const cl_mem buffer = clCreateBuffer(context, flags, bytes, NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    return buffer;
}

static void write_all(const rig *r, cl_mem buffer, size_t bytes, const void *data)
{
    assert_int_equal(
        clEnqueueWriteBuffer(r->queue, buffer, CL_TRUE, 0, bytes, data, 0, NULL, NULL),
        CL_SUCCESS);
}

static void read_all(const rig *r, cl_mem buffer, size_t bytes, void *data)
{
    assert_int_equal(
        clEnqueueReadBuffer(r->queue, buffer, CL_TRUE, 0, bytes, data, 0, NULL, NULL),
        CL_SUCCESS);
}

lms_sampler_desc rig_desc(void)
{
    const lms_sampler_desc desc = {.vocab = RIG_VOCAB,
                                   .max_rows = RIG_ROWS,
                                   .logits = LMS_FLOAT32,
                                   .outputs = RIG_ALL_OUTPUTS,
                                   .max_in_flight = 2};
    return desc;
}

/* A different way of sampling for each row, and logits without any order. */
static void fill(rig *r)
{
    uint32_t noise = 12345;
    for (int i = 0; i < RIG_ROWS * RIG_VOCAB; ++i) {
        noise = noise * 1664525u + 1013904223u;
        r->values[i] = (float)(noise >> 16) * 0x1p-13f - 4.0f;
    }
    for (int row = 0; row < RIG_ROWS; ++row) {
        lms_row_params p = LMS_ROW_PARAMS_INIT;
        p.seed = 7;
        p.step = (uint64_t)row;
        p.filters.temperature = row == 0 ? 0.0f : 1.5f;
        if (row == 2) p.filters.top_k = 20;
        if (row == 3) p.filters.top_p = 0.7f;
        if (row == 4) p.filters.min_p = 0.1f;
        r->records[row] = p;
        r->order[row] = (row * 5 + 1) % RIG_ROWS;
    }
}

static void make_buffers(rig *r)
{
    const struct {
        cl_mem *buffer;
        size_t bytes;
    } all[] = {
        {&r->logits, sizeof r->values},
        {&r->params, sizeof r->records},
        {&r->index, sizeof r->order},
        {&r->uniforms, sizeof(cl_uint) * 4 * RIG_ATTEMPTS * RIG_ROWS},
        {&r->tokens, sizeof(cl_int) * RIG_ROWS},
        {&r->status, sizeof(cl_uint) * RIG_ROWS},
        {&r->logprob_raw, sizeof(cl_float) * RIG_ROWS},
        {&r->logprob, sizeof(cl_float) * RIG_ROWS},
        {&r->kept, sizeof(cl_int) * RIG_ROWS},
        {&r->probs, sizeof(cl_float) * RIG_ROWS * RIG_VOCAB},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        *all[i].buffer = rig_buffer(r->context, CL_MEM_READ_WRITE, all[i].bytes);
    }
}

static void fill_uniforms(const rig *r)
{
    uint32_t words[4 * RIG_ATTEMPTS * RIG_ROWS];
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; ++i) words[i] = i * 2654435761u;
    write_all(r, r->uniforms, sizeof words, words);
}

void rig_open(rig *r)
{
    const lms_sampler_desc desc = rig_desc();
    /* All launches that there can be, on a CPU too. */
    setenv("LMS_SHAPE", "fuse_from=1000000", 1);
    fill(r);
    RIG_OK(lms_context_open(NULL, &r->ctx));
    r->context = lms_context_cl_context(r->ctx);
    r->queue = lms_context_queue(r->ctx);
    make_buffers(r);
    const lms_sampler_run_args batch = rig_batch(r);
    RIG_OK(lms_sampler_create(r->ctx, &desc, &r->sampler));
    write_all(r, r->logits, sizeof r->values, r->values);
    write_all(r, r->params, sizeof r->records, r->records);
    write_all(r, r->index, sizeof r->order, r->order);
    fill_uniforms(r);
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, NULL));
    rig_read(r, &r->expected);
}

void rig_close(rig *r)
{
    const cl_mem all[] = {r->logits, r->params,      r->index,   r->uniforms, r->tokens,
                          r->status, r->logprob_raw, r->logprob, r->kept,     r->probs};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) clReleaseMemObject(all[i]);
    lms_sampler_destroy(r->sampler);
    lms_context_destroy(r->ctx);
}

int rig_setup(void **state)
{
    rig *const r = calloc(1, sizeof *r);
    assert_non_null(r);
    rig_open(r);
    *state = r;
    return 0;
}

int rig_teardown(void **state)
{
    rig_close(*state);
    free(*state);
    return 0;
}

lms_sampler_run_args rig_batch(const rig *r)
{
    lms_sampler_run_args b = rig_small_batch(r);
    b.params = NULL;
    b.params_device.buffer = r->params;
    b.index_device.buffer = r->index;
    b.logprob_raw.buffer = r->logprob_raw;
    b.logprob.buffer = r->logprob;
    b.kept.buffer = r->kept;
    b.probs.buffer = r->probs;
    return b;
}

lms_sampler_run_args rig_small_batch(const rig *r)
{
    lms_sampler_run_args b;
    memset(&b, 0, sizeof b);
    b.rows = RIG_ROWS;
    b.logits.buffer = r->logits;
    b.params = r->records;
    b.tokens.buffer = r->tokens;
    b.status.buffer = r->status;
    return b;
}

void rig_poison(const rig *r)
{
    rig_results poison;
    memset(&poison, POISON, sizeof poison);
    write_all(r, r->tokens, sizeof(cl_int) * RIG_ROWS, &poison);
    write_all(r, r->status, sizeof poison.status, &poison);
    write_all(r, r->logprob_raw, sizeof poison.logprob_raw, &poison);
    write_all(r, r->logprob, sizeof poison.logprob, &poison);
    write_all(r, r->kept, sizeof poison.kept, &poison);
    write_all(r, r->probs, sizeof poison.probs, &poison);
}

void rig_read(const rig *r, rig_results *out)
{
    int32_t tokens[RIG_ROWS];
    read_all(r, r->tokens, sizeof tokens, tokens);
    for (int row = 0; row < RIG_ROWS; ++row) out->tokens[row] = tokens[row];
    read_all(r, r->status, sizeof out->status, out->status);
    read_all(r, r->logprob_raw, sizeof out->logprob_raw, out->logprob_raw);
    read_all(r, r->logprob, sizeof out->logprob, out->logprob);
    read_all(r, r->kept, sizeof out->kept, out->kept);
    read_all(r, r->probs, sizeof out->probs, out->probs);
}

void rig_assert_poisoned(const rig *r)
{
    rig_results found, poison;
    rig_read(r, &found);
    memset(&poison, POISON, sizeof poison);
    for (int row = 0; row < RIG_ROWS; ++row) {
        assert_true((uint32_t)found.tokens[row] == poison.status[0]);
    }
    memcpy(found.tokens, poison.tokens, sizeof found.tokens);
    rig_assert_same(&found, &poison);
}

void rig_assert_same(const rig_results *a, const rig_results *b)
{
    assert_memory_equal(a->tokens, b->tokens, sizeof a->tokens);
    assert_memory_equal(a->status, b->status, sizeof a->status);
    assert_memory_equal(a->logprob_raw, b->logprob_raw, sizeof a->logprob_raw);
    assert_memory_equal(a->logprob, b->logprob, sizeof a->logprob);
    assert_memory_equal(a->kept, b->kept, sizeof a->kept);
    assert_memory_equal(a->probs, b->probs, sizeof a->probs);
}

void rig_assert_good(rig *r)
{
    rig_results found;
    const lms_sampler_run_args batch = rig_batch(r);
    rig_poison(r);
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, NULL));
    rig_read(r, &found);
    rig_assert_same(&found, &r->expected);
}

void rig_assert_pending(cl_event event)
{
    /* A call on these few rows that does not wait is over in less. */
    const struct timespec pause = {0, 4000000};
    cl_int state = CL_COMPLETE;
    for (int i = 0; i < 2; ++i) {
        assert_int_equal(clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state,
                                        &state, NULL),
                         CL_SUCCESS);
        assert_true(state > CL_COMPLETE);
        nanosleep(&pause, NULL);
    }
}

cl_event rig_user_event(cl_context context)
{
    cl_int code = CL_SUCCESS;
    const cl_event event = clCreateUserEvent(context, &code);
    assert_int_equal(code, CL_SUCCESS);
    return event;
}

cl_command_queue rig_queue(const lms_context *ctx, cl_command_queue_properties properties)
{
    cl_int code = CL_SUCCESS;
    const cl_command_queue queue = clCreateCommandQueue(
        lms_context_cl_context(ctx), lms_context_device(ctx), properties, &code);
    assert_int_equal(code, CL_SUCCESS);
    return queue;
}

void rig_complete(cl_event hold)
{
    assert_int_equal(clSetUserEventStatus(hold, CL_COMPLETE), CL_SUCCESS);
    clReleaseEvent(hold);
}

void *rig_complete_later(void *hold)
{
    const struct timespec pause = {0, 50000000};
    nanosleep(&pause, NULL);
    clSetUserEventStatus(*(cl_event *)hold, CL_COMPLETE);
    return NULL;
}

void rig_wait(cl_event event)
{
    cl_int state = CL_QUEUED;
    assert_int_equal(clWaitForEvents(1, &event), CL_SUCCESS);
    assert_int_equal(
        clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL),
        CL_SUCCESS);
    assert_int_equal(state, CL_COMPLETE);
    clReleaseEvent(event);
}

int rig_child(const char *child, const char *variable, const char *value)
{
    int status = 0;
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (variable != NULL) setenv(variable, value, 1);
        execl("/proc/self/exe", "test", child, (char *)NULL);
        _exit(126);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
