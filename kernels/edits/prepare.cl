/* prepare.cl - what of a row's request does not depend on its logits (specification, sections
 * 25 and 27): whether all that it names is good, which tokens are banned, how far repetitions
 * go, the step, the effective top_p.
 *
 *   in   the rows' parameters, which hold requests (of a sampler: `params`, lms_row_params), or
 *        these alone (of a search: `row_requests`; with `row_numbers` row r has the record of
 *        that number), what they name, and the slots
 *   out  prepared lms_prepared[rows]; bans uint[rows][groups], where it says so; repeats
 *        uint[rows][max_length], where it says so; pages of slots to which tokens are appended
 *   run  LMS_TEAM * rows work-items in work-groups of LMS_TEAM
 *   mem  scratch uint[rows][max_length], global
 */
#pragma once
#include "edits/asked.cl"
#include "edits/bans.cl"
#include "edits/decays.cl"
#include "edits/ngrams.cl"
#include "edits/repetitions.cl"
#include "slots/store.cl"

#define LMS_PREPARE_ARGUMENTS                                                                  \
    __global const lms_row_edits *edits, ulong edits_offset, uint edit_count,                  \
        __global const lms_row_wants *wants, ulong wants_offset, uint want_count,              \
        uint max_top, __global const uint *list_offsets, ulong list_offsets_offset,            \
        __global const int *list_ids, ulong list_ids_offset,                                   \
        __global const float *list_values, ulong list_values_offset, uint has_list_values,     \
        uint list_count, ulong list_entries, __global const uchar *masks, ulong masks_offset,  \
        uint mask_count, uint mask_type, uint mask_columns, ulong mask_stride,                 \
        __global uint *slot_pages, __global uint *page_tables, uint table_stride,              \
        __global lms_slot_state *slot_states, uint max_slots, uint has_repeats,                \
        __global lms_prepared *prepared, __global uint *bans, __global uint *repeats,          \
        ulong max_length, __global uint *scratch, uint append,                                 \
        __global const lms_slot_growth *growths, ulong growths_offset
#define LMS_NAMED_GIVEN                                                                        \
    {                                                                                          \
        edits + edits_offset, wants + wants_offset,                                            \
            {list_offsets + list_offsets_offset, list_ids + list_ids_offset,                   \
             list_values + list_values_offset, list_count, list_entries},                      \
            slot_pages, page_tables, slot_states, logits_rows, vocab, edit_count, want_count,  \
            mask_count, table_stride, max_slots, max_top, has_list_values != 0,                \
            has_repeats != 0                                                                   \
    }
/* Room in the row's slot for the token that is appended when there is one, before anybody reads
 * the slot. Without `append` it is nobody who grows. */
#define LMS_MAKE_ROOM(row, slot)                                                               \
    lms_slot_make_room(slot_pages, page_tables, table_stride, slot_states, max_slots,          \
                       append ? (slot) : 0, growths + growths_offset + (append ? (row) : 0))
/* The mask of a name, 1 + a row of the masks; 0: whichever. */
#define LMS_MASK_GIVEN(name)                                                                   \
    lms_mask_at(masks, masks_offset + ((name) ? (name)-1 : 0) * mask_stride, mask_type,        \
                mask_columns)

/* A row on its way. Every work-item has it. */
typedef struct lms_preparing {
    lms_row_edits edits;
    lms_slot slot;
    lms_mask_row mask;
    bool has_mask;
    bool bans_end; /* end tokens are banned */
    lms_list allowed, banned, bad_words, end_tokens, encoder, breakers;
} lms_preparing;

/* What a good row asks for; of a bad one nothing, as of one that asks for nothing. */
lms_preparing lms_preparing_of(const lms_named *named, const lms_asked *a, lms_row_edits e,
                               lms_mask_row mask)
{
    const lms_lists *const lists = &named->lists;
    lms_preparing p;
    p.edits = e;
    p.slot = lms_slot_of(named, a);
    p.mask = mask;
    p.has_mask = !a->bad && a->request.mask != 0;
    p.bans_end = (e.flags & LMS_IGNORE_END) || p.slot.length - p.slot.prompt < e.min_tokens;
    p.allowed = lms_list_named(lists, e.allowed);
    p.banned = lms_list_named(lists, e.banned);
    p.bad_words = lms_list_named(lists, e.bad_words);
    p.end_tokens = lms_list_named(lists, e.end_tokens);
    p.encoder = lms_list_named(lists, e.encoder);
    p.breakers = lms_list_named(lists, e.dry_breakers);
    return p;
}

/* May a ban come of it that no mask is, nor a list of what is allowed? */
bool lms_may_ban(const lms_preparing *p)
{
    return p->banned.count || (p->bans_end && p->end_tokens.count) || p->bad_words.count ||
           (p->edits.ngram && p->edits.ngram <= p->slot.length) ||
           (p->edits.encoder_ngram && p->edits.encoder_ngram <= p->encoder.count);
}

/* Are some tokens banned from the start? */
bool lms_begins_banned(const lms_preparing *p)
{
    return p->has_mask || p->edits.allowed || p->edits.forced;
}

/* Is a mask of bits all that bans tokens? It is read where it is then. */
bool lms_bans_are_mask(const lms_preparing *p, uint vocab)
{
    const bool has_all = p->mask.type == LMS_MASK_BITS && p->mask.columns >= (vocab + 31) / 32;
    return p->has_mask && has_all && !p->edits.allowed && !p->edits.forced && !lms_may_ban(p);
}

/* The three steps of ban words, between which a team meets: this work-item's part. */
void lms_bans_begin(const lms_preparing *p, lms_bans *b)
{
    if (p->edits.allowed || p->edits.forced) {
        lms_fill_bans_with(b, 0);
    } else if (lms_bans_are_mask(p, b->vocab)) {
        return;
    } else if (p->has_mask) {
        lms_fill_bans(b, &p->mask);
    } else if (lms_may_ban(p)) {
        lms_fill_bans_with(b, ~0u);
    }
}
void lms_bans_allow(const lms_preparing *p, lms_bans *b)
{
    if (p->edits.forced) {
        if (b->item == 0) lms_allow(b, p->edits.forced - 1);
    } else if (p->edits.allowed) {
        lms_allow_list(b, &p->allowed, &p->mask, p->has_mask);
    }
}
void lms_bans_end(const lms_preparing *p, lms_bans *b)
{
    if (p->edits.forced) return;
    lms_ban_list(b, &p->banned);
    if (p->bans_end) lms_ban_list(b, &p->end_tokens);
    const uint most = p->edits.flags & LMS_BAD_WORDS_PROMPT ? p->slot.length
                                                            : p->slot.length - p->slot.prompt;
    lms_ban_last_of_sequences(b, &p->bad_words, &p->slot, most);
    lms_ban_ngrams(b, &p->slot, p->edits.ngram);
    lms_ban_encoder_ngrams(b, &p->slot, &p->encoder, p->edits.encoder_ngram);
}

/* Is the value of some logit edited, apart from DRY? */
bool lms_has_values(const lms_named *named, const lms_asked *a, const lms_preparing *p)
{
    const lms_row_edits *const e = &p->edits;
    const uint generated = p->slot.length - p->slot.prompt;
    const bool has_penalties = as_uint(e->repetition) != 0x3f800000u ||
                               lms_tidy(e->frequency) != 0.0f || lms_tidy(e->presence) != 0.0f;
    const bool has_decay = (as_uint(e->decay_factor) & 0x7fffffffu) != 0;
    return (a->request.unconditional && as_uint(e->guidance) != 0x3f800000u) ||
           lms_list_named(&named->lists, e->bias).count ||
           lms_list_named(&named->lists, e->sequence_bias).count ||
           (has_penalties && p->slot.length) ||
           (has_decay && generated > e->decay_start && p->end_tokens.count) || e->forced;
}

/* By one work-item. */
lms_prepared lms_prepared_of(const lms_named *named, const lms_asked *a, const lms_preparing *p,
                             bool has_bans, __global uint *z, __global uint *repeats)
{
    lms_prepared out;
    out.generated = p->slot.length - p->slot.prompt;
    out.step = a->step == LMS_STEP_OF_SLOT ? out.generated : a->step;
    out.status = a->bad ? LMS_ROW_BAD_PARAMS | a->bad << 8 : LMS_ROW_OK;
    out.slot = !a->bad && a->request.slot ? 1 + a->slot : 0;
    out.has_bans = has_bans;
    out.has_dry = lms_tidy(p->edits.dry_multiplier) != 0.0f &&
                  lms_prepare_repetitions(&p->slot, &p->edits, &p->breakers, z, repeats);
    out.has_values = out.has_dry || lms_has_values(named, a, p);
    out.top_p = lms_decayed_top_p(&p->edits, &p->slot, a->top_p);
    out.edits = a->bad ? 0 : a->request.edits;
    out.unconditional = a->bad ? 0 : a->request.unconditional;
    out.mask = lms_bans_are_mask(p, named->vocab) ? a->request.mask : 0;
    return out;
}

#if LMS_TEAM == 1
void lms_raise(uint *flag) { *flag = 1; }
#else
void lms_raise(__local uint *flag) { atomic_or(flag, 1); }
#endif

/* A row, by its team. flags[0]: something is wrong with a list; flags[1]: a token is banned. */
void lms_prepare_row(const lms_named *named, lms_asked a, lms_mask_row mask,
                     __global uint *words, __global uint *z, __global uint *repeats,
                     __global lms_prepared *out, LMS_OURS uint *flags)
{
    const lms_row_wants w = lms_wants_of(named, &a);
    const uint item = lms_item();
    lms_row_edits e = lms_edits_of(named, &a);
    if (item == 0) flags[0] = flags[1] = 0;
    lms_sync();
    if (!a.bad && lms_are_bad_records(named, &e, &w)) a.bad = LMS_FIELD_RECORD;
    if (!a.bad && lms_are_bad_lists(named, &e, &w, item)) lms_raise(&flags[0]);
    lms_sync();
    if (!a.bad && flags[0]) a.bad = LMS_FIELD_LIST;
    e = a.bad ? lms_edits_of(named, &a) : e;
    const lms_preparing p = lms_preparing_of(named, &a, e, mask);
    lms_bans b = {words, named->vocab, false, item};
    lms_bans_begin(&p, &b);
    lms_sync();
    lms_bans_allow(&p, &b);
    lms_sync();
    lms_bans_end(&p, &b);
    if (b.any) lms_raise(&flags[1]);
    lms_sync();
    if (item != 0) return;
    *out = lms_prepared_of(named, &a, &p, flags[1] || lms_begins_banned(&p), z, repeats);
}

#ifdef LMS_SEARCH_ROWS
#define LMS_ROWS_ARGUMENTS                                                                     \
    __global const lms_request *row_requests, ulong row_requests_offset,                       \
        __global const uint *row_numbers, ulong row_numbers_offset, uint has_row_numbers
#define LMS_REQUEST_OF_ROW(r)                                                                  \
    row_requests[row_requests_offset +                                                         \
                 (has_row_numbers ? row_numbers[row_numbers_offset + (r)] : (r))]
#define LMS_ASKED_OF_ROW(named, r) lms_asked_of_request(named, LMS_REQUEST_OF_ROW(r))
#else
#define LMS_ROWS_ARGUMENTS __global const lms_row_params *params, ulong params_offset
#define LMS_REQUEST_OF_ROW(r) params[params_offset + r].request
#define LMS_ASKED_OF_ROW(named, r) lms_asked_of_row(named, params[params_offset + r])
#endif

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_prepare(ulong logits_rows, uint vocab, LMS_ROWS_ARGUMENTS, LMS_PREPARE_ARGUMENTS)
{
    LMS_OURS uint flags[2];
    const ulong r = get_group_id(0);
    const lms_named named = LMS_NAMED_GIVEN;
    LMS_MAKE_ROOM(r, LMS_REQUEST_OF_ROW(r).slot);
    const lms_asked a = LMS_ASKED_OF_ROW(&named, r);
    const lms_mask_row mask = LMS_MASK_GIVEN(a.request.mask);
    const ulong groups = (vocab + LMS_TILE - 1) / LMS_TILE * LMS_TILE_GROUPS;
    lms_prepare_row(&named, a, mask, bans + r * groups, scratch + r * max_length,
                    repeats + r * max_length, &prepared[r], flags);
}
