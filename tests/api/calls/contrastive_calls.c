/* The calls of a contrastive search that propose and select: their buffers, and what they
 * refuse. */
#include "contrastive_object.h"

enum {
    STRIDE = CONTRASTIVE_WIDTH + 7,
    LOGITS_STRIDE = CONTRASTIVE_VOCAB + 9,
    ROWS = 12, /* candidate rows of the parents */
    PARENTS = CONTRASTIVE_PARENTS
};

#define P(field, x) WHOLE(call_args, propose.field, x)
#define P_LIST(field, x) POINTER(call_args, propose.field, x)
#define S(field, x) WHOLE(call_args, select.field, x)
#define S_LIST(field, x) POINTER(call_args, select.field, x)
#define TRACED(name) offsetof(contrastive_trace, name)
static const view propose_views[] = {
    VIEW_OF(propose, logits, IN, ELEMENT_LOGIT, 2 * LOGITS_STRIDE + CONTRASTIVE_VOCAB,
            NOT_TRACED),
    VIEW_OF(propose, index_device, IN_OPTIONAL, ELEMENT_WORD, PARENTS, NOT_TRACED),
    VIEW_OF(propose, tokens, OUT, ELEMENT_TOKEN, ROWS, TRACED(tokens)),
    VIEW_OF(propose, probs, OUT, ELEMENT_WORD, ROWS, TRACED(probs)),
    VIEW_OF(propose, status, OUT_OPTIONAL, ELEMENT_WORD, PARENTS, TRACED(row_status)),
};
static const view select_views[] = {
    VIEW_OF(select, hidden, IN, ELEMENT_HIDDEN, (ROWS - 1) * STRIDE + CONTRASTIVE_WIDTH,
            NOT_TRACED),
    VIEW_OF(select, tokens, IN, ELEMENT_TOKEN, ROWS, NOT_TRACED),
    VIEW_OF(select, probs, IN, ELEMENT_WORD, ROWS, NOT_TRACED),
    VIEW_OF(select, next, OUT, ELEMENT_TOKEN, PARENTS, TRACED(next)),
    VIEW_OF(select, rows, OUT, ELEMENT_WORD, PARENTS, TRACED(rows)),
    VIEW_OF(select, scores, OUT_OPTIONAL, ELEMENT_WORD, PARENTS, TRACED(scores)),
    VIEW_OF(select, penalties, OUT_OPTIONAL, ELEMENT_WORD, PARENTS, TRACED(penalties)),
    VIEW_OF(select, row_scores, OUT_OPTIONAL, ELEMENT_WORD, ROWS, TRACED(row_scores)),
    VIEW_OF(select, row_penalties, OUT_OPTIONAL, ELEMENT_WORD, ROWS, TRACED(row_penalties)),
    VIEW_OF(select, status, OUT_OPTIONAL, ELEMENT_WORD, PARENTS, TRACED(status)),
};

/* --- What both refuse -------------------------------------------------------------------- */

/* A list of each of the two, with the fields of its own record. */
static const uint32_t beyond[] = {1, 2, 4}, far_beyond[] = {UINT32_MAX, 2, 0};
static const uint32_t last_twice[] = {1, 2, 1}, first_twice[] = {1, 1, 2}, twice[] = {1, 2, 2};
static const uint32_t closed[] = {1, 3, 2};
#define SLOTS(W, L)                                                                            \
    {LMS_E_ARGUMENT, "slots: is NULL", NULL, {L(slots, NULL)}},                                \
        {LMS_E_ARGUMENT, "requests: 5", "max_requests (4)", {W(requests, 5)}},                 \
        {LMS_E_ARGUMENT,                                                                       \
         "requests: 4294967295",                                                               \
         "max_requests (4)",                                                                   \
         {W(requests, UINT32_MAX)}},                                                           \
        {LMS_E_SLOT, "slots[2]: 4", "max_requests (4)", {L(slots, beyond)}},                   \
        {LMS_E_SLOT, "slots[0]: 4294967295", "max_requests (4)", {L(slots, far_beyond)}},      \
        {LMS_E_SLOT, "slots[2]: 1", "is there twice", {L(slots, last_twice)}},                 \
        {LMS_E_SLOT, "slots[1]: 1", "is there twice", {L(slots, first_twice)}},                \
    {                                                                                          \
        LMS_E_SLOT, "slots[2]: 2", "is there twice", { L(slots, twice) }                       \
    }

/* Candidate rows that overlap, which is said even where the last ones are not enough. */
#define ROWS_OF(name, ...) static const uint32_t name[] = {__VA_ARGS__};
ROWS_OF(rows_1, 0, 4, 9)
ROWS_OF(rows_2, 0, 0, 9)
ROWS_OF(rows_3, 5, 0, 9)
ROWS_OF(rows_4, 0, 5, 8)
ROWS_OF(rows_5, 0, 5, 5)
ROWS_OF(rows_6, 5, 10, 3)
ROWS_OF(rows_7, 100, 0, 9)
ROWS_OF(rows_8, 0, 200, 9)
ROWS_OF(rows_9, 0, UINT32_MAX, 9)
#define OVERLAP(W, L, rows, text)                                                              \
    {LMS_E_ARGUMENT, text, NULL, {L(first_rows, rows), W(candidate_rows, 0)}},                 \
    {                                                                                          \
        LMS_E_ARGUMENT, text, NULL, { L(first_rows, rows), W(candidate_rows, 1000) }           \
    }
#define FIRST_ROWS(W, L)                                                                       \
    OVERLAP(W, L, rows_1, "first_rows[1]: 4 is a row of the request before (the next is 5)"),  \
        OVERLAP(W, L, rows_2, "first_rows[1]: 0"), OVERLAP(W, L, rows_3, "first_rows[1]: 0"),  \
        OVERLAP(W, L, rows_4, "first_rows[2]: 8"), OVERLAP(W, L, rows_5, "first_rows[2]: 5"),  \
        OVERLAP(W, L, rows_6, "first_rows[2]: 3"), OVERLAP(W, L, rows_7, "first_rows[1]: 0"),  \
        OVERLAP(W, L, rows_8, "first_rows[2]: 9"), OVERLAP(W, L, rows_9, "first_rows[2]: 9")

#define BIG ((size_t)1 << 31)
ROWS_OF(far, 0, 5, (1u << 31) - 2, (1u << 31) + 100) /* behind the fork there are four */
#define CANDIDATE_ROWS(W, L)                                                                   \
    {LMS_E_ARGUMENT, "candidate_rows: 1", "12", {W(candidate_rows, 1)}},                       \
        {LMS_E_ARGUMENT, "candidate_rows: 11", "12", {W(candidate_rows, 11)}},                 \
        {LMS_E_ARGUMENT, "candidate_rows: ", "2^31", {W(candidate_rows, BIG + 1)}},            \
        {LMS_E_ARGUMENT, "candidate_rows: ", "2^31", {W(candidate_rows, SIZE_MAX)}},           \
    {                                                                                          \
        LMS_E_ARGUMENT, "2^31", NULL, { L(first_rows, far), W(candidate_rows, 0) }             \
    }

/* The buffers' ends, which are behind what the last step writes. */
#define AT_ROWS_END (CONTRASTIVE_STEPS * CONTRASTIVE_ROWS)
#define AT_REQUESTS_END (CONTRASTIVE_STEPS * CONTRASTIVE_REQUESTS)

/* --- Propose ----------------------------------------------------------------------------- */

static const refusal propose_slots[] = {SLOTS(P, P_LIST)};
static const refusal propose_closed[] = {
    {LMS_E_ARGUMENT, "logits_rows: 2", "3", {P(logits_rows, 2)}},
    {LMS_E_SLOT, "slots[1]: 3", "is not open", {P_LIST(slots, closed)}},
};
static const refusal propose_rows[] = {FIRST_ROWS(P, P_LIST), CANDIDATE_ROWS(P, P_LIST)};
#define INDEX(name, ...) static const int32_t name[] = {__VA_ARGS__};
INDEX(index_beyond, 0, 4, 1)
INDEX(index_negative, 0, 1, -2)
INDEX(index_least, INT32_MIN, 0, 0)
INDEX(index_good, 2, 0, 1)
static const refusal propose_logits[] = {
    {LMS_E_ARGUMENT, "logits_rows: 2147483649", "2^31", {P(logits_rows, BIG + 1)}},
    {LMS_E_ARGUMENT, "logits_rows: ", "2^31", {P(logits_rows, SIZE_MAX)}},
    {LMS_E_ROW_INDEX, "index[1]: 4", NULL, {P_LIST(index, index_beyond)}},
    {LMS_E_ROW_INDEX, "index[2]: -2", NULL, {P_LIST(index, index_negative)}},
    {LMS_E_ROW_INDEX, "index[0]: -2147483648", NULL, {P_LIST(index, index_least)}},
    {LMS_E_ARGUMENT, "row_stride: 1", "vocab (300)", {P(row_stride, 1)}},
    {LMS_E_ARGUMENT, "row_stride: 299", "vocab (300)", {P(row_stride, CONTRASTIVE_VOCAB - 1)}},
    {LMS_E_BUFFER_SIZE, "tokens: ", NULL, {P(tokens.offset, AT_ROWS_END)}},
    {LMS_E_BUFFER_SIZE, "status: ", NULL, {P(status.offset, AT_REQUESTS_END)}},
};
/* The search is made without requests; test_search_requests.c has one with. */
static const lms_tables no_tables;
static const lms_request no_requests[CONTRASTIVE_PARENTS];
static const refusal propose_requests[] = {
    {LMS_E_ARGUMENT, "tables: are given", "without requests", {P_LIST(tables, &no_tables)}},
    {LMS_E_ARGUMENT,
     "row_requests: are given",
     "without requests",
     {P_LIST(row_requests, no_requests)}},
    {LMS_E_ARGUMENT,
     "row_requests: are given",
     "without requests",
     {P_LIST(row_requests_device.buffer, no_requests)}},
};
static const refusals propose_refusals[] = {{ALL(propose_slots)},
                                            {SOMETIMES(propose_closed)},
                                            {ALL(propose_rows)},
                                            {ALL(propose_logits)},
                                            {ALL(propose_requests)}};

static const change propose_variants[][CHANGES] = {
    {P_LIST(status.buffer, NULL)},      {P(candidate_rows, 0)},
    {P(row_stride, CONTRASTIVE_VOCAB)}, {P(requests, 1)},
    {P_LIST(index, index_good)},
};

static lms_status propose(void *search, cl_command_queue queue, const call_args *args,
                          cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    return lms_contrastive_propose(search, queue, args != NULL ? &args->propose : NULL,
                                   num_wait, wait_list, event);
}

const call_type contrastive_propose_type = {
    .name = "propose",
    .object_text = "contrastive: is NULL",
    .record_text = "proposal: is NULL",
    .can_be_empty = true,
    .run = propose,
    LIST(views, view_count, propose_views),
    LIST(refusals, refusals_count, propose_refusals),
    .apart = {P(row_stride, LOGITS_STRIDE), P(candidate_rows, 0), P(logits_rows, 0)},
    .strides = {{offsetof(call_args, propose.row_stride), "logits: "}},
    LIST(variants, variant_count, propose_variants),
    .silent_kernels = 2,
};

/* --- Select ------------------------------------------------------------------------------ */

static const refusal select_slots[] = {SLOTS(S, S_LIST)};
static const refusal select_closed[] = {
    {LMS_E_SLOT, "slots[1]: 3", "is not open", {S_LIST(slots, closed)}},
};
static const refusal select_rows[] = {FIRST_ROWS(S, S_LIST), CANDIDATE_ROWS(S, S_LIST)};
static const refusal select_sizes[] = {
    {LMS_E_ARGUMENT, "row_stride: 1", "width (100)", {S(row_stride, 1)}},
    {LMS_E_ARGUMENT, "row_stride: 99", "width (100)", {S(row_stride, CONTRASTIVE_WIDTH - 1)}},
    {LMS_E_BUFFER_SIZE, "tokens: ", NULL, {S(tokens.offset, AT_ROWS_END)}},
    {LMS_E_BUFFER_SIZE, "probs: ", NULL, {S(probs.offset, AT_ROWS_END)}},
    {LMS_E_BUFFER_SIZE, "status: ", NULL, {S(status.offset, AT_REQUESTS_END)}},
    {LMS_E_BUFFER_SIZE, "row_penalties: ", NULL, {S(row_penalties.offset, AT_ROWS_END)}},
};
static const refusals select_refusals[] = {
    {ALL(select_slots)}, {SOMETIMES(select_closed)}, {ALL(select_rows)}, {ALL(select_sizes)}};

static const change select_variants[][CHANGES] = {
    {S_LIST(scores.buffer, NULL)},
    {S_LIST(row_penalties.buffer, NULL)},
    {S_LIST(status.buffer, NULL)},
    {S(requests, 1)},
};

static lms_status select_(void *search, cl_command_queue queue, const call_args *args,
                          cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    return lms_contrastive_select(search, queue, args != NULL ? &args->select : NULL, num_wait,
                                  wait_list, event);
}

const call_type contrastive_select_type = {
    .name = "select",
    .object_text = "contrastive: is NULL",
    .record_text = "batch: is NULL",
    .can_be_empty = true,
    .run = select_,
    LIST(views, view_count, select_views),
    LIST(refusals, refusals_count, select_refusals),
    .apart = {S(row_stride, STRIDE), S(candidate_rows, 0)},
    .strides = {{offsetof(call_args, select.row_stride), "hidden: "}},
    LIST(variants, variant_count, select_variants),
    .silent_kernels = 3, /* the third one chooses, those behind it append */
};
