#include "batch_tables.h"

#include <string.h>

static size_t mask_element(const requests *r) { return r->mask_type == LMS_MASK_BYTES ? 1 : 4; }

static void on_host(const requests *r, lms_tables *t)
{
    t->edits = r->edits;
    t->wants = r->wants;
    if (r->list_count > 0) {
        t->list_offsets = r->list_offsets;
        t->list_ids = r->list_ids;
        t->list_values = r->list_values;
    }
    t->masks = r->masks;
}

static void on_device(lms_context *ctx, const requests *r, size_t offset, batch_tables *b)
{
    lms_tables *const t = &b->tables;
    if (r->edit_count > 0) {
        b->edits =
            batch_array_new(ctx, r->edits, sizeof *r->edits, offset, r->edit_count, 1, 1);
    }
    if (r->want_count > 0) {
        b->wants =
            batch_array_new(ctx, r->wants, sizeof *r->wants, offset, r->want_count, 1, 1);
    }
    if (r->list_count > 0) {
        const size_t entries = r->list_entries;
        b->offsets = batch_array_new(ctx, r->list_offsets, 4, offset, r->list_count + 1u, 1, 1);
        b->ids = batch_array_new(ctx, r->list_ids, 4, offset, entries, 1, 1);
        b->values = batch_array_new(ctx, r->list_values, 4, offset, entries, 1, 1);
        t->list_entries = entries;
    }
    if (r->mask_count > 0) {
        b->masks = batch_array_new(ctx, r->masks, mask_element(r), offset, r->mask_count,
                                   r->mask_stride, r->mask_stride);
    }
    t->edits_device = batch_array_view(&b->edits, 0);
    t->wants_device = batch_array_view(&b->wants, 0);
    t->list_offsets_device = batch_array_view(&b->offsets, 0);
    t->list_ids_device = batch_array_view(&b->ids, 0);
    t->list_values_device = batch_array_view(&b->values, 0);
    t->masks_device = batch_array_view(&b->masks, 0);
}

void batch_tables_make(lms_context *ctx, const batch *b, const batch_way *way, batch_tables *t)
{
    const requests *const r = b->requests;
    memset(t, 0, sizeof *t);
    if (!r) return;
    t->tables.edit_count = r->edit_count;
    t->tables.want_count = r->want_count;
    t->tables.list_count = r->list_count;
    t->tables.mask_count = r->mask_count;
    if (r->mask_count > 0) {
        t->tables.mask_type = r->mask_type;
        t->tables.mask_columns = r->mask_columns;
        t->tables.mask_stride = r->mask_stride;
    }
    if (way->tables_on_device) {
        on_device(ctx, r, way->offset, t);
    } else {
        on_host(r, &t->tables);
    }
}

void batch_tables_free(batch_tables *t)
{
    batch_array *const all[] = {&t->edits, &t->wants,  &t->offsets,
                                &t->ids,   &t->values, &t->masks};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) batch_array_free(all[i]);
}

void batch_describe_requests(const batch *b, lms_slots *slots, lms_sampler_desc *desc)
{
    const requests *const r = b->requests;
    if (!r) return;
    desc->requests = LMS_REQUESTS_ALL;
    desc->max_top = desc->outputs & LMS_OUT_TOP ? r->max_top : 0;
    desc->max_lists = r->list_count > 0 ? r->list_count : 1;
    desc->table_bytes = r->edit_count * sizeof *r->edits + r->want_count * sizeof *r->wants +
                        4 * (2 * (size_t)r->list_entries + r->list_count + 1) +
                        r->mask_count * r->mask_stride * mask_element(r) + 1;
    desc->slots = slots;
}
