/* sequence_read.c - what the host is told of slots: their lengths, and their tokens. */
#include "base/process.h"
#include "base/status.h"
#include "slots/sequences.h"

#include <stdlib.h>

lms_status lms_slots_length(const lms_slots *s, uint64_t name, uint32_t *length)
{
    lms_status status = LMS_OK;
    uint32_t slot = 0;
    LMSI_FAIL_IF(s == NULL, LMS_E_ARGUMENT, "slots: is NULL");
    LMSI_FAIL_IF(length == NULL, LMS_E_ARGUMENT, "length: is NULL");
    LMSI_TRY(lmsi_slots_find(s, "name", LMSI_ALONE, name, &slot));
    *length = s->sequences[slot].length;
fail:
    return status;
}

static lms_status read(const lms_slots *s, size_t buffer, size_t at, size_t bytes, void *out)
{
    lms_status status = LMS_OK;
    LMSI_CL(clEnqueueReadBuffer(s->op.ctx->queue, s->op.mem[buffer], CL_TRUE, at, bytes, out, 0,
                                NULL, NULL));
fail:
    return status;
}

/* The pages of a sequence, one behind the other, for as many tokens. */
static lms_status read_pages(const lms_slots *s, const lmsi_sequence *q, uint32_t length,
                             cl_uint *words)
{
    const size_t bytes = LMS_SLOT_PAGE_WORDS * sizeof *words;
    lms_status status = LMS_OK;
    for (uint32_t i = 0; i < lmsi_slot_pages(length); ++i) {
        LMSI_TRY(read(s, LMSI_SLOTS_PAGES, q->pages.pages[i] * bytes, bytes,
                      words + (size_t)i * LMS_SLOT_PAGE_WORDS));
    }
fail:
    return status;
}

static cl_uint word_of(const cl_uint *words, cl_uint place, cl_uint at, cl_uint each)
{
    const size_t page = place / LMS_SLOT_PAGE;
    return words[page * LMS_SLOT_PAGE_WORDS + at + (size_t)(place % LMS_SLOT_PAGE) * each];
}

/* The lower word of an entry has its token. */
static int32_t token_of(const cl_uint *words, cl_uint position)
{
    const cl_uint entry = word_of(words, position, LMS_SLOT_HISTORY_AT, 1);
    return (int32_t)(word_of(words, entry, 0, 2) & ((1u << LMS_DISTINCT_TOKEN_BITS) - 1));
}

static lms_status read_tokens(const lms_slots *s, const lmsi_sequence *q, uint32_t length,
                              int32_t *tokens)
{
    lms_status status = LMS_OK;
    cl_uint *const words = calloc(lmsi_slot_pages(length), LMS_SLOT_PAGE_WORDS * sizeof *words);
    LMSI_FAIL_IF(words == NULL, LMS_E_MEMORY, "out of memory for %u tokens", (unsigned)length);
    LMSI_TRY(read_pages(s, q, length, words));
    for (uint32_t i = 0; i < length; ++i) tokens[i] = token_of(words, i);
fail:
    free(words);
    return status;
}

lms_status lms_slots_export(lms_slots *s, uint64_t name, int32_t *tokens, uint32_t capacity,
                            uint32_t *length, uint32_t *prompt)
{
    lms_status status = LMS_OK;
    lms_slot_state state;
    uint32_t slot = 0;
    LMSI_FAIL_IF(s == NULL, LMS_E_ARGUMENT, "slots: is NULL");
    LMSI_TRY(lmsi_child_check());
    LMSI_TRY(lmsi_slots_find(s, "name", LMSI_ALONE, name, &slot));
    LMSI_FAIL_IF(length == NULL, LMS_E_ARGUMENT, "length: is NULL");
    LMSI_FAIL_IF(tokens == NULL && capacity > 0, LMS_E_ARGUMENT, "tokens: is NULL");
    LMSI_TRY(lmsi_latest_wait(&s->op.latest));
    LMSI_TRY(read(s, LMSI_SLOTS_STATES, slot * sizeof state, sizeof state, &state));
    LMSI_FAIL_IF(state.name != name || state.version != s->sequences[slot].version, LMS_E_SLOT,
                 "name: a call that opened %llu, or gave it pages, was terminated",
                 (unsigned long long)name);
    *length = state.length;
    if (prompt != NULL) *prompt = state.prompt;
    LMSI_FAIL_IF(capacity > 0 && state.length > capacity, LMS_E_BUFFER_SIZE,
                 "capacity: %u is less than the %u tokens that there are", (unsigned)capacity,
                 (unsigned)state.length);
    if (capacity > 0 && state.length > 0) {
        LMSI_TRY(read_tokens(s, &s->sequences[slot], state.length, tokens));
    }
fail:
    return status;
}
