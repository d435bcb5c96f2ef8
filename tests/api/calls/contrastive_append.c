/* The calls of a contrastive search that append and fork, and its description: buffers, and
 * what they refuse. */
#include "contrastive_object.h"

#include <math.h>

enum {
    STRIDE = CONTRASTIVE_WIDTH + 7
};

/* --- Append ------------------------------------------------------------------------------ */

#define A(field, x) WHOLE(call_args, append.field, x)
#define A_LIST(field, x) POINTER(call_args, append.field, x)
static const view append_views[] = {
    VIEW_OF(append, hidden, IN, ELEMENT_HIDDEN, 2 * STRIDE + CONTRASTIVE_WIDTH, NOT_TRACED),
};

#define LIST_OF(name, ...) static const uint32_t name[] = {__VA_ARGS__};
LIST_OF(beyond, 1, 2, 4)
LIST_OF(far_beyond, UINT32_MAX, 2, 0)
LIST_OF(last_twice, 1, 2, 1)
LIST_OF(first_twice, 1, 1, 2)
LIST_OF(twice, 1, 2, 2)
LIST_OF(closed, 1, 3, 2)
static const refusal append_slots[] = {
    {LMS_E_ARGUMENT, "slots: is NULL", NULL, {A_LIST(slots, NULL), A_LIST(counts, NULL)}},
    {LMS_E_ARGUMENT, "requests: 5", "max_requests (4)", {A(requests, 5)}},
    {LMS_E_ARGUMENT, "requests: 4294967295", "max_requests (4)", {A(requests, UINT32_MAX)}},
    {LMS_E_SLOT, "slots[2]: 4", "max_requests (4)", {A_LIST(slots, beyond)}},
    {LMS_E_SLOT, "slots[0]: 4294967295", "max_requests (4)", {A_LIST(slots, far_beyond)}},
    {LMS_E_SLOT, "slots[2]: 1", "is there twice", {A_LIST(slots, last_twice)}},
    {LMS_E_SLOT, "slots[1]: 1", "is there twice", {A_LIST(slots, first_twice)}},
    {LMS_E_SLOT, "slots[2]: 2", "is there twice", {A_LIST(slots, twice)}},
};
static const refusal append_closed[] = {
    {LMS_E_SLOT, "slots[1]: 3", "is not open", {A_LIST(slots, closed)}},
};

#define BIG ((size_t)1 << 31)
LIST_OF(ones, 1, 2, 1)
LIST_OF(shared, 7, 2, 7)
LIST_OF(far, 0, 0, UINT32_MAX)
LIST_OF(huge, UINT32_MAX, UINT32_MAX, UINT32_MAX)
LIST_OF(long_one, 1, 1, CONTRASTIVE_LENGTH + 1)
LIST_OF(behind, 0, 0, 1000000)
static const refusal append_rows[] = {
    {LMS_E_ARGUMENT, "hidden_rows: 3", "4", {A_LIST(counts, ones), A(hidden_rows, 3)}},
    {LMS_E_ARGUMENT,
     "hidden_rows: 7",
     "8",
     {A_LIST(counts, ones), A_LIST(first_rows, shared), A(hidden_rows, 7)}},
    {LMS_E_ARGUMENT, "hidden_rows: 2147483649", "2^31", {A(hidden_rows, BIG + 1)}},
    {LMS_E_ARGUMENT, "hidden_rows: ", "2^31", {A(hidden_rows, SIZE_MAX)}},
    {LMS_E_ARGUMENT, "2^31", NULL, {A_LIST(counts, ones), A_LIST(first_rows, far)}},
    {LMS_E_ARGUMENT, "hidden_rows: 12884901885", "2^31", {A_LIST(counts, huge)}},
    {LMS_E_BUFFER_SIZE,
     "hidden: ",
     "(113 rows - 1) * stride 100",
     {A_LIST(counts, ones), A(hidden_rows, CONTRASTIVE_PROMPT + 1)}},
    {LMS_E_BUFFER_SIZE, "hidden: ", NULL, {A_LIST(counts, ones), A_LIST(first_rows, behind)}},
    {LMS_E_CONTEXT_FULL, "71", "max_length (70)", {A_LIST(counts, long_one)}},
    {LMS_E_ARGUMENT, "row_stride: 1", "width (100)", {A(row_stride, 1)}},
    {LMS_E_ARGUMENT, "row_stride: 99", "width (100)", {A(row_stride, CONTRASTIVE_WIDTH - 1)}},
};
static const refusals append_refusals[] = {
    {ALL(append_slots)}, {SOMETIMES(append_closed)}, {ALL(append_rows)}};

LIST_OF(zeros, 0, 0, 0)
static const change append_variants[][CHANGES] = {
    {A_LIST(counts, NULL)},
    {A_LIST(first_rows, zeros)},
    {A(row_stride, CONTRASTIVE_WIDTH)},
    {A(hidden_rows, CONTRASTIVE_PROMPT)},
};

static lms_status append(void *search, cl_command_queue queue, const call_args *args,
                         cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    return lms_contrastive_append(search, queue, args != NULL ? &args->append : NULL, num_wait,
                                  wait_list, event);
}

const call_type contrastive_append_type = {
    .name = "append",
    .object_text = "contrastive: is NULL",
    .record_text = "states: is NULL",
    .can_be_empty = true,
    .run = append,
    LIST(views, view_count, append_views),
    LIST(refusals, refusals_count, append_refusals),
    .apart = {A(row_stride, STRIDE), A_LIST(counts, NULL)},
    .strides = {{offsetof(call_args, append.row_stride), "hidden: "}},
    LIST(variants, variant_count, append_variants),
};

/* --- Fork -------------------------------------------------------------------------------- */

#define K(field, x) WHOLE(call_args, fork.field, x)
#define P(field, x) WHOLE(call_args, fork.params.field, x)
#define F(field, x) REAL(call_args, fork.params.field, x)
#define BAD(text, rule, ...)                                                                   \
    {                                                                                          \
        LMS_E_CONTRASTIVE_PARAMS, text, rule, { __VA_ARGS__ }                                  \
    }
static const refusal fork_slots[] = {
    {LMS_E_SLOT, "to: 1 is open already", NULL, {K(to, 1)}},
    {LMS_E_SLOT, "to: 0 is open already", NULL, {K(from, 0), K(to, 0)}},
    {LMS_E_SLOT, "from: 4", "max_requests (4)", {K(from, 4)}},
    {LMS_E_SLOT, "from: 4294967295", "max_requests (4)", {K(from, UINT32_MAX)}},
    {LMS_E_SLOT, "to: 4", "max_requests (4)", {K(to, 4)}},
    {LMS_E_SLOT, "to: 4294967295", "max_requests (4)", {K(to, UINT32_MAX), K(has_params, 0)}},
};
static const refusal fork_closed[] = {
    {LMS_E_SLOT, "from: 3 is not open", NULL, {K(from, 3)}},
};
static const refusal fork_params[] = {
    BAD("params.alpha: 1.5", "[0, 1]", F(alpha, 1.5f)),
    BAD("params.k: 6", "max_k (5)", P(k, CONTRASTIVE_K + 1)),
    BAD("params.filters.temperature: nan", "[2^-64, 2^64]", F(filters.temperature, NAN)),
    BAD("params.reserved: is not 0", NULL, P(reserved[0], 1)),
};
static const refusals fork_refusals[] = {
    {ALL(fork_slots)}, {SOMETIMES(fork_closed)}, {ALL(fork_params)}};
static const change fork_variants[][CHANGES] = {{K(has_params, 0)}};

static lms_status fork_(void *search, cl_command_queue queue, const call_args *args,
                        cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    const fork_args *const f = &args->fork;
    return lms_contrastive_fork(search, queue, f->from, f->to,
                                f->has_params ? &f->params : NULL, num_wait, wait_list, event);
}

const call_type contrastive_fork_type = {
    .name = "fork",
    .object_text = "contrastive: is NULL",
    .run = fork_,
    LIST(refusals, refusals_count, fork_refusals),
    LIST(variants, variant_count, fork_variants),
};

/* --- Descriptions ------------------------------------------------------------------------ */

#define D(field, x) WHOLE(object_desc, contrastive.field, x)
#define NOT(text, rule, ...)                                                                   \
    {                                                                                          \
        LMS_E_ARGUMENT, text, rule, { __VA_ARGS__ }                                            \
    }
static const refusal descs[] = {
    NOT("vocab: 0", "1..1048576", D(vocab, 0)),
    NOT("vocab: 1048577", "1..1048576", D(vocab, LMS_MAX_VOCAB + 1)),
    NOT("vocab: 4294967295", "1..1048576", D(vocab, UINT32_MAX)),
    NOT("width: 0", "1..16384", D(width, 0)),
    NOT("width: 16385", "1..16384", D(width, LMS_MAX_HIDDEN_WIDTH + 1)),
    NOT("width: 4294967295", "1..16384", D(width, UINT32_MAX)),
    NOT("max_requests: 0", NULL, D(max_requests, 0)),
    NOT("max_requests: 4294967295", NULL, D(max_requests, UINT32_MAX)),
    NOT("max_requests: 429496730", NULL, D(max_requests, INT32_MAX / 5 + 1)),
    NOT("max_k: 0", "1..64", D(max_k, 0)),
    NOT("max_k: 65", "1..64", D(max_k, LMS_MAX_CONTRASTIVE_K + 1)),
    NOT("max_k: 4294967295", "1..64", D(max_k, UINT32_MAX)),
    NOT("max_length: 0", "1..1048576", D(max_length, 0)),
    NOT("max_length: 1048577", "1..1048576", D(max_length, LMS_MAX_CONTEXT_LENGTH + 1)),
    NOT("max_length: 4294967295", "1..1048576", D(max_length, UINT32_MAX)),
    NOT("max_rows: 4", "max_k (5)", D(max_rows, 4)),
    NOT("max_rows: 21", "(20)", D(max_rows, 21)),
    NOT("max_rows: 4294967295", "(20)", D(max_rows, UINT32_MAX)),
    NOT("logits: 0", "lms_dtype", D(logits, 0)),
    NOT("logits: 4", "lms_dtype", D(logits, 4)),
    NOT("logits: -1", "lms_dtype", D(logits, UINT32_MAX)),
    NOT("hidden: 0", "lms_dtype", D(hidden, 0)),
    NOT("hidden: 4", "lms_dtype", D(hidden, 4)),
    NOT("hidden: -1", "lms_dtype", D(hidden, UINT32_MAX)),
    NOT("tokens: 3", "lms_token_type", D(tokens, 3)),
    NOT("tokens: -1", "lms_token_type", D(tokens, UINT32_MAX)),
    NOT("max_in_flight: 65", "0..64", D(max_in_flight, 65)),
    NOT("max_in_flight: 4294967295", "0..64", D(max_in_flight, UINT32_MAX)),
    NOT("work_items: 3", "power of two", D(work_items, 3)),
    NOT("work_items: 512", "up to 256", D(work_items, 512)),
    NOT("work_items: 2147483648", "up to 256", D(work_items, 1u << 31)),
    NOT("requests: 0x4 has bits", "0x3", D(requests, 4)),
    NOT("slots: are given without requests", NULL,
        POINTER(object_desc, contrastive.slots, descs)),
    NOT("max_lists: 65537", "65536", D(max_lists, LMS_MAX_LISTS + 1)),
    NOT("reserved: is not 0", NULL, D(reserved, 1)),
    NOT("reserved: is not 0", NULL, D(reserved, 1u << 31)),
    NOT("max_requests: 268435456 contexts of 1048576", NULL, D(max_rows, 0),
        D(max_positions, 0), D(max_requests, 1u << 28), D(max_length, LMS_MAX_CONTEXT_LENGTH)),
    /* What the device does not allocate at once. */
    {LMS_E_BUFFER_SIZE,
     "max_requests: 429496729 requests of 5",
     "the device allocates at most",
     {D(max_rows, 0), D(max_positions, 32), D(max_requests, INT32_MAX / CONTRASTIVE_K),
      D(max_length, 32)}},
    /* A page is the least that a buffer can have. */
    {LMS_E_BUFFER_SIZE, "max_buffer_bytes: ", "more than 1", {D(max_buffer_bytes, 1)}},
    {LMS_E_BUFFER_SIZE, "max_buffer_bytes: ", "16383", {D(max_buffer_bytes, 16383)}},
};
const refusals contrastive_desc_refusals[CONTRASTIVE_DESC_LISTS] = {{ALL(descs)}};
