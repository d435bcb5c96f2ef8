/* The calls of a beam search that steps and gives results: their buffers, and what they
 * refuse. */
#include "beam_object.h"

enum {
    LOGITS_STRIDE = BEAM_VOCAB + 7,
    TOKEN_STRIDE = BEAM_STEPS + 3,
    LOGITS = (BEAM_ROWS - 1) * LOGITS_STRIDE + BEAM_VOCAB,
    TOKENS = (BEAM_SEQUENCES - 1) * TOKEN_STRIDE + BEAM_STEPS
};

static const uint32_t beyond[] = {1, 2, BEAM_REQUESTS}, far_beyond[] = {UINT32_MAX, 2, 0};
static const uint32_t last_twice[] = {1, 2, 1}, first_twice[] = {1, 1, 2}, twice[] = {1, 2, 2};

/* --- Steps ------------------------------------------------------------------------------- */

#define S(field, x) WHOLE(call_args, step.field, x)
#define S_LIST(field, x) POINTER(call_args, step.field, x)
#define TRACED(name) offsetof(beam_trace, name)
static const view step_views[] = {
    VIEW_OF(step, logits, IN, ELEMENT_LOGIT, LOGITS, NOT_TRACED),
    VIEW_OF(step, parents, OUT, ELEMENT_WORD, BEAM_ROWS, TRACED(parents)),
    VIEW_OF(step, tokens, OUT, ELEMENT_TOKEN, BEAM_ROWS, TRACED(tokens)),
    VIEW_OF(step, scores, OUT_OPTIONAL, ELEMENT_WORD, BEAM_ROWS, TRACED(scores)),
    VIEW_OF(step, scores_fixed, OUT_OPTIONAL, ELEMENT_LONG, BEAM_ROWS, TRACED(fixed)),
    VIEW_OF(step, done, OUT, ELEMENT_WORD, BEAM_REQUESTS, TRACED(done)),
    VIEW_OF(step, status, OUT_OPTIONAL, ELEMENT_WORD, BEAM_REQUESTS, TRACED(status)),
};

static const refusal step_slots[] = {
    {LMS_E_ARGUMENT, "slots: is NULL", NULL, {S_LIST(slots, NULL)}},
    {LMS_E_ARGUMENT, "requests: 4", "max_requests (3)", {S(requests, 4)}},
    {LMS_E_ARGUMENT, "requests: 4294967295", "max_requests (3)", {S(requests, UINT32_MAX)}},
    {LMS_E_SLOT, "slots[2]: 3", "max_requests (3)", {S_LIST(slots, beyond)}},
    {LMS_E_SLOT, "slots[0]: 4294967295", "max_requests (3)", {S_LIST(slots, far_beyond)}},
    {LMS_E_SLOT, "slots[2]: 1 is there twice", NULL, {S_LIST(slots, last_twice)}},
    {LMS_E_SLOT, "slots[1]: 1 is there twice", NULL, {S_LIST(slots, first_twice)}},
    {LMS_E_SLOT, "slots[2]: 2 is there twice", NULL, {S_LIST(slots, twice)}},
};

/* Rows that overlap, which is said even where the last request's are not enough. */
#define ROWS(name, ...) static const uint32_t name[] = {__VA_ARGS__};
ROWS(rows_1, 0, 3, 8)
ROWS(rows_2, 0, 0, 8)
ROWS(rows_3, 4, 0, 8)
ROWS(rows_4, 0, 4, 7)
ROWS(rows_5, 0, 4, 4)
ROWS(rows_6, 4, 8, 3)
ROWS(rows_7, 0, 7, 3)
ROWS(rows_8, 100, 0, 8)
ROWS(rows_9, 0, 200, 8)
#define OVERLAP(rows, text)                                                                    \
    {LMS_E_ARGUMENT, text, NULL, {S_LIST(first_rows, rows), S(logits_rows, 1000)}},            \
    {                                                                                          \
        LMS_E_ARGUMENT, text, NULL, { S_LIST(first_rows, rows), S(logits_rows, 0) }            \
    }
static const refusal step_first_rows[] = {
    OVERLAP(rows_1, "first_rows[1]: 3 is a row of the request before (the next is 4)"),
    OVERLAP(rows_2, "first_rows[1]: 0"),
    OVERLAP(rows_3, "first_rows[1]: 0"),
    OVERLAP(rows_4, "first_rows[2]: 7"),
    OVERLAP(rows_5, "first_rows[2]: 4"),
    OVERLAP(rows_6, "first_rows[2]: 3"),
    OVERLAP(rows_7, "first_rows[2]: 3"),
    OVERLAP(rows_8, "first_rows[1]: 0"),
    OVERLAP(rows_9, "first_rows[2]: 8"),
};

#define BIG ((size_t)1 << 31)
ROWS(one_more, 0, 4, 9)
ROWS(most, 0, 4, INT32_MAX - 2) /* the last one is row 2^31 - 1 */
ROWS(one_too_many, 0, 4, INT32_MAX - 1)
ROWS(far_too_many, 0, 4, UINT32_MAX)
static const refusal step_rows[] = {
    {LMS_E_ARGUMENT, "logits_rows: 10", "11 that slots[2] needs", {S(logits_rows, 10)}},
    {LMS_E_ARGUMENT, "logits_rows: 1 ", "11 that slots[2] needs", {S(logits_rows, 1)}},
    {LMS_E_ARGUMENT, "logits_rows: 2147483649", "2^31", {S(logits_rows, BIG + 1)}},
    {LMS_E_ARGUMENT, "logits_rows: 18446744073709551615", "2^31", {S(logits_rows, SIZE_MAX)}},
    /* Allowed, but not in this buffer. */
    {LMS_E_BUFFER_SIZE, "logits: ", NULL, {S(logits_rows, BIG)}},
    {LMS_E_ARGUMENT,
     "logits_rows: 11",
     "12 that slots[2] needs",
     {S_LIST(first_rows, one_more)}},
    {LMS_E_BUFFER_SIZE, "logits: ", NULL, {S_LIST(first_rows, most), S(logits_rows, 0)}},
    {LMS_E_ARGUMENT,
     "2147483649",
     "2^31",
     {S_LIST(first_rows, one_too_many), S(logits_rows, 0)}},
    {LMS_E_ARGUMENT,
     "4294967298",
     "2^31",
     {S_LIST(first_rows, far_too_many), S(logits_rows, 0)}},
    {LMS_E_ARGUMENT,
     "row_stride: 299 is less than vocab (300)",
     NULL,
     {S(row_stride, BEAM_VOCAB - 1)}},
    {LMS_E_ARGUMENT, "row_stride: 1 is less", NULL, {S(row_stride, 1)}},
    /* A sum that wraps to something small: ten times that is 3000. */
    {LMS_E_BUFFER_SIZE,
     "logits: ",
     "need 18446744073709551615 bytes",
     {S(row_stride, (BIG << 32) + BEAM_VOCAB)}},
    /* It ends at 0. */
    {LMS_E_BUFFER_SIZE,
     "parents: offset 18446744073709551605",
     NULL,
     {S(parents.offset, SIZE_MAX - BEAM_ROWS + 1)}},
    /* The buffer's end, which is behind that of the last step. */
    {LMS_E_BUFFER_SIZE, "parents: ", NULL, {S(parents.offset, BEAM_STEPS *BEAM_ROWS)}},
    {LMS_E_BUFFER_SIZE, "status: ", NULL, {S(status.offset, BEAM_STEPS *BEAM_REQUESTS)}},
};

/* The search is made without requests; test_search_requests.c has one with. */
static const lms_tables no_tables;
static const lms_request no_requests[BEAM_ROWS];
static const refusal step_requests[] = {
    {LMS_E_ARGUMENT, "tables: are given", "without requests", {S_LIST(tables, &no_tables)}},
    {LMS_E_ARGUMENT,
     "row_requests: are given",
     "without requests",
     {S_LIST(row_requests, no_requests)}},
    {LMS_E_ARGUMENT,
     "row_requests: are given",
     "without requests",
     {S_LIST(row_requests_device.buffer, no_requests)}},
};

static const refusals step_refusals[] = {
    {ALL(step_slots)}, {ALL(step_first_rows)}, {ALL(step_rows)}, {ALL(step_requests)}};

static const change step_variants[][CHANGES] = {
    {S_LIST(scores.buffer, NULL)}, {S_LIST(scores_fixed.buffer, NULL)},
    {S_LIST(status.buffer, NULL)}, {S_LIST(first_rows, NULL), S(logits_rows, 0)},
    {S(row_stride, BEAM_VOCAB)},
};

static lms_status step(void *beam, cl_command_queue queue, const call_args *args,
                       cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    return lms_beam_step(beam, queue, args != NULL ? &args->step : NULL, num_wait, wait_list,
                         event);
}

const call_type beam_step_type = {
    .name = "step",
    .object_text = "beam: is NULL",
    .record_text = "batch: is NULL",
    .can_be_empty = true,
    .run = step,
    LIST(views, view_count, step_views),
    LIST(refusals, refusals_count, step_refusals),
    .apart = {S(row_stride, LOGITS_STRIDE), S(logits_rows, 0)},
    .strides = {{offsetof(call_args, step.row_stride), "logits: "}},
    LIST(variants, variant_count, step_variants),
    .silent_kernels = 3,
};

/* --- Results ----------------------------------------------------------------------------- */

#define R(field, x) WHOLE(call_args, results.field, x)
#define R_LIST(field, x) POINTER(call_args, results.field, x)
static const view result_views[] = {
    VIEW_OF(results, counts, OUT, ELEMENT_WORD, BEAM_REQUESTS, TRACED(counts)),
    VIEW_OF(results, lengths, OUT, ELEMENT_WORD, BEAM_SEQUENCES, TRACED(lengths)),
    VIEW_OF(results, tokens, OUT, ELEMENT_TOKEN, TOKENS, TRACED(sequences)),
    VIEW_OF(results, scores, OUT_OPTIONAL, ELEMENT_WORD, BEAM_SEQUENCES, TRACED(ratings)),
    VIEW_OF(results, logprobs, OUT_OPTIONAL, ELEMENT_WORD, BEAM_SEQUENCES, TRACED(logprobs)),
    VIEW_OF(results, token_logprobs, OUT_OPTIONAL, ELEMENT_WORD, TOKENS,
            TRACED(token_logprobs)),
    VIEW_OF(results, beams, OUT_OPTIONAL, ELEMENT_WORD, TOKENS, TRACED(beams)),
};

static const refusal result_slots[] = {
    {LMS_E_ARGUMENT, "slots: is NULL", NULL, {R_LIST(slots, NULL)}},
    {LMS_E_ARGUMENT, "requests: 4", "max_requests (3)", {R(requests, 4)}},
    {LMS_E_ARGUMENT, "requests: 4294967295", "max_requests (3)", {R(requests, UINT32_MAX)}},
    {LMS_E_SLOT, "slots[2]: 3", "max_requests (3)", {R_LIST(slots, beyond)}},
    {LMS_E_SLOT, "slots[0]: 4294967295", "max_requests (3)", {R_LIST(slots, far_beyond)}},
    {LMS_E_SLOT, "slots[2]: 1 is there twice", NULL, {R_LIST(slots, last_twice)}},
    {LMS_E_SLOT, "slots[1]: 1 is there twice", NULL, {R_LIST(slots, first_twice)}},
    {LMS_E_SLOT, "slots[2]: 2 is there twice", NULL, {R_LIST(slots, twice)}},
};
static const refusal result_sizes[] = {
    {LMS_E_ARGUMENT, "max_results: 0", "2 results of slots[0]", {R(max_results, 0)}},
    {LMS_E_ARGUMENT, "max_results: 3", "4 results of slots[1]", {R(max_results, 3)}},
    {LMS_E_ARGUMENT, "max_results: 5", "max_width (4)", {R(max_results, BEAM_WIDTH + 1)}},
    {LMS_E_ARGUMENT, "max_results: 4294967295", "max_width (4)", {R(max_results, UINT32_MAX)}},
    /* The others' results do not count. */
    {LMS_E_ARGUMENT,
     "max_results: 1",
     "2 results of slots[0]",
     {R(requests, 1), R(max_results, 1)}},
    /* Strides of which a sum wraps: four times that is 32, and two are nothing. */
    {LMS_E_BUFFER_SIZE, "tokens: ", NULL, {R(token_stride, (BIG << 31) + BEAM_STEPS)}},
    {LMS_E_BUFFER_SIZE, "tokens: ", NULL, {R(token_stride, BIG << 32), R(requests, 1)}},
    {LMS_E_BUFFER_SIZE, "counts: ", NULL, {R(counts.offset, 1)}},
    {LMS_E_BUFFER_SIZE, "beams: ", NULL, {R(beams.offset, 1)}},
    /* Longer than sequences can be, and too long for the buffer. */
    {LMS_E_BUFFER_SIZE, "tokens: ", NULL, {R(token_stride, BEAM_STEPS + 1)}},
};
static const refusals result_refusals[] = {{ALL(result_slots)}, {ALL(result_sizes)}};

static const change result_variants[][CHANGES] = {
    {R_LIST(scores.buffer, NULL)},         {R_LIST(logprobs.buffer, NULL)},
    {R_LIST(token_logprobs.buffer, NULL)}, {R_LIST(beams.buffer, NULL)},
    {R(token_stride, BEAM_STEPS)},
};

static lms_status results(void *beam, cl_command_queue queue, const call_args *args,
                          cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    return lms_beam_results(beam, queue, args != NULL ? &args->results : NULL, num_wait,
                            wait_list, event);
}

const call_type beam_results_type = {
    .name = "results",
    .object_text = "beam: is NULL",
    .record_text = "output: is NULL",
    .can_be_empty = true,
    .run = results,
    LIST(views, view_count, result_views),
    LIST(refusals, refusals_count, result_refusals),
    .apart = {R(token_stride, TOKEN_STRIDE)},
    .strides = {{offsetof(call_args, results.token_stride), "tokens: "}},
    LIST(variants, variant_count, result_variants),
    .silent_kernels = 1,
};
