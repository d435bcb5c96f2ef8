#include "request_rig.h"

#include <stddef.h>
#include <stdlib.h>

const request_output request_outputs[REQUEST_OUTPUTS] = {
#define OUTPUT(name, columns)                                                                  \
    {                                                                                          \
#name, offsetof(lms_sampler_run_args, name), offsetof(lms_sample_host_args, name),     \
            columns                                                                            \
    }
    OUTPUT(tokens, 1),         OUTPUT(status, 1),
    OUTPUT(logprob_raw, 1),    OUTPUT(logprob, 1),
    OUTPUT(kept, 1),           OUTPUT(probs, VOCAB),
    OUTPUT(logprob_edited, 1), OUTPUT(rank_raw, 1),
    OUTPUT(rank_edited, 1),    OUTPUT(entropy_raw, 1),
    OUTPUT(entropy, 1),        OUTPUT(top_tokens, TOP),
    OUTPUT(top_values, TOP),   OUTPUT(named_values, NAMED),
#undef OUTPUT
};

const uint32_t request_offsets[LISTS + 1] = {0, 3, 5, 10, 13};
const int32_t request_ids[ENTRIES] = {5, 7,   5, 100, 101, 8, LMS_NO_TOKEN, 3, 4, LMS_NO_TOKEN,
                                      0, 299, 17};
const float request_values[ENTRIES] = {1.5f, -2.0f, 0.25f};
static const int32_t history[] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3};
const uint32_t request_lengths[2] = {10, 8};

static cl_mem input(const request_rig *w, size_t bytes, const void *data)
{
    cl_int code = CL_SUCCESS;
    const cl_mem made = clCreateBuffer(w->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                                       bytes, (void *)(uintptr_t)data, &code);
    assert_int_equal(code, CL_SUCCESS);
    return made;
}

static void fill_tables(request_rig *w)
{
    const lms_row_edits none = LMS_ROW_EDITS_INIT;
    w->edits[0] = w->edits[1] = none;
    w->edits[0].repetition = 1.3f;
    w->edits[0].presence = 0.5f;
    w->edits[0].bias = 1;
    w->edits[0].banned = 2;
    w->edits[0].guidance = 1.5f;
    w->edits[1].frequency = 0.25f;
    w->edits[1].bad_words = 3;
    w->edits[1].ngram = 2;
    w->edits[1].dry_multiplier = 0.8f;
    w->wants[0] = (lms_row_wants){.top_n = TOP, .named = 4};
    w->wants[1] = (lms_row_wants){.top_n = 2, .named = 4, .flags = LMS_WANT_EDITED};
    for (uint32_t i = 0; i < 2 * MASK_WORDS; ++i) w->masks[i] = i % 3 ? 0xffffffffu : 0xaaaau;
    w->tables = (lms_tables){.edit_count = 2,
                             .want_count = 2,
                             .list_count = LISTS,
                             .mask_count = 2,
                             .edits = w->edits,
                             .wants = w->wants,
                             .list_offsets = request_offsets,
                             .list_ids = request_ids,
                             .list_values = request_values,
                             .masks = w->masks,
                             .mask_columns = MASK_WORDS};
    w->tables_device = (lms_tables){.edit_count = 2,
                                    .want_count = 2,
                                    .list_count = LISTS,
                                    .mask_count = 2,
                                    .list_entries = ENTRIES,
                                    .mask_columns = MASK_WORDS};
    w->tables_device.edits_device.buffer = input(w, sizeof w->edits, w->edits);
    w->tables_device.wants_device.buffer = input(w, sizeof w->wants, w->wants);
    w->tables_device.list_offsets_device.buffer =
        input(w, sizeof request_offsets, request_offsets);
    w->tables_device.list_ids_device.buffer = input(w, sizeof request_ids, request_ids);
    w->tables_device.list_values_device.buffer =
        input(w, sizeof request_values, request_values);
    w->tables_device.masks_device.buffer = input(w, sizeof w->masks, w->masks);
}

/* Three rows that ask for something, and one that does not. */
static void fill_rows(request_rig *w, const uint64_t *names)
{
    uint32_t noise = 4321;
    for (uint32_t i = 0; i < ROWS * VOCAB; ++i) {
        noise = noise * 1664525u + 1013904223u;
        w->values[i] = (float)(noise >> 16) * 0x1p-13f - 4.0f;
    }
    for (uint32_t r = 0; r < ROWS; ++r) {
        const lms_row_params usual = LMS_ROW_PARAMS_INIT;
        w->params[r] = usual;
        w->params[r].seed = 11 + r;
        w->params[r].filters.top_k = r % 2 ? 20 : 0;
    }
    w->params[0].request = (lms_request){.slot = names[0], .edits = 1, .unconditional = 3};
    w->params[0].wants = 1;
    w->params[1].request = (lms_request){.slot = names[1], .edits = 2, .mask = 2};
    w->params[1].wants = 2;
    w->params[3].request = (lms_request){.mask = 1};
    w->params[3].target = 33;
}

lms_sampler_desc request_desc(const request_rig *w, uint32_t max_rows)
{
    return (lms_sampler_desc){.vocab = VOCAB,
                              .max_rows = max_rows,
                              .logits = LMS_FLOAT32,
                              .outputs = 0x7ff,
                              .requests = LMS_REQUESTS_ALL,
                              .max_top = TOP,
                              .max_lists = LISTS,
                              .table_bytes = 1024,
                              .slots = w->slots};
}

static void open_slots(request_rig *w, uint64_t names[2])
{
    const lms_slots_desc kept = {.vocab = VOCAB, .max_slots = 4, .max_length = 512};
    const lms_slots_open_args open = {.count = 2,
                                      .lengths = request_lengths,
                                      .tokens = history,
                                      .token_count = sizeof history / sizeof history[0],
                                      .names = names};
    RIG_OK(lms_slots_create(w->ctx, &kept, &w->slots));
    RIG_OK(lms_slots_open(w->slots, w->queue, &open, 0, NULL, NULL));
}

lms_sampler_run_args request_run(const request_rig *w, const lms_tables *tables)
{
    lms_sampler_run_args a = {.rows = ROWS,
                              .logits = {w->logits, 0},
                              .params = w->params,
                              .tables = tables,
                              .top_stride = TOP,
                              .named_stride = NAMED};
    for (size_t i = 0; i < REQUEST_OUTPUTS; ++i) {
        const lms_view view = {w->out[i], 0, NULL};
        memcpy((char *)&a + request_outputs[i].view, &view, sizeof view);
    }
    return a;
}

lms_sampler_run_args request_run_device(const request_rig *w)
{
    lms_sampler_run_args a = request_run(w, &w->tables_device);
    a.params = NULL;
    a.params_device.buffer = w->params_device;
    return a;
}

size_t request_bytes(size_t output) { return ROWS * request_outputs[output].columns * 4; }

void request_poison(const request_rig *w)
{
    const cl_uint pattern = 0xa5a5a5a5u;
    for (size_t i = 0; i < REQUEST_OUTPUTS; ++i) {
        assert_int_equal(clEnqueueFillBuffer(w->queue, w->out[i], &pattern, 4, 0,
                                             request_bytes(i), 0, NULL, NULL),
                         CL_SUCCESS);
    }
    assert_int_equal(clFinish(w->queue), CL_SUCCESS);
}

void request_read(const request_rig *w, uint32_t *words)
{
    for (size_t i = 0; i < REQUEST_OUTPUTS; words += ROWS * request_outputs[i].columns, ++i) {
        assert_int_equal(clEnqueueReadBuffer(w->queue, w->out[i], CL_TRUE, 0, request_bytes(i),
                                             words, 0, NULL, NULL),
                         CL_SUCCESS);
    }
}

void request_assert_expected(const request_rig *w)
{
    static uint32_t words[WORDS];
    request_read(w, words);
    assert_memory_equal(words, w->expected, sizeof words);
}

int request_setup(void **state)
{
    request_rig *const w = calloc(1, sizeof *w);
    uint64_t names[2];
    assert_non_null(w);
    RIG_OK(lms_context_open(NULL, &w->ctx));
    w->context = lms_context_cl_context(w->ctx);
    w->queue = lms_context_queue(w->ctx);
    open_slots(w, names);
    fill_tables(w);
    fill_rows(w, names);
    w->logits = input(w, sizeof w->values, w->values);
    w->params_device = input(w, sizeof w->params, w->params);
    for (size_t i = 0; i < REQUEST_OUTPUTS; ++i) {
        w->out[i] = rig_buffer(w->context, CL_MEM_READ_WRITE, request_bytes(i));
    }
    const lms_sampler_desc desc = request_desc(w, ROWS);
    RIG_OK(lms_sampler_create(w->ctx, &desc, &w->sampler));
    const lms_sampler_run_args a = request_run(w, &w->tables);
    RIG_OK(lms_sampler_run(w->sampler, w->queue, &a, 0, NULL, NULL));
    request_read(w, w->expected);
    *state = w;
    return 0;
}

int request_teardown(void **state)
{
    request_rig *const w = *state;
    const cl_mem inputs[] = {w->logits,
                             w->params_device,
                             w->tables_device.edits_device.buffer,
                             w->tables_device.wants_device.buffer,
                             w->tables_device.list_offsets_device.buffer,
                             w->tables_device.list_ids_device.buffer,
                             w->tables_device.list_values_device.buffer,
                             w->tables_device.masks_device.buffer};
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; ++i) clReleaseMemObject(inputs[i]);
    for (size_t i = 0; i < REQUEST_OUTPUTS; ++i) clReleaseMemObject(w->out[i]);
    lms_sampler_destroy(w->sampler);
    lms_slots_destroy(w->slots);
    lms_context_destroy(w->ctx);
    free(w);
    return 0;
}
