#include "oracle_tables.h"

#include <math.h>

static bool good_numbers(const lms_row_edits *e)
{
    if (!(e->repetition >= 0x1p-24f && e->repetition <= 0x1p24f)) {
        return false;
    }
    if (!isfinite(e->frequency) || !isfinite(e->presence) || !isfinite(e->dry_multiplier) ||
        !isfinite(e->dry_base) || !isfinite(e->decay_factor) || !isfinite(e->guidance)) {
        return false;
    }
    if (e->dry_multiplier < 0.0f || (e->dry_multiplier != 0.0f && e->dry_base < 1.0f)) {
        return false;
    }
    if (e->decay_factor != 0.0f && e->decay_factor < 1.0f) {
        return false;
    }
    return e->top_p_decay >= 0.0f && e->top_p_decay <= 1.0f && e->top_p_min >= 0.0f &&
           e->top_p_min <= 1.0f;
}

static bool good_edits(const lms_row_edits *e, uint32_t vocab, const oracle_tables *t)
{
    const uint32_t lists[] = {e->bias,      e->sequence_bias, e->allowed, e->banned,
                              e->bad_words, e->end_tokens,    e->encoder, e->dry_breakers};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (lists[i] > t->lists.count) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof e->reserved / sizeof e->reserved[0]; i++) {
        if (e->reserved[i]) {
            return false;
        }
    }
    return good_numbers(e) && !(e->flags & ~LMS_EDIT_FLAGS) && e->forced <= vocab &&
           e->top_p_reset <= vocab;
}

static bool good_offsets(const oracle_lists *lists, uint32_t named)
{
    return named == 0 || (lists->offsets[named - 1] <= lists->offsets[named] &&
                          lists->offsets[named] <= lists->entries);
}

static bool good_wants(const lms_row_wants *w, const oracle_tables *t)
{
    if (w->top_n > t->max_top || (w->flags & ~LMS_WANT_FLAGS) || w->reserved ||
        w->named > t->lists.count) {
        return false;
    }
    const bool processed = w->flags & LMS_WANT_PROCESSED;
    if (processed && w->flags & (LMS_WANT_EDITED | LMS_WANT_LOGITS)) {
        return false;
    }
    return !good_offsets(&t->lists, w->named) ||
           oracle_list_of(&t->lists, w->named).count <= LMS_MAX_NAMED;
}

static bool good_list(const oracle_tables *t, uint32_t named, uint32_t vocab, bool sequences,
                      bool values)
{
    if (!good_offsets(&t->lists, named)) {
        return false;
    }
    const oracle_list list = oracle_list_of(&t->lists, named);
    for (uint32_t i = 0; i < list.count; i++) {
        const bool end = sequences && list.ids[i] == LMS_NO_TOKEN;
        if (!end && (list.ids[i] < 0 || (uint32_t)list.ids[i] >= vocab)) {
            return false;
        }
        if (values && (end || !sequences) && list.values[i] != list.values[i]) {
            return false;
        }
    }
    return !sequences || list.count == 0 || list.ids[list.count - 1] == LMS_NO_TOKEN;
}

static bool good_lists(const lms_row_edits *e, uint32_t vocab, const oracle_tables *t)
{
    return good_list(t, e->bias, vocab, false, true) &&
           good_list(t, e->sequence_bias, vocab, true, true) &&
           good_list(t, e->allowed, vocab, false, false) &&
           good_list(t, e->banned, vocab, false, false) &&
           good_list(t, e->bad_words, vocab, true, false) &&
           good_list(t, e->end_tokens, vocab, false, false) &&
           good_list(t, e->encoder, vocab, false, false) &&
           good_list(t, e->dry_breakers, vocab, true, false) &&
           oracle_list_of(&t->lists, e->dry_breakers).count <= LMS_MAX_BREAKERS;
}

/* Of the filters alone; reserved fields come later. */
static uint32_t check_filters(const oracle_params *p)
{
    oracle_params alone = {0};
    alone.temperature = p->temperature;
    alone.top_p = p->top_p;
    alone.min_p = p->min_p;
    alone.flags = p->flags;
    alone.rules = p->rules;
    return oracle_check_params(&alone);
}

static uint32_t check_names(const oracle_params *p, uint32_t vocab, const oracle_tables *t)
{
    if (p->slot > t->slot_count) {
        return LMS_FIELD_SLOT;
    }
    if (p->edits > t->edit_count) {
        return LMS_FIELD_EDITS;
    }
    if (p->mask > t->mask_count) {
        return LMS_FIELD_MASK;
    }
    if (p->unconditional > t->logits_rows) {
        return LMS_FIELD_UNCONDITIONAL;
    }
    if (p->wants > t->want_count) {
        return LMS_FIELD_WANTS;
    }
    if (p->target > vocab) {
        return LMS_FIELD_TARGET;
    }
    if (p->step == LMS_STEP_OF_SLOT && p->slot == 0) {
        return LMS_FIELD_STEP;
    }
    return p->request_reserved | p->reserved[0] | p->reserved[1] ? LMS_FIELD_RESERVED : 0;
}

uint32_t oracle_check_request(const oracle_params *p, uint32_t vocab, const oracle_tables *t)
{
    const uint32_t bad_filters = check_filters(p);
    if (bad_filters) {
        return bad_filters;
    }
    const lms_row_edits *const e =
        p->edits > 0 && p->edits <= t->edit_count ? &t->edits[p->edits - 1] : NULL;
    const lms_row_wants *const w =
        p->wants > 0 && p->wants <= t->want_count ? &t->wants[p->wants - 1] : NULL;
    uint32_t field = check_names(p, vocab, t);
    if (!field && ((e && !good_edits(e, vocab, t)) || (w && !good_wants(w, t)))) {
        field = LMS_FIELD_RECORD;
    }
    if (!field && ((e && !good_lists(e, vocab, t)) ||
                   (w && !good_list(t, w->named, vocab, false, false)))) {
        field = LMS_FIELD_LIST;
    }
    return field ? (uint32_t)ORACLE_BAD_PARAMS | field << 8 : 0u;
}

oracle_request oracle_request_of(const oracle_params *p, uint32_t vocab, const float *logits,
                                 const oracle_tables *t)
{
    oracle_request r = {.lists = &t->lists, .temperature = p->temperature};
    if (p->edits > 0) {
        r.edits = &t->edits[p->edits - 1];
    }
    if (p->slot > 0) {
        r.sequence = t->slots[p->slot - 1];
    }
    if (p->mask > 0) {
        const size_t element = t->mask_type == LMS_MASK_BYTES ? 1 : 4;
        r.mask = (const unsigned char *)t->masks + (p->mask - 1) * t->mask_stride * element;
        r.mask_type = t->mask_type;
        r.mask_columns = t->mask_columns;
    }
    if (p->unconditional > 0) {
        r.unconditional = logits + (size_t)(p->unconditional - 1) * vocab;
    }
    return r;
}

oracle_params oracle_edited_params(const oracle_params *p, const oracle_request *request)
{
    oracle_params left = {.seed = p->seed};
    left.step = oracle_edited_step(request, p->step);
    left.temperature = p->temperature;
    left.top_p = oracle_edited_top_p(request, p->top_p);
    left.min_p = p->min_p;
    left.top_k = p->top_k;
    left.flags = p->flags;
    return left;
}
