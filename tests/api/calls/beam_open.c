/* What lms_beam_open and the description of a beam search refuse. */
#include "beam_object.h"

#include <float.h>
#include <math.h>

#define O(field, x) WHOLE(call_args, open.field, x)
#define P(field, x) WHOLE(call_args, open.params.field, x)
#define F(field, x) REAL(call_args, open.params.field, x)
#define ENDS(x) POINTER(call_args, open.end_tokens, x)
#define BAD(text, rule, ...)                                                                   \
    {                                                                                          \
        LMS_E_BEAM_PARAMS, text, rule, { __VA_ARGS__ }                                         \
    }

static const refusal open_slots[] = {
    {LMS_E_ARGUMENT, "params: is NULL", NULL, {O(has_params, 0)}},
    {LMS_E_ARGUMENT,
     "end_tokens: is NULL",
     "params.end_tokens is 2",
     {ENDS(NULL), P(end_tokens, 2)}},
    {LMS_E_SLOT, "slot: 3", "max_requests (3)", {O(slot, BEAM_REQUESTS)}},
    {LMS_E_SLOT, "slot: 4294967295", "max_requests (3)", {O(slot, UINT32_MAX)}},
};

static const refusal open_filters[] = {
    BAD("params.filters.temperature: 0 ", "[2^-64, 2^64]", F(filters.temperature, 0.0f)),
    BAD("params.filters.temperature: -0 ", "[2^-64, 2^64]", F(filters.temperature, -0.0f)),
    BAD("params.filters.temperature: -1 ", "[2^-64, 2^64]", F(filters.temperature, -1.0f)),
    BAD("params.filters.temperature: 5.42", "[2^-64, 2^64]",
        F(filters.temperature, 0x1.fffffep-65f)),
    BAD("params.filters.temperature: 1.4", "[2^-64, 2^64]",
        F(filters.temperature, FLT_TRUE_MIN)),
    BAD("params.filters.temperature: 1.84", "[2^-64, 2^64]",
        F(filters.temperature, 0x1.000002p64f)),
    BAD("params.filters.temperature: inf", "[2^-64, 2^64]", F(filters.temperature, INFINITY)),
    BAD("params.filters.temperature: -inf", "[2^-64, 2^64]", F(filters.temperature, -INFINITY)),
    BAD("params.filters.temperature: nan", "[2^-64, 2^64]", F(filters.temperature, NAN)),
    BAD("params.filters.top_p: 0 ", "above 0", F(filters.top_p, 0.0f)),
    BAD("params.filters.top_p: -0 ", "above 0", F(filters.top_p, -0.0f)),
    BAD("params.filters.top_p: -1.4", "above 0", F(filters.top_p, -FLT_TRUE_MIN)),
    BAD("params.filters.top_p: -inf", "above 0", F(filters.top_p, -INFINITY)),
    BAD("params.filters.top_p: nan", "above 0", F(filters.top_p, NAN)),
    BAD("params.filters.min_p: 1", "at most 1", F(filters.min_p, 0x1.000002p0f)),
    BAD("params.filters.min_p: 1.5", "at most 1", F(filters.min_p, 1.5f)),
    BAD("params.filters.min_p: inf", "at most 1", F(filters.min_p, INFINITY)),
    BAD("params.filters.min_p: nan", "at most 1", F(filters.min_p, NAN)),
    BAD("params.filters.flags: 0x10 ", "0xf", P(filters.flags, 16)),
    BAD("params.filters.flags: 0x80000000 ", "0xf", P(filters.flags, 1u << 31)),
    BAD("params.filters.rules: 1 is not 0", NULL, P(filters.rules, 1)),
    BAD("params.filters.rules: 4294967295 is not 0", NULL, P(filters.rules, UINT32_MAX)),
};

static const refusal open_widths[] = {
    BAD("params.mode: 3", "LMS_BEAM_SEARCH, _STOCHASTIC or _SAMPLE", P(mode, 3)),
    BAD("params.mode: 4294967295", "_SAMPLE", P(mode, UINT32_MAX)),
    BAD("params.width: 0", "max_width (4)", P(width, 0)),
    BAD("params.width: 5", "max_width (4)", P(width, 5)),
    BAD("params.width: 4294967295", "max_width (4)", P(width, UINT32_MAX)),
    BAD("params.groups: 0", "divide the width (4)", P(groups, 0)),
    BAD("params.groups: 3", "divide the width (4)", P(groups, 3)),
    BAD("params.groups: 5", "divide the width (4)", P(groups, 5)),
    BAD("params.groups: 8", "divide the width (4)", P(groups, 8)),
    BAD("params.groups: 4294967295", "divide the width (4)", P(groups, UINT32_MAX)),
    BAD("params.groups: 4", "divide the width (2)", P(width, 2), P(groups, 4)),
    BAD("params.groups: 2", "LMS_BEAM_SEARCH", P(mode, LMS_BEAM_STOCHASTIC), P(groups, 2)),
    BAD("params.groups: 4", "LMS_BEAM_SEARCH", P(mode, LMS_BEAM_STOCHASTIC), P(groups, 4)),
    BAD("params.groups: 2", "LMS_BEAM_SEARCH", P(mode, LMS_BEAM_SAMPLE), P(groups, 2)),
    BAD("params.groups: 4", "LMS_BEAM_SEARCH", P(mode, LMS_BEAM_SAMPLE), P(groups, 4)),
    BAD("params.diversity_penalty: 0 ", "the 2 groups would find the same", P(groups, 2),
        F(diversity_penalty, 0.0f)),
    BAD("params.diversity_penalty: -1 ", "finite and >= 0", F(diversity_penalty, -1.0f)),
    BAD("params.diversity_penalty: -1.4", ">= 0", F(diversity_penalty, -FLT_TRUE_MIN)),
    BAD("params.diversity_penalty: inf", "finite", F(diversity_penalty, INFINITY)),
    BAD("params.diversity_penalty: -inf", "finite", F(diversity_penalty, -INFINITY)),
    BAD("params.diversity_penalty: nan", "finite", F(diversity_penalty, NAN)),
    BAD("params.diversity_penalty: 0 ", "below 2^-32", P(groups, 2),
        F(diversity_penalty, 0.0f)),
    BAD("params.diversity_penalty: -0 ", "below 2^-32", P(groups, 2),
        F(diversity_penalty, -0.0f)),
    BAD("params.diversity_penalty: 2.3", "below 2^-32", P(groups, 2),
        F(diversity_penalty, 0x1.fffffep-33f)),
    BAD("params.results: 0", "width (4)", P(results, 0)),
    BAD("params.results: 5", "width (4)", P(results, 5)),
    BAD("params.results: 4294967295", "width (4)", P(results, UINT32_MAX)),
    BAD("params.results: 3", "width (2)", P(width, 2), P(results, 3)),
};

static const refusal open_lengths[] = {
    BAD("params.length_penalty: inf", "finite", F(length_penalty, INFINITY)),
    BAD("params.length_penalty: -inf", "finite", F(length_penalty, -INFINITY)),
    BAD("params.length_penalty: nan", "finite", F(length_penalty, NAN)),
    BAD("params.length_penalty: ", "finite", F(length_penalty, -NAN)),
    BAD("params.length_counts: 3", "LMS_BEAM_LENGTH_...", P(length_counts, 3)),
    BAD("params.length_counts: 4294967295", "LMS_BEAM_LENGTH_...",
        P(length_counts, UINT32_MAX)),
    BAD("params.early_stopping: 4", "LMS_BEAM_EARLY_...", P(early_stopping, 4)),
    BAD("params.early_stopping: 4294967295", "LMS_BEAM_EARLY_...",
        P(early_stopping, UINT32_MAX)),
    BAD("params.flags: 0x20 ", "0x1f", P(flags, 32)),
    BAD("params.flags: 0x80000000 ", "0x1f", P(flags, 1u << 31)),
    BAD("params.prompt_length: 2147483648", "2^31-1", P(prompt_length, 1u << 31)),
    BAD("params.prompt_length: 4294967295", "2^31-1", P(prompt_length, UINT32_MAX)),
    BAD("params.max_length: 0", "1..8", P(max_length, 0)),
    BAD("params.max_length: 9", "lms_beam_desc.max_length", P(max_length, BEAM_STEPS + 1)),
    BAD("params.max_length: 4294967295", "1..8", P(max_length, UINT32_MAX)),
    BAD("params.reserved: is not 0", NULL, P(reserved[0], 1)),
    BAD("params.reserved: is not 0", NULL, P(reserved[1], 1u << 31)),
    BAD("params.reserved: is not 0", NULL, P(reserved[2], 1)),
};

static const int32_t negative[] = {-1, 0}, large[] = {BEAM_VOCAB, 0}, least[] = {INT32_MIN, 0};
static const int32_t largest[] = {0, INT32_MAX}, none[] = {BEAM_VOCAB - 1, LMS_NO_TOKEN};
static const refusal open_ends[] = {
    BAD("params.end_tokens: 3", "max_end_tokens (2)", P(end_tokens, 3)),
    BAD("params.end_tokens: 4294967295", "max_end_tokens (2)", P(end_tokens, UINT32_MAX)),
    BAD("end_tokens[0]: -1", "0..299", ENDS(negative), P(end_tokens, 2)),
    BAD("end_tokens[0]: 300", "0..299", ENDS(large), P(end_tokens, 2)),
    BAD("end_tokens[0]: -2147483648", "0..299", ENDS(least), P(end_tokens, 2)),
    BAD("end_tokens[1]: 2147483647", "0..299", ENDS(largest), P(end_tokens, 2)),
    BAD("end_tokens[1]: -1", "0..299", ENDS(none), P(end_tokens, 2)),
};

static const refusals open_refusals[] = {{ALL(open_slots)},
                                         {ALL(open_filters)},
                                         {ALL(open_widths)},
                                         {ALL(open_lengths)},
                                         {ALL(open_ends)}};

static const change open_variants[][CHANGES] = {{P(end_tokens, 1)}};

static lms_status run(void *beam, cl_command_queue queue, const call_args *args,
                      cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    const open_args *const o = &args->open;
    return lms_beam_open(beam, queue, o->slot, o->has_params ? &o->params : NULL, o->end_tokens,
                         num_wait, wait_list, event);
}

const call_type beam_open_type = {
    .name = "open",
    .object_text = "beam: is NULL",
    .run = run,
    LIST(refusals, refusals_count, open_refusals),
    LIST(variants, variant_count, open_variants),
};

/* --- Descriptions ------------------------------------------------------------------------ */

#define D(field, x) WHOLE(object_desc, beam.field, x)
#define NOT(text, rule, ...)                                                                   \
    {                                                                                          \
        LMS_E_ARGUMENT, text, rule, { __VA_ARGS__ }                                            \
    }
#define THIN D(max_width, 1), D(max_rows, 0)
#define WIDE D(max_width, 1024), D(max_rows, 0)
static const refusal descs[] = {
    NOT("vocab: 0", "1..1048576", D(vocab, 0)),
    NOT("vocab: 1048577", "1..1048576", D(vocab, LMS_MAX_VOCAB + 1)),
    NOT("vocab: 4294967295", "1..1048576", D(vocab, UINT32_MAX)),
    NOT("max_requests: 0", "max_width 4", D(max_requests, 0)),
    NOT("max_requests: 536870912", "1..536870911", D(max_requests, INT32_MAX / 4 + 1)),
    NOT("max_requests: 4294967295", "1..536870911", D(max_requests, UINT32_MAX)),
    NOT("max_width: 0", "1..1024", D(max_width, 0)),
    NOT("max_width: 1025", "1..1024", D(max_width, LMS_MAX_BEAM_WIDTH + 1)),
    NOT("max_width: 4294967295", "1..1024", D(max_width, UINT32_MAX)),
    NOT("max_length: 0", "1..1048576", D(max_length, 0)),
    NOT("max_length: 1048577", "1..1048576", D(max_length, LMS_MAX_BEAM_LENGTH + 1)),
    NOT("max_length: 4294967295", "1..1048576", D(max_length, UINT32_MAX)),
    NOT("max_end_tokens: 1024", "max_width (4)", D(max_end_tokens, 1024)),
    NOT("max_end_tokens: 4294967295", "4096", D(max_end_tokens, UINT32_MAX)),
    NOT("max_rows: 3", "max_width (4)", D(max_rows, 3)),
    NOT("max_rows: 13", "(12)", D(max_rows, 13)),
    NOT("max_rows: 4294967295", "(12)", D(max_rows, UINT32_MAX)),
    NOT("logits: 0", "lms_dtype", D(logits, 0)),
    NOT("logits: 4", "lms_dtype", D(logits, 4)),
    NOT("logits: -1", "lms_dtype", D(logits, UINT32_MAX)),
    NOT("tokens: 3", "lms_token_type", D(tokens, 3)),
    NOT("tokens: -1", "lms_token_type", D(tokens, UINT32_MAX)),
    NOT("max_in_flight: 65", "0..64", D(max_in_flight, 65)),
    NOT("max_in_flight: 4294967295", "0..64", D(max_in_flight, UINT32_MAX)),
    NOT("work_items: 3", "power of two", D(work_items, 3)),
    NOT("work_items: 512", "up to 256", D(work_items, 512)),
    NOT("work_items: 2147483648", "up to 256", D(work_items, 1u << 31)),
    NOT("requests: 0x4 has bits", "0x3", D(requests, 4)),
    NOT("slots: are given without requests", NULL, POINTER(object_desc, beam.slots, descs)),
    NOT("max_lists: 65537", "65536", D(max_lists, LMS_MAX_LISTS + 1)),
    NOT("reserved: is not 0", NULL, D(reserved[0], 1)),
    NOT("reserved: is not 0", NULL, D(reserved[1], 1u << 31)),
    /* Wide searches leave less room for end tokens, and for requests. */
    NOT("max_end_tokens: 4", "max_width (1024)", WIDE, D(max_end_tokens, 4)),
    NOT("max_requests: 2097152", "1..2097151", WIDE, D(max_end_tokens, 3),
        D(max_requests, INT32_MAX / 1024 + 1)),
    NOT("max_end_tokens: 4096", "max_width (1)", THIN, D(max_end_tokens, 4096)),
    NOT("max_requests: 2147483648", "1..2147483647", THIN, D(max_end_tokens, 4095),
        D(max_requests, (uint32_t)INT32_MAX + 1)),
    /* What the device does not allocate at once. */
    {LMS_E_BUFFER_SIZE,
     "max_requests: 536870911 requests of 4 beams",
     "the device allocates at most",
     {D(max_rows, 0), D(max_requests, INT32_MAX / BEAM_WIDTH)}},
    {LMS_E_BUFFER_SIZE,
     "(at most 4 in a step)",
     "1048576 tokens",
     {D(max_rows, BEAM_WIDTH), D(max_requests, INT32_MAX / BEAM_WIDTH),
      D(max_length, LMS_MAX_BEAM_LENGTH)}},
    {LMS_E_BUFFER_SIZE,
     "max_requests: 2097151",
     NULL,
     {D(max_rows, LMS_MAX_BEAM_WIDTH), D(max_width, LMS_MAX_BEAM_WIDTH),
      D(max_length, LMS_MAX_BEAM_LENGTH), D(max_requests, INT32_MAX / LMS_MAX_BEAM_WIDTH)}},
};
const refusals beam_desc_refusals[BEAM_DESC_LISTS] = {{ALL(descs)}};
