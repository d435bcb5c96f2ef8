/* The contrastive search that the checks see: its requests, their logits and states. */
#include "contrastive_object.h"

#include <math.h>
#include <stdlib.h>

#include "contrastive_requests.h"
#include "gen.h"

enum {
    STATES = CONTRASTIVE_PROMPT * CONTRASTIVE_WIDTH,
    HIDDEN = CONTRASTIVE_STEPS * CONTRASTIVE_ROWS * CONTRASTIVE_WIDTH,
    LOGITS = CONTRASTIVE_STEPS * CONTRASTIVE_REQUESTS * CONTRASTIVE_VOCAB
};

static contrastive_rig *rig_of(object_rig *r) { return (contrastive_rig *)(void *)r; }

static void fill_params(contrastive_rig *r)
{
    const lms_contrastive_params plain = LMS_CONTRASTIVE_PARAMS_INIT(0.6f, 5);
    lms_contrastive_params window = LMS_CONTRASTIVE_PARAMS_INIT(0.4f, 4);
    lms_contrastive_params late = LMS_CONTRASTIVE_PARAMS_INIT(0.75f, 3);
    lms_contrastive_params forked = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 2);
    window.context_window = 40;
    window.filters.temperature = 0.75f;
    window.filters.top_k = 40;
    late.context_begin = 30; /* its prompt takes no part */
    late.filters.top_p = 0.9f;
    forked.filters.min_p = 0.01f;
    forked.filters.flags = LMS_PRESET_HUGGING_FACE;
    r->params[0] = plain;
    r->params[1] = window;
    r->params[2] = late;
    r->params[3] = forked;
}

void contrastive_other_requests(object_rig *base)
{
    contrastive_rig *const r = rig_of(base);
    for (unsigned q = 0; q < CONTRASTIVE_REQUESTS; ++q) {
        lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.25f, r->params[q].k);
        p.context_begin = 5 * q;
        p.context_window = q % 2 ? 0 : 7;
        p.filters.temperature = 1.5f;
        r->params[q] = p;
    }
}

static int eighths(unsigned a, unsigned b)
{
    uint32_t noise = a * 977 + b;
    noise = (noise ^ noise >> 15) * 2246822519u;
    noise = (noise ^ noise >> 13) * 3266489917u;
    return (int)(noise >> 16 & 127) - 64;
}

/* In eighths, up to 8: the same in all three types. Some of the candidates' states are near one
 * of the context. */
static void fill_values(contrastive_rig *r)
{
    for (unsigned i = 0; i < STATES; ++i) {
        r->state_values[i] = (float)eighths(i / CONTRASTIVE_WIDTH, i) / 8.0f;
    }
    for (unsigned i = 0; i < HIDDEN; ++i) {
        const unsigned row = i / CONTRASTIVE_WIDTH, at = i % CONTRASTIVE_WIDTH;
        const unsigned near = row * 37 % CONTRASTIVE_PROMPT * CONTRASTIVE_WIDTH + at;
        const bool copied = row % 3 != 0 && at % 4 < row % 5;
        r->hidden_values[i] =
            copied ? r->state_values[near] : (float)eighths(1000 + row, i) / 8.0f;
    }
}

static cl_mem make_input(const contrastive_rig *r, lms_dtype type, const float *values,
                         size_t count)
{
    cl_int code = CL_SUCCESS;
    const size_t bytes = count * (type == LMS_FLOAT32 ? sizeof *values : sizeof(uint16_t));
    uint16_t *const halves = calloc(count, sizeof *halves);
    assert_non_null(halves);
    for (size_t i = 0; i < count; ++i) {
        halves[i] = type == LMS_FLOAT16 ? gen_to_half(values[i]) : gen_to_bfloat16(values[i]);
    }
    const cl_mem made =
        clCreateBuffer(r->base.context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes,
                       type == LMS_FLOAT32 ? (void *)(uintptr_t)values : (void *)halves, &code);
    assert_int_equal(code, CL_SUCCESS);
    free(halves);
    return made;
}

static void make_inputs(contrastive_rig *r)
{
    cl_int code = CL_SUCCESS;
    float *const logits = calloc(LOGITS, sizeof *logits);
    r->state_values = calloc(STATES, sizeof *r->state_values);
    r->hidden_values = calloc(HIDDEN, sizeof *r->hidden_values);
    assert_true(logits != NULL && r->state_values != NULL && r->hidden_values != NULL);
    fill_values(r);
    for (unsigned i = 0; i < LOGITS; ++i) {
        logits[i] = (float)eighths(5000 + i / CONTRASTIVE_VOCAB, i) / 8.0f;
    }
    r->logits = make_input(r, r->base.desc.contrastive.logits, logits, LOGITS);
    r->states = make_input(r, r->base.desc.contrastive.hidden, r->state_values, STATES);
    r->hidden = make_input(r, r->base.desc.contrastive.hidden, r->hidden_values, HIDDEN);
    r->index = clCreateBuffer(r->base.context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                              sizeof r->order, r->order, &code);
    assert_int_equal(code, CL_SUCCESS);
    free(logits);
}

void contrastive_fill(object_rig *base)
{
    static const uint32_t slots[] = {1, 2, 0, 3}, first_rows[] = {0, 5, 9, 12};
    static const uint32_t counts[] = {20, 62, 30};
    static const int32_t order[] = {2, 0, 3, 1};
    contrastive_rig *const r = rig_of(base);
    fill_params(r);
    memcpy(r->slots, slots, sizeof r->slots);
    memcpy(r->first_rows, first_rows, sizeof r->first_rows);
    memcpy(r->counts, counts, sizeof r->counts);
    memcpy(r->order, order, sizeof r->order);
    make_inputs(r);
}

void contrastive_release(object_rig *base)
{
    contrastive_rig *const r = rig_of(base);
    const cl_mem inputs[] = {r->states, r->hidden, r->logits, r->index};
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; ++i) {
        clReleaseMemObject(inputs[i]);
    }
    free(r->state_values);
    free(r->hidden_values);
}
