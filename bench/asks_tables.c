/* asks_tables.c - records, lists and masks of a case. They are the same on every run. */
#include "asks.h"
#include "say.h"

#include <stdlib.h>
#include <string.h>

enum {
    BAD_WORDS = 50, /* sequences of three tokens */
    BAD_WORD = 3,
    END_TOKENS = 4,
    BREAKERS = 4 /* of one token each */
};

static void *host_bytes(size_t count, size_t size)
{
    void *const memory = calloc(count > 0 ? count : 1, size);
    if (memory == NULL) fail("out of memory for tables");
    return memory;
}

static int32_t random_token(const asks *a, uint64_t *state)
{
    const uint64_t bits = random_next(state);
    return a->size.vocab > 0 ? (int32_t)(bits % a->size.vocab) : 0;
}

static uint32_t bias_of(const asks *a)
{
    return a->what->bias < a->size.vocab ? a->what->bias : a->size.vocab;
}

static void add_entry(asks *a, int32_t id, float value)
{
    a->ids[a->entries] = id;
    a->values[a->entries++] = value;
}

/* The list of all that was added since the last one; its name. */
static uint32_t end_list(asks *a)
{
    a->offsets[++a->lists] = (uint32_t)a->entries;
    return a->lists;
}

static uint32_t add_tokens(asks *a, uint32_t count, uint64_t *state)
{
    for (uint32_t i = 0; i < count; ++i)
        add_entry(a, random_token(a, state), (float)(8.0 * random_uniform(state) - 4.0));
    return end_list(a);
}

/* Each of so many tokens, and the end of a sequence. Some begin as the rows' sequences end, so
 * that they are found. */
static uint32_t add_sequences(asks *a, uint32_t row, uint32_t count, uint32_t length,
                              uint64_t *state)
{
    const uint32_t history = a->what->history;
    const int32_t *const there = a->histories + (size_t)row * history;
    for (uint32_t i = 0; i < count; ++i) {
        for (uint32_t k = 0; k < length; ++k) {
            const bool is_found = i % 8 == 0 && k + 1 < length && history >= length;
            add_entry(a, is_found ? there[history - length + 1 + k] : random_token(a, state),
                      0.0f);
        }
        add_entry(a, LMS_NO_TOKEN, 0.0f);
    }
    return end_list(a);
}

static void add_row_lists(asks *a, uint32_t row, ask_lists *l, uint64_t *state)
{
    const uint32_t edits = a->what->edits;
    const bool keeps = (a->what->ways & WAY_SHARED) && l->bias != 0;
    if (a->what->bias > 0 && !keeps) l->bias = add_tokens(a, bias_of(a), state);
    if (edits & ASK_BAD_WORDS) l->bad_words = add_sequences(a, row, BAD_WORDS, BAD_WORD, state);
    if (edits & ASK_END_TOKENS) l->end_tokens = add_tokens(a, END_TOKENS, state);
    if (edits & ASK_DRY) l->breakers = add_sequences(a, row, BREAKERS, 1, state);
    if (a->what->named > 0) l->named = add_tokens(a, a->what->named, state);
}

static void fill_edits(const asks *a, const ask_lists *l, lms_row_edits *e)
{
    const uint32_t edits = a->what->edits;
    *e = (lms_row_edits)LMS_ROW_EDITS_INIT;
    e->bias = l->bias;
    if (edits & ASK_PENALTIES) {
        e->repetition = 1.05f;
        e->frequency = 0.25f;
        e->presence = 0.5f;
    }
    if (edits & ASK_DRY) {
        e->dry_multiplier = 0.8f;
        e->dry_breakers = l->breakers;
    }
    if (edits & ASK_NGRAM) e->ngram = 3;
    e->bad_words = l->bad_words;
    if (edits & ASK_END_TOKENS) {
        e->end_tokens = l->end_tokens;
        e->min_tokens = LMS_MAX_SLOT_LENGTH;
    }
    if (edits & ASK_GUIDANCE) e->guidance = 1.5f;
}

static size_t entries_most(const asks *a)
{
    const size_t bias = a->what->ways & WAY_SHARED ? bias_of(a) : a->size.rows * bias_of(a);
    const size_t others = BAD_WORDS * (BAD_WORD + 1) + END_TOKENS + 2 * BREAKERS;
    return bias + a->size.rows * (others + a->what->named);
}

static void make_lists(asks *a)
{
    uint64_t state = 20;
    ask_lists lists;
    memset(&lists, 0, sizeof lists);
    const size_t most = entries_most(a), rows = a->size.rows;
    a->ids = host_bytes(most, sizeof *a->ids);
    a->values = host_bytes(most, sizeof *a->values);
    a->offsets = host_bytes(5 * rows + 1, sizeof *a->offsets);
    a->edits = host_bytes(rows, sizeof *a->edits);
    a->wants = host_bytes(rows, sizeof *a->wants);
    for (uint32_t r = 0; r < rows; ++r) {
        if (asks_row(a, r)) add_row_lists(a, r, &lists, &state);
        fill_edits(a, &lists, &a->edits[r]);
        a->wants[r] = (lms_row_wants){a->what->top, lists.named, a->what->want_flags, 0};
    }
}

uint32_t asks_mask_columns(const asks *a)
{
    return a->what->mask == MASK_BYTES ? a->size.vocab : (a->size.vocab + 31) / 32;
}

static void fill_mask(const asks *a, uint32_t *words, uint64_t *state)
{
    const uint32_t columns = asks_mask_columns(a);
    for (uint32_t w = 0; w < columns; ++w) {
        words[w] = a->what->mask == MASK_RANDOM       ? (uint32_t)random_next(state)
                   : a->what->mask == MASK_ALL_BUT_50 ? 0xffffffffu
                                                      : 0u;
    }
    if (a->what->mask == MASK_RANDOM) return;
    for (uint32_t i = 0; i < 50; ++i) {
        const uint32_t t = (uint32_t)random_token(a, state);
        if (a->what->mask == MASK_50) {
            words[t / 32] |= 1u << t % 32;
        } else {
            words[t / 32] &= ~(1u << t % 32);
        }
    }
}

static void make_masks(asks *a)
{
    uint64_t state = 21;
    const size_t columns = asks_mask_columns(a);
    a->masks = host_bytes(a->size.rows * columns, 4);
    for (uint32_t r = 0; r < a->size.rows; ++r) {
        if (a->what->mask == MASK_BYTES) {
            uint8_t *const bytes = (uint8_t *)a->masks + r * columns;
            for (size_t t = 0; t < columns; ++t) bytes[t] = random_next(&state) & 1u;
        } else {
            fill_mask(a, a->masks + r * columns, &state);
        }
    }
}

static lms_view table_on_device(asks *a, const void *from, size_t bytes)
{
    cl_int code = CL_SUCCESS;
    void *copy = NULL;
    memcpy(&copy, &from, sizeof copy); /* OpenCL takes what it only reads as not const */
    cl_mem buffer = clCreateBuffer(lms_context_cl_context(a->on->ctx),
                                   CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes, copy, &code);
    expect(code, "a table");
    a->tables[a->table_count++] = buffer;
    return (lms_view){buffer, 0, NULL};
}

static size_t mask_bytes(const asks *a)
{
    return (size_t)a->size.rows * asks_mask_columns(a) * (a->what->mask == MASK_BYTES ? 1 : 4);
}

static void give_on_host(asks *a, lms_tables *t)
{
    if (a->lists > 0) {
        t->list_offsets = a->offsets;
        t->list_ids = a->ids;
        t->list_values = a->values;
    }
    t->masks = a->masks;
}

static void give_on_device(asks *a, lms_tables *t)
{
    if (a->lists > 0) {
        t->list_offsets_device = table_on_device(a, a->offsets, 4 * (size_t)(a->lists + 1));
        t->list_ids_device = table_on_device(a, a->ids, 4 * a->entries);
        t->list_values_device = table_on_device(a, a->values, 4 * a->entries);
        t->list_entries = a->entries;
    }
    if (a->masks != NULL) t->masks_device = table_on_device(a, a->masks, mask_bytes(a));
}

/* Records are on the host in any case: they are few bytes. */
static void give_records(asks *a, lms_tables *t)
{
    if (asks_edits(a)) {
        t->edits = a->edits;
        t->edit_count = a->size.rows;
    }
    if (asks_wants(a)) {
        t->wants = a->wants;
        t->want_count = a->size.rows;
    }
}

void asks_make_tables(asks *a)
{
    lms_tables *const t = &a->given;
    make_lists(a);
    if (a->what->mask != MASK_NONE) make_masks(a);
    give_records(a, t);
    t->list_count = a->lists;
    if (a->masks != NULL) {
        t->mask_count = a->size.rows;
        t->mask_type = a->what->mask == MASK_BYTES ? LMS_MASK_BYTES : LMS_MASK_BITS;
        t->mask_columns = asks_mask_columns(a);
    }
    if (a->what->ways & WAY_HOST) {
        give_on_host(a, t);
    } else {
        give_on_device(a, t);
    }
}
