/* asked.cl - what a row asks for that is prepared, and whether all that it names is good. */
#pragma once
#include "edits/check.h"
#include "edits/lists.cl"
#include "edits/records.h"
#include "row/params.h"
#include "slots/slot.cl"

/* What rows of a call name. */
typedef struct lms_named {
    __global const lms_row_edits *edits;
    __global const lms_row_wants *wants;
    lms_lists lists;
    __global const uint *slot_pages;
    __global const uint *page_tables;
    __global const lms_slot_state *slot_states;
    ulong logits_rows;
    uint vocab;
    uint edit_count;
    uint want_count;
    uint mask_count;
    uint table_stride;
    uint max_slots;
    uint max_top;
    bool has_list_values;
    bool has_repeats; /* the object was made for DRY */
} lms_named;

/* What of a row's parameters counts here. Whatever records an object has for its rows, this is
 * made of them. */
typedef struct lms_asked {
    ulong step;
    lms_request request;
    uint wants;
    uint slot; /* its number, if it names one */
    float top_p;
    uint bad; /* 0 or the LMS_FIELD_... of what is not good */
} lms_asked;

/* Is there an open slot of that name, or does it name none? */
bool lms_finds_slot(const lms_named *named, ulong name, uint *slot)
{
    *slot = 0;
    return name == 0 || lms_slot_find(named->slot_states, named->max_slots, name, slot);
}

/* What a row may name, whose slot this is; its number, too. */
lms_row_limits lms_limits_of(const lms_named *named, ulong name, uint *slot)
{
    lms_row_limits limits;
    limits.logits_rows = named->logits_rows;
    limits.edits = named->edit_count;
    limits.masks = named->mask_count;
    limits.wants = named->want_count;
    limits.vocab = named->vocab;
    limits.is_slot_open = lms_finds_slot(named, name, slot);
    return limits;
}

/* Of a sampler's row. */
lms_asked lms_asked_of_row(const lms_named *named, const lms_row_params p)
{
    lms_asked a;
    const lms_row_limits limits = lms_limits_of(named, p.request.slot, &a.slot);
    a.step = p.step;
    a.request = p.request;
    a.wants = p.wants;
    a.top_p = p.filters.top_p;
    a.bad = lms_bad_row(p, limits);
    return a;
}

/* Of a search's row. */
lms_asked lms_asked_of_request(const lms_named *named, const lms_request request)
{
    lms_asked a;
    const lms_row_limits limits = lms_limits_of(named, request.slot, &a.slot);
    a.step = LMS_STEP_OF_SLOT;
    a.request = request;
    a.wants = 0;
    a.top_p = 1.0f;
    a.bad = lms_bad_request(request, limits);
    if (!a.bad && request.reserved) a.bad = LMS_FIELD_RESERVED;
    return a;
}

/* LMS_ROW_EDITS_INIT, member by member: of an initializer as long, compilers to SPIR-V make a
 * table of zeros that the kernel does not declare. */
lms_row_edits lms_edits_of_nothing(void)
{
    lms_row_edits e;
    e.repetition = e.guidance = 1.0f;
    e.frequency = e.presence = e.dry_multiplier = 0.0f;
    e.decay_factor = e.top_p_decay = e.top_p_min = 0.0f;
    e.dry_base = 1.75f;
    e.dry_allowed_length = 2;
    e.flags = LMS_EDITS_VLLM;
    e.window = e.bias = e.sequence_bias = e.allowed = e.banned = e.bad_words = 0;
    e.end_tokens = e.min_tokens = e.ngram = e.encoder_ngram = e.encoder = 0;
    e.dry_range = e.dry_breakers = e.forced = e.decay_start = e.top_p_reset = 0;
    for (uint i = 0; i < 5; ++i) e.reserved[i] = 0;
    return e;
}

lms_row_edits lms_edits_of(const lms_named *named, const lms_asked *a)
{
    if (a->bad || !a->request.edits) return lms_edits_of_nothing();
    return named->edits[a->request.edits - 1];
}
lms_row_wants lms_wants_of(const lms_named *named, const lms_asked *a)
{
    lms_row_wants none;
    none.top_n = none.named = none.flags = none.reserved = 0;
    if (a->bad || !a->wants) return none;
    return named->wants[a->wants - 1];
}

lms_slot lms_slot_of(const lms_named *named, const lms_asked *a)
{
    if (a->bad || !a->request.slot) return lms_slot_none();
    return lms_slot_at(named->slot_pages, named->page_tables, named->table_stride,
                       named->slot_states, a->slot);
}

/* Is something wrong with the two records? */
bool lms_are_bad_records(const lms_named *named, const lms_row_edits *e, const lms_row_wants *w)
{
    const lms_lists *const lists = &named->lists;
    lms_table_limits limits;
    limits.vocab = named->vocab;
    limits.lists = lists->count;
    limits.max_top = named->max_top;
    if (lms_bad_edits(*e, limits) || lms_bad_wants(*w, limits)) return true;
#ifdef LMS_SEARCH_ROWS
    if ((as_uint(e->top_p_decay) & 0x7fffffffu) != 0) return true;
#endif
    if ((as_uint(e->dry_multiplier) & 0x7fffffffu) && !named->has_repeats) return true;
    if (!lms_has_good_offsets(lists, w->named)) return false; /* the list's fault */
    return lms_list_named(lists, w->named).count > LMS_MAX_NAMED;
}

/* ... with the lists of good ones, in this work-item's part of them? */
bool lms_are_bad_lists(const lms_named *named, const lms_row_edits *e, const lms_row_wants *w,
                       uint item)
{
    const uint ids = LMS_LIST_OF_IDS, sequences = LMS_LIST_OF_SEQUENCES;
    const uint values = LMS_LIST_WITH_VALUES;
    const uint names[] = {e->bias,       e->sequence_bias, e->allowed,
                          e->banned,     e->bad_words,     e->end_tokens,
                          e->encoder,    e->dry_breakers,  w->named};
    uint uses[9];
    const uint valued = lms_list_named(&named->lists, e->bias).count |
                        lms_list_named(&named->lists, e->sequence_bias).count;
    const bool has_many =
        lms_list_named(&named->lists, e->dry_breakers).count > LMS_MAX_BREAKERS;
    bool bad = (valued && !named->has_list_values) || has_many;
    for (uint i = 0; i < 9; ++i) uses[i] = ids;
    uses[0] = ids | values;
    uses[1] = sequences | values;
    uses[4] = uses[7] = sequences; /* bad words, breakers */
    for (uint i = 0; i < 9 && !bad; ++i) {
        bad = lms_is_bad_list(&named->lists, names[i], uses[i], named->vocab, item);
    }
    return bad;
}
