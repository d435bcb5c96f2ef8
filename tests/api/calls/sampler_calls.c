/* The calls of a sampler, by its two doors, and its description: buffers, and what they
 * refuse. */
#include "sampler_object.h"

#include <math.h>

enum {
    STRIDE = SAMPLER_VOCAB + 7,
    APART = (SAMPLER_ROWS - 1) * STRIDE + SAMPLER_VOCAB
};

#define R(field, x) WHOLE(call_args, run.field, x)
#define R_LIST(field, x) POINTER(call_args, run.field, x)
#define NOT(text, rule, ...)                                                                   \
    {                                                                                          \
        LMS_E_ARGUMENT, text, rule, { __VA_ARGS__ }                                            \
    }
#define TRACED(name) offsetof(sampler_trace, name)
#define OUTPUTS                                                                                \
    VIEW_OF(run, tokens, OUT, ELEMENT_TOKEN, SAMPLER_ROWS, TRACED(tokens)),                    \
        VIEW_OF(run, status, OUT_OPTIONAL, ELEMENT_WORD, SAMPLER_ROWS, TRACED(status)),        \
        VIEW_OF(run, logprob_raw, OUT_OPTIONAL, ELEMENT_WORD, SAMPLER_ROWS,                    \
                TRACED(logprob_raw)),                                                          \
        VIEW_OF(run, logprob, OUT_OPTIONAL, ELEMENT_WORD, SAMPLER_ROWS, TRACED(logprob)),      \
        VIEW_OF(run, kept, OUT_OPTIONAL, ELEMENT_WORD, SAMPLER_ROWS, TRACED(kept)),            \
        VIEW_OF(run, probs, OUT_OPTIONAL, ELEMENT_WORD, APART, TRACED(probs))
static const view host_views[] = {
    VIEW_OF(run, logits, IN, ELEMENT_LOGIT, APART, NOT_TRACED),
    OUTPUTS,
};
static const view device_views[] = {
    VIEW_OF(run, logits, IN, ELEMENT_LOGIT, APART, NOT_TRACED),
    /* Without it, and without records on the host, there are none. */
    VIEW_OF(run, params_device, IN_OPTIONAL, ELEMENT_PARAMS, SAMPLER_ROWS, NOT_TRACED),
    VIEW_OF(run, index_device, IN_OPTIONAL, ELEMENT_WORD, SAMPLER_ROWS, NOT_TRACED),
    VIEW_OF(run, uniforms, IN_OPTIONAL, ELEMENT_ATTEMPT, SAMPLER_ROWS *SAMPLER_ATTEMPTS,
            NOT_TRACED),
    OUTPUTS,
};

/* --- What both doors refuse -------------------------------------------------------------- */

#define BIG ((size_t)1 << 31)
static const refusal sizes[] = {
    NOT("rows: 7", "max_rows (6)", R(rows, SAMPLER_ROWS + 1)),
    NOT("rows: 4294967295", NULL, R(rows, UINT32_MAX)),
    NOT("rows: 100", NULL, R(rows, 100)),
    NOT("logits_rows: 2147483649", "2^31", R(logits_rows, BIG + 1)),
    NOT("logits_rows: 18446744073709551615", NULL, R(logits_rows, SIZE_MAX)),
    /* Allowed, but not in this buffer. */
    {LMS_E_BUFFER_SIZE, "logits: ", NULL, {R(logits_rows, BIG)}},
    NOT("logits_rows: 5 is less than rows (6)", NULL, R(logits_rows, SAMPLER_ROWS - 1),
        R_LIST(index, NULL), R_LIST(index_device.buffer, NULL)),
    NOT("row_stride: 299 is less than vocab (300)", NULL, R(row_stride, SAMPLER_VOCAB - 1)),
    NOT("row_stride: 1 is less", NULL, R(row_stride, 1)),
    /* Sums that wrap to something small: twice that is 600, and the other ends at 0. */
    {LMS_E_BUFFER_SIZE,
     "logits: ",
     "need 18446744073709551615 bytes",
     {R(row_stride, (BIG << 32) + SAMPLER_VOCAB), R(rows, 3), R(logits_rows, 3),
      R_LIST(index, NULL)}},
    {LMS_E_BUFFER_SIZE,
     "tokens: offset 18446744073709551610",
     NULL,
     {R(tokens.offset, SIZE_MAX - SAMPLER_ROWS + 1)}},
    {LMS_E_BUFFER_SIZE, "tokens: ", NULL, {R(tokens.offset, SAMPLER_CALLS *SAMPLER_ROWS)}},
};
/* Of outputs that not every call has. */
static const refusal report_sizes[] = {
    NOT("probs_stride: 299 is less than vocab (300)", NULL, R(probs_stride, SAMPLER_VOCAB - 1)),
    {LMS_E_BUFFER_SIZE, "kept: ", NULL, {R(kept.offset, SIZE_MAX)}},
    {LMS_E_BUFFER_SIZE, "probs: ", NULL, {R(probs_stride, SIZE_MAX / 2)}},
};
static const lms_row_params zeros[SAMPLER_ROWS];
static const int32_t order[SAMPLER_ROWS];

/* --- Records and indices on the host ----------------------------------------------------- */

#define RECORDS(name, row, ...)                                                                \
    static const lms_row_params name[SAMPLER_ROWS] = {[row] = {__VA_ARGS__}};
RECORDS(bad_temperature, 5, .filters.temperature = -1.0f)
RECORDS(bad_top_p, 4, .filters.top_p = NAN)
RECORDS(bad_min_p, 3, .filters.min_p = 1.5f)
RECORDS(bad_flags, 2, .filters.flags = 0x10)
RECORDS(bad_rules, 1, .filters.rules = 7)
RECORDS(bad_slot, 2, .request.slot = UINT64_MAX)
RECORDS(bad_edits, 3, .request.edits = 1)
RECORDS(bad_wants, 5, .wants = 2)
RECORDS(bad_mask, 3, .request.mask = 1)
RECORDS(bad_unconditional, 4, .request.unconditional = 1)
RECORDS(bad_target, 4, .target = 1)
RECORDS(bad_step, 2, .step = LMS_STEP_OF_SLOT)
RECORDS(bad_reserved, 0, .reserved = {0, 1})
RECORDS(bad_request_reserved, 1, .request.reserved = 1)
#define BAD(text, rule, records)                                                               \
    {                                                                                          \
        LMS_E_ROW_PARAMS, text, rule, { R_LIST(params, records) }                              \
    }
static const int32_t beyond[] = {0, LMS_SKIP_ROW, 5, 4, 3, SAMPLER_ROWS};
static const int32_t negative[] = {0, LMS_SKIP_ROW, 5, 4, 3, -2};
static const int32_t good[] = {0, LMS_SKIP_ROW, 5, 4, 3, 2};
static const refusal host_records[] = {
    NOT("params, params_device", "none", R_LIST(params, NULL)),
    BAD("params[5].filters.temperature: -1", "[2^-64, 2^64]", bad_temperature),
    BAD("params[4].filters.top_p: is NaN", NULL, bad_top_p),
    BAD("params[3].filters.min_p: 1.5 is not at most 1", NULL, bad_min_p),
    BAD("params[2].filters.flags: 0x10", "0xf", bad_flags),
    BAD("params[1].filters.rules: 7 is not 0", NULL, bad_rules),
    BAD("params[2].request.slot: 0xffffffffffffffff is no open slot", "without requests",
        bad_slot),
    BAD("params[3].request.edits: 1", "edit_count (0): the object was made without requests",
        bad_edits),
    BAD("params[3].request.mask: 1", "mask_count (0): the object was made without requests",
        bad_mask),
    BAD("params[4].request.unconditional: 1", "logits_rows (0): the object was made without",
        bad_unconditional),
    BAD("params[5].wants: 2", "want_count (0): the object was made without requests",
        bad_wants),
    BAD("params[4].target: 1", "vocab (0): the object was made without requests", bad_target),
    BAD("params[2].step: LMS_STEP_OF_SLOT without a slot", NULL, bad_step),
    BAD("params[0].reserved: is not 0", NULL, bad_reserved),
    BAD("params[1].request.reserved: is not 0", NULL, bad_request_reserved),
    {LMS_E_ROW_INDEX, "index[5]: 6", "0..5", {R_LIST(index, beyond)}},
    {LMS_E_ROW_INDEX, "index[5]: -2", "LMS_SKIP_ROW", {R_LIST(index, negative)}},
    {LMS_E_ROW_INDEX, "index[2]: 5", "0..4", {R_LIST(index, good), R(logits_rows, 5)}},
    NOT("uniforms_per_row: 3", NULL, R(uniforms_per_row, 3)),
};
static const refusals host_refusals[] = {
    {ALL(sizes)}, {SOMETIMES(report_sizes)}, {ALL(host_records)}};

#define NO_REPORT                                                                              \
    {R_LIST(logprob_raw.buffer, NULL), R_LIST(logprob.buffer, NULL)},                          \
        {R_LIST(probs.buffer, NULL)}, {R_LIST(kept.buffer, NULL)},                             \
    {                                                                                          \
        R(rows, 1)                                                                             \
    }
static const change host_variants[][CHANGES] = {
    NO_REPORT, {R_LIST(index, NULL)}, {R_LIST(index, good)}, {R(row_stride, SAMPLER_VOCAB)}};

static lms_status run(void *sampler, cl_command_queue queue, const call_args *args,
                      cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    return lms_sampler_run(sampler, queue, args != NULL ? &args->run : NULL, num_wait,
                           wait_list, event);
}

#define RUN                                                                                    \
    .object_text = "sampler: is NULL", .record_text = "batch: is NULL", .can_be_empty = true,  \
    .run = run, .apart = {R(row_stride, STRIDE), R(probs_stride, STRIDE), R(logits_rows, 0)},  \
    .strides = {{offsetof(call_args, run.row_stride), "logits: "},                             \
                {offsetof(call_args, run.probs_stride), "probs: "}},                           \
    .silent_kernels = 2 /* the third one reports */
const call_type sampler_host_type = {
    .name = "run of records on the host",
    LIST(views, view_count, host_views),
    LIST(refusals, refusals_count, host_refusals),
    LIST(variants, variant_count, host_variants),
    RUN,
};

/* --- Records and indices on the device --------------------------------------------------- */

static const refusal device_records[] = {
    NOT("params, params_device", "both", R_LIST(params, zeros)),
    NOT("params, params_device", "none", R_LIST(params_device.buffer, NULL)),
};
/* Of inputs that not every call has. */
static const refusal device_inputs[] = {
    NOT("index, index_device", "at most one", R_LIST(index, order)),
    NOT("uniforms_per_row: 0", NULL, R(uniforms_per_row, 0)),
    NOT("uniforms_per_row: 2147483648", NULL, R(uniforms_per_row, 0x80000000u)),
    {LMS_E_BUFFER_SIZE, "uniforms: ", NULL, {R(uniforms_per_row, INT32_MAX)}},
};
static const refusals device_refusals[] = {
    {ALL(sizes)}, {SOMETIMES(report_sizes)}, {ALL(device_records)}, {SOMETIMES(device_inputs)}};

static const change device_variants[][CHANGES] = {
    NO_REPORT,
    {R_LIST(params, zeros), R_LIST(params_device.buffer, NULL)},
    {R_LIST(index, order), R_LIST(index_device.buffer, NULL)},
    {R_LIST(uniforms.buffer, NULL), R(uniforms_per_row, 0)},
};

const call_type sampler_device_type = {
    .name = "run of records on the device",
    LIST(views, view_count, device_views),
    LIST(refusals, refusals_count, device_refusals),
    LIST(variants, variant_count, device_variants),
    RUN,
};

/* --- Descriptions ------------------------------------------------------------------------ */

#define D(field, x) WHOLE(object_desc, sampler.field, x)
static const refusal descs[] = {
    NOT("vocab: 0", "1..1048576", D(vocab, 0)),
    NOT("vocab: 1048577", "1..1048576", D(vocab, LMS_MAX_VOCAB + 1)),
    NOT("vocab: 4294967295", "1..1048576", D(vocab, UINT32_MAX)),
    NOT("max_rows: 0", "1..2^31-1", D(max_rows, 0)),
    NOT("max_rows: 2147483648", "1..2^31-1", D(max_rows, 1u << 31)),
    NOT("logits: 0", "lms_dtype", D(logits, 0)),
    NOT("logits: 4", "lms_dtype", D(logits, 4)),
    NOT("tokens: 3", "lms_token_type", D(tokens, 3)),
    NOT("outputs: 0x800", "0x7ff", D(outputs, 2048)),
    NOT("outputs: 0x10", "need requests", D(outputs, 16)),
    NOT("requests: 0x4", "0x3", D(requests, 4)),
    NOT("max_top: 1025", "1024", D(max_top, 1025)),
    NOT("max_lists: 65537", "65536", D(max_lists, 65537)),
    NOT("max_in_flight: 65", "0..64", D(max_in_flight, 65)),
    NOT("work_items: 3", "power of two", D(work_items, 3)),
    NOT("work_items: 512", "up to 256", D(work_items, 512)),
    NOT("work_items: 2147483648", "up to 256", D(work_items, 1u << 31)),
    NOT("reserved: is not 0", NULL, D(reserved[1], 1)),
    {LMS_E_BUFFER_SIZE,
     "max_rows: 2147483647 rows of 1048576 logits",
     "the device allocates at most",
     {D(vocab, LMS_MAX_VOCAB), D(max_rows, INT32_MAX)}},
};
const refusals sampler_desc_refusals[SAMPLER_DESC_LISTS] = {{ALL(descs)}};
