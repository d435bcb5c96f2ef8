/* check.c - what can be wrong with the tables of a call, and with a row that names entries of
 * them. What is on the device is checked by the kernel that prepares rows. */
#include "requests/requests.h"

#include "base/status.h"
#include "kernels/edits/check.h"

#include <string.h>

/* Fields by the number of their word, from 1 on, and what they may be. */
typedef struct field_rule {
    const char *name, *rule;
} field_rule;

static const field_rule edit_rules[33] = {
    [1] = {"repetition", "is not in [2^-24, 2^24]"},
    [2] = {"frequency", "is not finite"},
    [3] = {"presence", "is not finite"},
    [5] = {"flags", "has bits other than 0x7ff"},
    [6] = {"bias", "is above list_count"},
    [7] = {"sequence_bias", "is above list_count"},
    [8] = {"allowed", "is above list_count"},
    [9] = {"banned", "is above list_count"},
    [10] = {"bad_words", "is above list_count"},
    [11] = {"end_tokens", "is above list_count"},
    [15] = {"encoder", "is above list_count"},
    [16] = {"dry_multiplier", "is not 0 or above it, or not finite"},
    [17] = {"dry_base", "is not finite, or below 1"},
    [20] = {"dry_breakers", "is above list_count"},
    [21] = {"forced", "is above vocab"},
    [23] = {"decay_factor", "is not 0 or at least 1, or not finite"},
    [24] = {"top_p_decay", "is not in [0, 1]"},
    [25] = {"top_p_min", "is not in [0, 1]"},
    [26] = {"top_p_reset", "is above vocab"},
    [27] = {"guidance", "is not finite"},
    [28] = {"reserved[0]", "is not 0"},
    [29] = {"reserved[1]", "is not 0"},
    [30] = {"reserved[2]", "is not 0"},
    [31] = {"reserved[3]", "is not 0"},
    [32] = {"reserved[4]", "is not 0"},
};

static const field_rule want_rules[5] = {
    [1] = {"top_n", "is above max_top"},
    [2] = {"named", "is above list_count"},
    [3] = {"flags", "has unknown bits, or such that contradict each other"},
    [4] = {"reserved", "is not 0"},
};

/* Words that are floats. */
static int is_float(uint32_t word)
{
    return word <= 3 || word == 16 || word == 17 || word == 23 || word == 24 || word == 25 ||
           word == 27;
}

static lms_status record_fail(const char *table, uint32_t entry, const void *record,
                              uint32_t word, const field_rule *rule, int has_floats)
{
    uint32_t bits = 0;
    float number = 0.0f;
    memcpy(&bits, (const char *)record + (size_t)(word - 1) * 4, 4);
    memcpy(&number, &bits, 4);
    if (has_floats && is_float(word)) {
        return lmsi_fail(LMS_E_ARGUMENT, "tables.%s[%u].%s: %g %s", table, (unsigned)entry,
                         rule->name, (double)number, rule->rule);
    }
    return lmsi_fail(LMS_E_ARGUMENT, "tables.%s[%u].%s: %u %s", table, (unsigned)entry,
                     rule->name, (unsigned)bits, rule->rule);
}

/* --- Lists on the host ------------------------------------------------------------------- */

/* What a list is, bit by bit. */
enum {
    IDS = 1,
    SEQUENCES = 2,
    WITH_VALUES = 4
};

static lms_status ids_check(const lmsi_requester *q, const lms_tables *t, uint32_t list,
                            int use)
{
    lms_status status = LMS_OK;
    const uint32_t begin = t->list_offsets[list], end = t->list_offsets[list + 1];
    for (uint32_t i = begin; i < end; ++i) {
        const int32_t id = t->list_ids[i];
        if (id == LMS_NO_TOKEN && use == SEQUENCES) continue;
        LMSI_FAIL_IF(id < 0 || (uint32_t)id >= q->vocab, LMS_E_ARGUMENT,
                     "tables.list_ids[%u]: %d, of list %u, is not in 0..%u", (unsigned)i,
                     (int)id, (unsigned)list, (unsigned)q->vocab - 1);
    }
    LMSI_FAIL_IF(use == SEQUENCES && end > begin && t->list_ids[end - 1] != LMS_NO_TOKEN,
                 LMS_E_ARGUMENT,
                 "tables.list_ids[%u]: list %u, of sequences, does not end in LMS_NO_TOKEN",
                 (unsigned)end - 1, (unsigned)list);
fail:
    return status;
}

/* Is a list, which a record names as 1 + its number or 0, good for a use? Each is looked at
 * once in a call. */
static lms_status list_check(const lmsi_requester *q, const lms_tables *t, const char *name,
                             uint32_t entry, uint32_t list, int use)
{
    lms_status status = LMS_OK;
    if (list == 0) return LMS_OK;
    const int has_values = t->list_values != NULL || lmsi_is_given(t->list_values_device);
    LMSI_FAIL_IF((use & WITH_VALUES) && !has_values, LMS_E_ARGUMENT,
                 "tables.edits[%u].%s: list %u needs values, and there are none",
                 (unsigned)entry, name, (unsigned)list - 1);
    if (t->list_ids == NULL || (q->checked[list - 1] & use) == use) return LMS_OK;
    LMSI_TRY(ids_check(q, t, list - 1, use & (IDS | SEQUENCES)));
    q->checked[list - 1] = (uint8_t)(q->checked[list - 1] | use);
    if (!(use & WITH_VALUES) || t->list_values == NULL) return LMS_OK;
    for (uint32_t i = t->list_offsets[list - 1]; i < t->list_offsets[list]; ++i) {
        const float value = t->list_values[i];
        LMSI_FAIL_IF(value != value && !((use & SEQUENCES) && t->list_ids[i] != LMS_NO_TOKEN),
                     LMS_E_ARGUMENT, "tables.list_values[%u]: is NaN", (unsigned)i);
    }
fail:
    return status;
}

static lms_status lists_of_edits_check(const lmsi_requester *q, const lms_tables *t,
                                       uint32_t entry)
{
    lms_status status = LMS_OK;
    const lms_row_edits *const e = &t->edits[entry];
    const struct {
        const char *name;
        uint32_t list;
        int use;
    } uses[] = {
        {"bias", e->bias, IDS | WITH_VALUES},
        {"sequence_bias", e->sequence_bias, SEQUENCES | WITH_VALUES},
        {"allowed", e->allowed, IDS},
        {"banned", e->banned, IDS},
        {"bad_words", e->bad_words, SEQUENCES},
        {"end_tokens", e->end_tokens, IDS},
        {"encoder", e->encoder, IDS},
        {"dry_breakers", e->dry_breakers, SEQUENCES},
    };
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; ++i) {
        LMSI_TRY(list_check(q, t, uses[i].name, entry, uses[i].list, uses[i].use));
    }
    if (e->dry_breakers != 0 && t->list_offsets != NULL) {
        const uint32_t *const ends = &t->list_offsets[e->dry_breakers - 1];
        LMSI_FAIL_IF(ends[1] - ends[0] > LMS_MAX_BREAKERS, LMS_E_ARGUMENT,
                     "tables.edits[%u].dry_breakers: list %u has %u entries, above %u",
                     (unsigned)entry, (unsigned)e->dry_breakers - 1,
                     (unsigned)(ends[1] - ends[0]), LMS_MAX_BREAKERS);
    }
fail:
    return status;
}

/* --- Tables ------------------------------------------------------------------------------ */

static lms_status door_check(const char *name, uint32_t count, const void *host,
                             lms_view device)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(host != NULL && lmsi_is_given(device), LMS_E_ARGUMENT,
                 "tables.%s, %s_device: at most one of them is given", name, name);
    LMSI_FAIL_IF(count > 0 && host == NULL && !lmsi_is_given(device), LMS_E_ARGUMENT,
                 "tables.%s: is not given", name);
fail:
    return status;
}

static lms_status offsets_check(const lms_tables *t)
{
    lms_status status = LMS_OK;
    const int on_host = t->list_offsets != NULL;
    LMSI_TRY(
        door_check("list_offsets", t->list_count, t->list_offsets, t->list_offsets_device));
    LMSI_TRY(door_check("list_ids", t->list_count, t->list_ids, t->list_ids_device));
    LMSI_TRY(door_check("list_values", 0, t->list_values, t->list_values_device));
    if (t->list_count == 0) return LMS_OK;
    LMSI_FAIL_IF(
        on_host != (t->list_ids != NULL), LMS_E_ARGUMENT,
        "tables.list_offsets, list_ids: one of them is on the host, one on the device");
    LMSI_FAIL_IF(on_host ? lmsi_is_given(t->list_values_device) : t->list_values != NULL,
                 LMS_E_ARGUMENT, "tables.list_values: is not where the ids are");
    for (uint32_t i = 0; on_host && i < t->list_count; ++i) {
        LMSI_FAIL_IF(t->list_offsets[i + 1] < t->list_offsets[i], LMS_E_ARGUMENT,
                     "tables.list_offsets[%u]: %u is below the one before (%u)",
                     (unsigned)i + 1, (unsigned)t->list_offsets[i + 1],
                     (unsigned)t->list_offsets[i]);
    }
fail:
    return status;
}

static lms_status masks_check(const lms_tables *t)
{
    lms_status status = LMS_OK;
    LMSI_TRY(door_check("masks", t->mask_count, t->masks, t->masks_device));
    if (t->mask_count == 0) return LMS_OK;
    LMSI_FAIL_IF(t->mask_type > LMS_MASK_BYTES, LMS_E_ARGUMENT,
                 "tables.mask_type: %u is not LMS_MASK_BITS or LMS_MASK_BYTES",
                 (unsigned)t->mask_type);
    LMSI_FAIL_IF(t->mask_columns == 0, LMS_E_ARGUMENT, "tables.mask_columns: is 0");
    if (t->mask_stride != 0)
        LMSI_TRY(lmsi_stride_check("tables.mask_stride", t->mask_stride, "mask_columns",
                                   t->mask_columns));
fail:
    return status;
}

/* The tables on the device, and how many bytes those on the host have. */
static lms_status arrays_check(const lmsi_operator *op, const lms_tables *t, size_t room,
                               const lmsi_requests *r)
{
    lms_status status = LMS_OK;
    const uint64_t mask = t->mask_type == LMS_MASK_BITS ? sizeof(cl_uint) : 1;
    const int has_lists = t->list_count > 0;
    const lmsi_array arrays[] = {
        {"tables.edits_device", t->edits_device, t->edit_count, 1, 1, sizeof(lms_row_edits),
         LMSI_READ, 0},
        {"tables.wants_device", t->wants_device, t->want_count, 1, 1, sizeof(lms_row_wants),
         LMSI_READ, 0},
        {"tables.list_offsets_device", t->list_offsets_device, (uint64_t)t->list_count + 1, 1,
         1, 4, LMSI_READ, 0},
        {"tables.list_ids_device", t->list_ids_device, has_lists ? r->list_entries : 0, 1, 1, 4,
         LMSI_READ, 0},
        {"tables.list_values_device", t->list_values_device, has_lists ? r->list_entries : 0, 1,
         1, 4, LMSI_READ, 0},
        {"tables.masks_device", t->masks_device, t->mask_count, r->mask_stride, t->mask_columns,
         mask, LMSI_READ, 0},
    };
    uint64_t bytes = lmsi_product(t->edits != NULL ? t->edit_count : 0, sizeof(lms_row_edits));
    bytes = lmsi_sum(bytes,
                     lmsi_product(t->wants != NULL ? t->want_count : 0, sizeof(lms_row_wants)));
    if (t->list_offsets != NULL && has_lists) {
        const uint64_t each = t->list_values != NULL ? 8 : 4;
        bytes = lmsi_sum(bytes, 4 * ((uint64_t)t->list_count + 1) + each * r->list_entries);
    }
    if (t->masks != NULL && t->mask_count > 0) {
        const uint64_t before = lmsi_product(t->mask_count - 1, r->mask_stride);
        bytes = lmsi_sum(bytes, lmsi_product(lmsi_sum(before, t->mask_columns), mask));
    }
    LMSI_FAIL_IF(bytes > room, LMS_E_ARGUMENT,
                 "tables: %llu bytes on the host are above table_bytes (%llu)",
                 (unsigned long long)bytes, (unsigned long long)room);
    LMSI_TRY(lmsi_arrays_check(op->ctx, arrays, sizeof arrays / sizeof arrays[0], NULL));
fail:
    return status;
}

static lms_status records_check(const lmsi_requester *q, const lms_tables *t)
{
    lms_status status = LMS_OK;
    const lms_table_limits limits = {q->vocab, t->list_count, q->max_top};
    memset(q->checked, 0, t->list_count);
    for (uint32_t i = 0; t->edits != NULL && i < t->edit_count; ++i) {
        const lms_row_edits *const e = &t->edits[i];
        const uint32_t word = lms_bad_edits(*e, limits);
        if (word) return record_fail("edits", i, e, word, &edit_rules[word], 1);
        LMSI_FAIL_IF(e->dry_multiplier != 0.0f && !(q->bits & LMS_REQUESTS_DRY), LMS_E_ARGUMENT,
                     "tables.edits[%u].dry_multiplier: the object was made without "
                     "LMS_REQUESTS_DRY",
                     (unsigned)i);
        LMSI_TRY(lists_of_edits_check(q, t, i));
    }
    for (uint32_t i = 0; t->wants != NULL && i < t->want_count; ++i) {
        const lms_row_wants *const w = &t->wants[i];
        const uint32_t word = lms_bad_wants(*w, limits);
        if (word) return record_fail("wants", i, w, word, &want_rules[word], 0);
        if (w->named == 0 || t->list_ids == NULL) continue;
        const uint32_t ids = t->list_offsets[w->named] - t->list_offsets[w->named - 1];
        LMSI_FAIL_IF(ids > LMS_MAX_NAMED, LMS_E_ARGUMENT,
                     "tables.wants[%u].named: list %u has %u tokens, above %u", (unsigned)i,
                     (unsigned)w->named - 1, (unsigned)ids, LMS_MAX_NAMED);
        LMSI_TRY(list_check(q, t, "named", i, w->named, IDS));
    }
fail:
    return status;
}

lms_status lmsi_tables_check(const lmsi_operator *op, lmsi_requester *q, const lms_tables *t,
                             const lmsi_table_place *place, lmsi_requests *r)
{
    static const lms_tables none = {0};
    lms_status status = LMS_OK;
    *r = (lmsi_requests){.max_top = q->max_top,
                         .has_repeats = (q->bits & LMS_REQUESTS_DRY) != 0};
    LMSI_FAIL_IF(t != NULL && q->bits == 0, LMS_E_ARGUMENT,
                 "tables: are given, but the object was made without requests");
    lmsi_slots_arguments(op, q, r);
    if (t == NULL) t = &none;
    LMSI_FAIL_IF(t->list_count > q->max_lists, LMS_E_ARGUMENT,
                 "tables.list_count: %u is above max_lists (%u)", (unsigned)t->list_count,
                 (unsigned)q->max_lists);
    LMSI_TRY(door_check("edits", t->edit_count, t->edits, t->edits_device));
    LMSI_TRY(door_check("wants", t->want_count, t->wants, t->wants_device));
    LMSI_TRY(offsets_check(t));
    LMSI_TRY(masks_check(t));
    r->edits = t->edits_device;
    r->wants = t->wants_device;
    r->list_offsets = t->list_offsets_device;
    r->list_ids = t->list_ids_device;
    r->list_values = t->list_values_device;
    r->masks = t->masks_device;
    r->checks_wants = lmsi_is_given(t->wants_device) || lmsi_is_given(t->list_ids_device);
    r->edit_count = t->edit_count;
    r->want_count = t->want_count;
    r->list_count = t->list_count;
    r->mask_count = t->mask_count;
    r->mask_type = t->mask_type;
    r->mask_columns = t->mask_columns;
    r->mask_stride = t->mask_stride != 0 ? t->mask_stride : t->mask_columns;
    /* Without lists nothing of the arrays counts, whatever is said of them. */
    r->list_entries = t->list_count == 0        ? 0
                      : t->list_offsets != NULL ? t->list_offsets[t->list_count]
                                                : t->list_entries;
    LMSI_TRY(arrays_check(op, t, place->room, r));
    if (q->bits != 0) LMSI_TRY(records_check(q, t));
    lmsi_tables_place(t, place, r);
fail:
    return status;
}
