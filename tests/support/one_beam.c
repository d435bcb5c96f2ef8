#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "one_beam.h"

#include "device.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

static cl_mem buffer(const one_beam *s, size_t bytes)
{
    cl_int code = CL_SUCCESS;
    cl_mem mem =
        clCreateBuffer(lms_context_cl_context(s->ctx), CL_MEM_READ_WRITE, bytes, NULL, &code);
    device_require(code, "clCreateBuffer");
    return mem;
}

static void read_back(const one_beam *s, cl_mem from, size_t bytes, void *to)
{
    device_require(clEnqueueReadBuffer(lms_context_queue(s->ctx), from, CL_TRUE, 0, bytes, to,
                                       0, NULL, NULL),
                   "clEnqueueReadBuffer");
}

void one_beam_start(one_beam *s, const lms_beam_desc *desc)
{
    const size_t width = desc->max_width;
    memset(s, 0, sizeof *s);
    s->ctx = device_open();
    s->desc = *desc;
    s->desc.max_requests = 1;
    s->desc.logits = LMS_FLOAT32;
    s->desc.tokens = LMS_INT32;
    device_require(lms_beam_create(s->ctx, &s->desc, &s->beam), "lms_beam_create");
    s->logits = buffer(s, width * desc->vocab * sizeof(float));
    s->parents = buffer(s, width * sizeof(int32_t));
    s->tokens = buffer(s, width * sizeof(int32_t));
    s->done = buffer(s, sizeof(uint32_t));
    s->counts = buffer(s, sizeof(int32_t));
    s->lengths = buffer(s, width * sizeof(int32_t));
    s->sequences = buffer(s, width * desc->max_length * sizeof(int32_t));
    s->scores = buffer(s, width * sizeof(float));
}

void one_beam_end(one_beam *s)
{
    const cl_mem all[] = {s->logits, s->parents, s->tokens,    s->done,
                          s->counts, s->lengths, s->sequences, s->scores};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) clReleaseMemObject(all[i]);
    lms_beam_destroy(s->beam);
    lms_context_destroy(s->ctx);
}

void one_beam_open(const one_beam *s, const lms_beam_params *params, const int32_t *ends)
{
    cl_command_queue queue = lms_context_queue(s->ctx);
    device_require(lms_beam_open(s->beam, queue, 0, params, ends, 0, NULL, NULL), "open");
    device_require(clFinish(queue), "clFinish");
}

void one_beam_close(const one_beam *s)
{
    device_require(lms_beam_close(s->beam, 0), "lms_beam_close");
}

uint32_t one_beam_step(one_beam *s, const float *logits)
{
    cl_command_queue queue = lms_context_queue(s->ctx);
    const size_t width = s->desc.max_width;
    const uint32_t slot = 0;
    uint32_t done = 0;
    const lms_beam_step_args batch = {.requests = 1,
                                      .slots = &slot,
                                      .logits = {s->logits, 0},
                                      .parents = {s->parents, 0},
                                      .tokens = {s->tokens, 0},
                                      .done = {s->done, 0}};
    device_require(clEnqueueWriteBuffer(queue, s->logits, CL_TRUE, 0,
                                        width * s->desc.vocab * sizeof *logits, logits, 0, NULL,
                                        NULL),
                   "clEnqueueWriteBuffer");
    device_require(lms_beam_step(s->beam, queue, &batch, 0, NULL, NULL), "lms_beam_step");
    read_back(s, s->parents, width * sizeof *s->parent, s->parent);
    read_back(s, s->tokens, width * sizeof *s->token, s->token);
    read_back(s, s->done, sizeof done, &done);
    return done;
}

void one_beam_results(one_beam *s)
{
    const size_t width = s->desc.max_width, length = s->desc.max_length;
    const uint32_t slot = 0;
    const lms_beam_results_args output = {.requests = 1,
                                          .slots = &slot,
                                          .max_results = s->desc.max_width,
                                          .counts = {s->counts, 0},
                                          .lengths = {s->lengths, 0},
                                          .tokens = {s->sequences, 0},
                                          .scores = {s->scores, 0}};
    int32_t *const all = memory_zeroed(width * length, sizeof *all);
    device_require(lms_beam_results(s->beam, lms_context_queue(s->ctx), &output, 0, NULL, NULL),
                   "lms_beam_results");
    read_back(s, s->counts, sizeof s->count, &s->count);
    read_back(s, s->lengths, width * sizeof *s->length, s->length);
    read_back(s, s->scores, width * sizeof *s->score, s->score);
    read_back(s, s->sequences, width * length * sizeof *all, all);
    for (size_t i = 0; i < width; ++i) {
        memcpy(s->sequence[i], all + i * length,
               (length < ONE_BEAM_LENGTH ? length : ONE_BEAM_LENGTH) * sizeof *all);
    }
    free(all);
}

void one_beam_expect(const one_beam *s, uint32_t i, uint32_t length, const int32_t *tokens)
{
    assert_in_range(i, 0, s->count - 1);
    assert_int_equal(s->length[i], length);
    assert_memory_equal(s->sequence[i], tokens, length * sizeof *tokens);
}
