/* requests.c - room for what is prepared and edited, and tables on their way to the device. */
#include "requests/requests.h"

#include "base/status.h"
#include "kernels/edits/records.h"
#include "slots/sequences.h"

#include <stdlib.h>
#include <string.h>

/* Tables on the host begin at multiples of it in the buffer for them: of the size of all that
 * they are made of. */
#define LMSI_TABLE_ALIGNMENT 128u

/* A kernel that prepares a row looks at sequences and lists, not at logits: a few work-items
 * for a row are enough. */
#define LMSI_PREPARE_TEAM 64u

lms_status lmsi_requester_describe(lmsi_operator *op, lmsi_requester *q, lmsi_kind kind)
{
    static const lmsi_probe *const probes[] = {&lmsi_prepare_probe, NULL};
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(q->bits & ~LMS_REQUESTS_ALL, LMS_E_ARGUMENT,
                 "requests: 0x%x has bits other than 0x%x", (unsigned)q->bits,
                 (unsigned)LMS_REQUESTS_ALL);
    LMSI_FAIL_IF(q->slots != NULL && q->bits == 0, LMS_E_ARGUMENT,
                 "slots: are given without requests");
    LMSI_FAIL_IF(q->max_top > LMS_MAX_TOP, LMS_E_ARGUMENT, "max_top: %u is above %u",
                 (unsigned)q->max_top, LMS_MAX_TOP);
    LMSI_FAIL_IF(q->max_lists > LMS_MAX_LISTS, LMS_E_ARGUMENT, "max_lists: %u is above %u",
                 (unsigned)q->max_lists, LMS_MAX_LISTS);
    if (q->bits == 0) return LMS_OK;
    q->max_length = 1;
    if (q->slots != NULL) {
        LMSI_TRY(lmsi_slots_fit(q->slots, op->ctx, q->vocab));
        q->max_length = lmsi_slots_max_length(q->slots);
        op->company = lmsi_slots_latest(q->slots);
    }
    if (q->max_top == 0) q->max_top = 20;
    if (q->max_lists == 0) {
        q->max_lists = q->max_rows < LMS_MAX_LISTS / 4 ? 4 * q->max_rows : LMS_MAX_LISTS;
    }
    if (q->table_bytes == 0) q->table_bytes = (size_t)256 * q->max_rows;
    lmsi_use *const use = &op->programs[op->program_count++];
    *use = op->programs[0];
    use->kind = kind;
    use->probes = probes;
    if (use->shape.team > LMSI_PREPARE_TEAM) use->shape.team = LMSI_PREPARE_TEAM;
fail:
    return status;
}

void lmsi_requester_plan(lmsi_operator *op, const lmsi_requester *q, uint64_t places)
{
    const uint64_t tiles = (q->vocab + LMS_TILE - 1) / LMS_TILE;
    const uint64_t groups = tiles * LMS_TILE_GROUPS, length = q->max_length;
    const uint64_t repeats = q->bits & LMS_REQUESTS_DRY ? q->max_rows : 0;
    const lmsi_buffer all[LMSI_REQUEST_BUFFERS] = {
        [LMSI_PREPARED] = {"prepared", "prepared rows", q->max_rows, sizeof(lms_prepared), 0},
        [LMSI_BANS] = {"bans", "banned tokens", q->max_rows, groups * sizeof(cl_uint), 0},
        [LMSI_REPEATS] = {"repeats", "lengths of repetitions", repeats + 1,
                          length * sizeof(cl_uint), 0},
        [LMSI_SCRATCH] = {"scratch", "lengths of repetitions", repeats + 1,
                          length * sizeof(cl_uint), 0},
        [LMSI_VALUES] = {"values", "edited logits", places,
                         groups * LMS_GROUP * sizeof(cl_float), 0},
        [LMSI_EDITED] = {"edited", "edited tokens", places, groups * sizeof(cl_uint), 0},
        [LMSI_PLACES] = {"places", "edited groups", places, groups * sizeof(cl_uint), 0},
        [LMSI_RAW_KEYS] = {"raw_keys", "maxima before edits", places,
                           (groups + tiles) * sizeof(cl_int), 0},
        [LMSI_COUNTS] = {"counts", "counts of tokens", places, length * sizeof(cl_uint), 0},
    };
    lmsi_operator_list(op, q->first, all, LMSI_REQUEST_BUFFERS);
}

lms_status lmsi_requester_make(lmsi_operator *op, lmsi_requester *q)
{
    lms_status status = LMS_OK;
    const lmsi_buffer *const counts = &op->buffers[q->first + LMSI_COUNTS];
    q->checked = calloc(q->max_lists, 1);
    LMSI_FAIL_IF(q->checked == NULL, LMS_E_MEMORY, "out of memory for %u lists",
                 (unsigned)q->max_lists);
    q->growths = calloc(q->max_rows, sizeof *q->growths);
    LMSI_FAIL_IF(q->growths == NULL, LMS_E_MEMORY, "out of memory for %u rows",
                 (unsigned)q->max_rows);
    LMSI_TRY(lmsi_memory_clear(op->ctx, op->mem[q->first + LMSI_COUNTS],
                               (size_t)(counts->count * counts->bytes)));
fail:
    return status;
}

void lmsi_requester_unmake(lmsi_requester *q)
{
    free(q->checked);
    free(q->growths);
}

/* --- Tables on the host ------------------------------------------------------------------ */

typedef struct table_part {
    const void *host;
    const lms_view *view; /* of the buffer for them, in elements */
    size_t element, count;
} table_part;

static void list_parts(const lms_tables *t, const lmsi_requests *r,
                       table_part parts[LMSI_TABLE_PARTS])
{
    const size_t entries = (size_t)r->list_entries;
    const size_t mask = t->mask_type == LMS_MASK_BITS ? sizeof(cl_uint) : 1;
    const size_t columns =
        t->mask_count > 0 ? (t->mask_count - 1) * (size_t)r->mask_stride + t->mask_columns : 0;
    const table_part all[LMSI_TABLE_PARTS] = {
        {t->edits, &r->edits, sizeof *t->edits, t->edit_count},
        {t->wants, &r->wants, sizeof *t->wants, t->want_count},
        {t->list_offsets, &r->list_offsets, sizeof *t->list_offsets, (size_t)t->list_count + 1},
        {t->list_ids, &r->list_ids, sizeof *t->list_ids, entries},
        {t->list_values, &r->list_values, sizeof *t->list_values, entries},
        {t->masks, &r->masks, mask, columns},
    };
    memcpy(parts, all, sizeof all);
}

void lmsi_tables_place(const lms_tables *t, const lmsi_table_place *place, lmsi_requests *r)
{
    table_part parts[LMSI_TABLE_PARTS];
    lms_view *const views[LMSI_TABLE_PARTS] = {&r->edits,    &r->wants,       &r->list_offsets,
                                               &r->list_ids, &r->list_values, &r->masks};
    const size_t behind = place->behind;
    const size_t first = (behind + LMSI_TABLE_ALIGNMENT - 1) / LMSI_TABLE_ALIGNMENT;
    size_t at = first;
    list_parts(t, r, parts);
    for (size_t i = 0; i < LMSI_TABLE_PARTS; ++i) {
        const size_t bytes = parts[i].count * parts[i].element;
        if (parts[i].host == NULL || bytes == 0) continue;
        *views[i] =
            (lms_view){place->brought, at * LMSI_TABLE_ALIGNMENT / parts[i].element, NULL};
        at += (bytes + LMSI_TABLE_ALIGNMENT - 1) / LMSI_TABLE_ALIGNMENT;
    }
    r->bytes = at > first ? at * LMSI_TABLE_ALIGNMENT - behind : 0;
}

void lmsi_tables_stage(const lms_tables *t, const lmsi_requests *r, char *staged)
{
    table_part parts[LMSI_TABLE_PARTS];
    if (t == NULL) return;
    list_parts(t, r, parts);
    for (size_t i = 0; i < LMSI_TABLE_PARTS; ++i) {
        const size_t bytes = parts[i].count * parts[i].element;
        if (parts[i].host == NULL || bytes == 0) continue;
        memcpy(staged + parts[i].view->offset * parts[i].element, parts[i].host, bytes);
    }
}

lms_status lmsi_tables_make(const lmsi_operator *op, const lms_tables *t,
                            const lmsi_requests *r, lms_tables *made,
                            cl_mem mem[LMSI_TABLE_PARTS])
{
    lms_status status = LMS_OK;
    cl_int code = CL_SUCCESS;
    table_part parts[LMSI_TABLE_PARTS];
    lms_view *const views[LMSI_TABLE_PARTS] = {
        &made->edits_device,    &made->wants_device,       &made->list_offsets_device,
        &made->list_ids_device, &made->list_values_device, &made->masks_device};
    *made = *t;
    made->edits = NULL;
    made->wants = NULL;
    made->list_offsets = NULL;
    made->list_ids = NULL;
    made->list_values = NULL;
    made->masks = NULL;
    if (t->list_offsets != NULL) made->list_entries = (size_t)r->list_entries;
    list_parts(t, r, parts);
    for (size_t i = 0; i < LMSI_TABLE_PARTS; ++i) {
        const size_t bytes = parts[i].count * parts[i].element;
        if (parts[i].host == NULL) continue;
        /* A buffer has at least one element, also of an empty table. */
        mem[i] = clCreateBuffer(op->ctx->context, CL_MEM_READ_ONLY,
                                bytes > 0 ? bytes : parts[i].element, NULL, &code);
        LMSI_CL_NAMED(code, "clCreateBuffer for tables");
        *views[i] = (lms_view){mem[i], 0, NULL};
        if (bytes == 0) continue;
        LMSI_CL(clEnqueueWriteBuffer(op->ctx->queue, mem[i], CL_TRUE, 0, bytes, parts[i].host,
                                     0, NULL, NULL));
    }
fail:
    return status;
}
