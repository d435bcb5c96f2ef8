/* sequence_check.c - what can be wrong with a description of slots and with a call on them. A
 * message names the argument, its value, the rule. */
#include "base/extent.h"
#include "base/status.h"
#include "slots/sequences.h"

#include <stdio.h>
#include <string.h>

lms_status lmsi_slots_desc_check(const lms_slots_desc *d)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(d->max_slots < 1 || d->max_slots > LMS_MAX_SLOTS, LMS_E_ARGUMENT,
                 "max_slots: %u is not in 1..%u", (unsigned)d->max_slots, LMS_MAX_SLOTS);
    LMSI_FAIL_IF(d->max_length < 1 || d->max_length > LMS_MAX_SLOT_LENGTH, LMS_E_ARGUMENT,
                 "max_length: %u is not in 1..%u", (unsigned)d->max_length,
                 LMS_MAX_SLOT_LENGTH);
    LMSI_FAIL_IF(d->max_call > d->max_slots, LMS_E_ARGUMENT,
                 "max_call: %u is above max_slots (%u)", (unsigned)d->max_call,
                 (unsigned)d->max_slots);
    LMSI_FAIL_IF(d->max_host_tokens > INT32_MAX, LMS_E_ARGUMENT,
                 "max_host_tokens: %u is above %u", (unsigned)d->max_host_tokens,
                 (unsigned)INT32_MAX);
    LMSI_FAIL_IF(d->reserved != 0, LMS_E_ARGUMENT, "reserved: is not 0");
fail:
    return status;
}

/* --- Names -------------------------------------------------------------------------------- */

#define NAME_BYTES 64u

/* What a message calls item i of `what`: names[3], params[3].request.slot. LMSI_ALONE: there is
 * no array. */
static const char *called(const char *what, uint32_t i, char text[NAME_BYTES])
{
    const int array = (int)strcspn(what, ".");
    if (i == LMSI_ALONE) return what;
    snprintf(text, NAME_BYTES, "%.*s[%u]%s", array, what, (unsigned)i, what + array);
    return text;
}

lms_status lmsi_slots_find(const lms_slots *s, const char *what, uint32_t i, uint64_t name,
                           uint32_t *slot)
{
    const uint32_t place = (uint32_t)name & ((1u << LMS_SLOT_NAME_BITS) - 1);
    lms_status status = LMS_OK;
    char text[NAME_BYTES];
    LMSI_FAIL_IF(place < 1 || place > s->desc.max_slots || s->sequences[place - 1].name != name,
                 LMS_E_SLOT, "%s: no slot of the name %llu is open", called(what, i, text),
                 (unsigned long long)name);
    *slot = place - 1;
fail:
    return status;
}

/* Begins a check of names that are there once. */
static void begin_names(lms_slots *s) { ++s->checks; }

static lms_status once_check(lms_slots *s, const char *what, uint32_t i, uint64_t name)
{
    lms_status status = LMS_OK;
    uint32_t slot = 0;
    char text[NAME_BYTES];
    LMSI_TRY(lmsi_slots_find(s, what, i, name, &slot));
    LMSI_FAIL_IF(s->sequences[slot].seen == s->checks, LMS_E_SLOT, "%s: %llu is there twice",
                 called(what, i, text), (unsigned long long)name);
    s->sequences[slot].seen = s->checks;
fail:
    return status;
}

/* The number of slots, and an array that has to be there for some. */
static lms_status count_check(const lms_slots *s, uint32_t count, const char *what,
                              const void *array)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(count > s->desc.max_call, LMS_E_ARGUMENT, "count: %u is above max_call (%u)",
                 (unsigned)count, (unsigned)s->desc.max_call);
    LMSI_FAIL_IF(count > 0 && array == NULL, LMS_E_ARGUMENT, "%s: is NULL", what);
fail:
    return status;
}

lms_status lmsi_slots_count_check(const lms_slots *s, uint32_t count, const uint64_t *names)
{
    return count_check(s, count, "names", names);
}

static lms_status names_check(lms_slots *s, uint32_t count, const uint64_t *names)
{
    lms_status status = LMS_OK;
    LMSI_TRY(count_check(s, count, "names", names));
    begin_names(s);
    for (uint32_t i = 0; i < count; ++i) LMSI_TRY(once_check(s, "names", i, names[i]));
fail:
    return status;
}

/* --- Length ------------------------------------------------------------------------------- */

static lms_status length_check(const lms_slots *s, const char *what, uint32_t i,
                               uint32_t length, uint32_t more)
{
    lms_status status = LMS_OK;
    char text[NAME_BYTES];
    LMSI_FAIL_IF(more > s->desc.max_length - length, LMS_E_CONTEXT_FULL,
                 "%s: %u tokens and %u more are above max_length (%u)", called(what, i, text),
                 (unsigned)length, (unsigned)more, (unsigned)s->desc.max_length);
fail:
    return status;
}

/* --- The calls ---------------------------------------------------------------------------- */

size_t lmsi_open_first(const lms_slots_open_args *a, uint32_t i, size_t behind)
{
    return a->firsts != NULL ? a->firsts[i] : behind;
}

static lms_status opened_check(const lms_slots *s, const lms_slots_open_args *a, uint32_t i,
                               size_t first)
{
    const uint32_t length = a->lengths[i];
    const uint32_t prompt = a->prompts != NULL ? a->prompts[i] : length;
    const uint32_t ignored = a->ignored != NULL ? a->ignored[i] : 0;
    lms_status status = LMS_OK;
    LMSI_TRY(length_check(s, "lengths", i, 0, length));
    LMSI_FAIL_IF(prompt > length, LMS_E_ARGUMENT, "prompts[%u]: %u is above the length (%u)",
                 (unsigned)i, (unsigned)prompt, (unsigned)length);
    LMSI_FAIL_IF(ignored > prompt, LMS_E_ARGUMENT, "ignored[%u]: %u is above the prompt (%u)",
                 (unsigned)i, (unsigned)ignored, (unsigned)prompt);
    LMSI_FAIL_IF(length > a->token_count || first > a->token_count - length, LMS_E_ARGUMENT,
                 "firsts[%u]: %u tokens from %zu on are beyond token_count (%zu)", (unsigned)i,
                 (unsigned)length, first, a->token_count);
    for (uint32_t k = 0; a->tokens != NULL && k < length; ++k) {
        const int32_t token = a->tokens[first + k];
        LMSI_FAIL_IF(token < 0 || (uint32_t)token >= s->desc.vocab, LMS_E_ARGUMENT,
                     "tokens[%zu]: %d is not in 0..vocab-1 (%u)", first + k, (int)token,
                     (unsigned)s->desc.vocab - 1);
    }
fail:
    return status;
}

/* Where the tokens are. */
static lms_status source_check(const lms_slots *s, const lms_slots_open_args *a, uint64_t all)
{
    lms_status status = LMS_OK;
    const lmsi_array tokens = {"tokens_device",
                               a->tokens_device,
                               1,
                               a->token_count,
                               a->token_count,
                               lmsi_token_bytes(s->op.desc.tokens),
                               LMSI_READ,
                               0};
    LMSI_FAIL_IF(a->tokens != NULL && lmsi_is_given(a->tokens_device), LMS_E_ARGUMENT,
                 "tokens_device: is given, and so is tokens");
    LMSI_FAIL_IF(all > 0 && a->tokens == NULL && !lmsi_is_given(a->tokens_device),
                 LMS_E_ARGUMENT, "tokens: is NULL, and so is tokens_device");
    LMSI_FAIL_IF(a->tokens != NULL && all > s->desc.max_host_tokens, LMS_E_ARGUMENT,
                 "lengths: %llu tokens are on the host, above max_host_tokens (%u)",
                 (unsigned long long)all, (unsigned)s->desc.max_host_tokens);
    if (a->token_count > 0) LMSI_TRY(lmsi_arrays_check(s->op.ctx, &tokens, 1, NULL));
fail:
    return status;
}

lms_status lmsi_open_check(lms_slots *s, const lmsi_where *where, lmsi_slots_call *c)
{
    const lms_slots_open_args *const a = c->open;
    lms_status status = LMS_OK;
    uint64_t pages = 0, all = 0;
    size_t behind = 0;
    LMSI_TRY(lmsi_where_check(&s->op, where, a, "args"));
    LMSI_TRY(count_check(s, a->count, "names", a->names));
    LMSI_TRY(count_check(s, a->count, "lengths", a->lengths));
    for (uint32_t i = 0; i < a->count; ++i) {
        const size_t first = lmsi_open_first(a, i, behind);
        LMSI_TRY(opened_check(s, a, i, first));
        behind = first + a->lengths[i];
        all += a->lengths[i];
        pages += lmsi_slot_pages(a->lengths[i]);
    }
    LMSI_TRY(source_check(s, a, all));
    LMSI_TRY(lmsi_slots_room_check(s, pages, a->count));
    c->count = a->count;
    c->opened = a->names;
    c->tokens_device = a->tokens_device;
    c->pages = pages;
    c->slots = a->count;
fail:
    return status;
}

lms_status lmsi_slots_append_check(lms_slots *s, const lmsi_where *where, lmsi_slots_call *c)
{
    const lms_slots_append_args *const a = c->append;
    lms_status status = LMS_OK;
    uint64_t rows = 0;
    uint32_t most = 0;
    LMSI_TRY(lmsi_where_check(&s->op, where, a, "args"));
    LMSI_TRY(names_check(s, a->count, a->names));
    for (uint32_t i = 0; i < a->count; ++i) {
        const lmsi_sequence *const q = lmsi_sequence_of(s, a->names[i]);
        const uint32_t count = a->counts != NULL ? a->counts[i] : 1;
        const uint64_t row = a->rows != NULL ? a->rows[i] : i;
        LMSI_TRY(length_check(s, "names", i, q->length, count));
        c->pages += lmsi_pages_lacking(q, count);
        if (count > most) most = count;
        if (count > 0 && row >= rows) rows = row + 1;
    }
    const uint64_t given = a->token_rows != 0 ? a->token_rows : rows;
    LMSI_FAIL_IF(rows > given, LMS_E_ARGUMENT,
                 "token_rows: %llu is less than the %llu that the slots need",
                 (unsigned long long)given, (unsigned long long)rows);
    c->count = most > 0 ? a->count : 0;
    c->names = a->names;
    c->tokens = a->tokens;
    c->stride = a->stride != 0 ? a->stride : most;
    LMSI_TRY(lmsi_stride_check("stride", c->stride, "the largest count", most));
    const lmsi_array tokens = {"tokens",
                               a->tokens,
                               given,
                               c->stride,
                               most,
                               lmsi_token_bytes(s->op.desc.tokens),
                               LMSI_READ | (rows > 0 ? LMSI_REQUIRED : 0u),
                               0};
    LMSI_TRY(lmsi_arrays_check(s->op.ctx, &tokens, 1, NULL));
    LMSI_TRY(lmsi_slots_room_check(s, c->pages, 0));
fail:
    return status;
}

lms_status lmsi_roll_back_check(lms_slots *s, const lmsi_where *where, lmsi_slots_call *c)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_where_check(&s->op, where, s, "slots"));
    LMSI_TRY(names_check(s, c->count, c->names));
    LMSI_TRY(count_check(s, c->count, "lengths", c->lengths));
    for (uint32_t i = 0; i < c->count; ++i) {
        const uint32_t prompt = lmsi_sequence_of(s, c->names[i])->prompt;
        LMSI_FAIL_IF(c->lengths[i] < prompt, LMS_E_ARGUMENT,
                     "lengths[%u]: %u is less than the slot's prompt (%u)", (unsigned)i,
                     (unsigned)c->lengths[i], (unsigned)prompt);
    }
fail:
    return status;
}

lms_status lmsi_fork_check(lms_slots *s, const lmsi_where *where, lmsi_slots_call *c)
{
    lms_status status = LMS_OK;
    uint64_t pages = 0;
    LMSI_TRY(lmsi_where_check(&s->op, where, s, "slots"));
    LMSI_TRY(count_check(s, c->count, "from", c->from));
    LMSI_TRY(count_check(s, c->count, "names", c->opened));
    for (uint32_t i = 0; i < c->count; ++i) {
        uint32_t slot = 0;
        LMSI_TRY(lmsi_slots_find(s, "from", i, c->from[i], &slot));
        pages += lmsi_slot_pages(s->sequences[slot].length);
    }
    LMSI_TRY(lmsi_slots_room_check(s, pages, c->count));
    c->pages = pages;
    c->slots = c->count;
fail:
    return status;
}

lms_status lmsi_reorder_check(lms_slots *s, const lmsi_where *where, lmsi_slots_call *c)
{
    const uint32_t count = c->count;
    lms_status status = LMS_OK;
    uint32_t most = 0;
    const unsigned use = LMSI_READ | (count > 0 ? LMSI_REQUIRED : 0u);
    const lmsi_array array = {"parents", c->parents, 1, count, count, sizeof(cl_int), use, 0};
    LMSI_TRY(lmsi_where_check(&s->op, where, s, "slots"));
    LMSI_TRY(names_check(s, c->count, c->names));
    for (uint32_t i = 0; i < count; ++i) {
        const lmsi_sequence *const q = lmsi_sequence_of(s, c->names[i]);
        if (q->length > most) most = q->length;
    }
    if (count > 0) LMSI_TRY(lmsi_arrays_check(s->op.ctx, &array, 1, NULL));
    c->pages = (uint64_t)count * lmsi_slot_pages(most);
    LMSI_TRY(lmsi_slots_room_check(s, c->pages, 0));
fail:
    return status;
}

/* --- For samplers ------------------------------------------------------------------------- */

static uint64_t appended_name(const lmsi_appended *a, uint32_t i)
{
    return *(const uint64_t *)(const void *)((const char *)a->names + i * a->stride);
}

lms_status lmsi_slots_appended_check(lms_slots *s, const char *what, const lmsi_appended *a)
{
    lms_status status = LMS_OK;
    uint64_t pages = 0;
    begin_names(s);
    for (uint32_t i = 0; i < a->count; ++i) {
        const uint64_t name = appended_name(a, i);
        if (name == 0) continue;
        LMSI_TRY(once_check(s, what, i, name));
        const lmsi_sequence *const q = lmsi_sequence_of(s, name);
        LMSI_TRY(length_check(s, what, i, q->length, 1));
        pages += lmsi_pages_lacking(q, 1);
    }
    LMSI_TRY(lmsi_slots_room_check(s, pages, 0));
fail:
    return status;
}
