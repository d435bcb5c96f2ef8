#include "requests.h"

#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `array` with room for `count` elements. */
static void *grown(void *array, size_t count, size_t element)
{
    void *const more = realloc(array, (count + 1) * element);
    if (!more) {
        fprintf(stderr, "out of memory\n");
        exit(EXIT_FAILURE);
    }
    return more;
}

requests *requests_new(void)
{
    requests *const r = memory_zeroed(1, sizeof *r);
    r->list_offsets = memory_zeroed(1, sizeof *r->list_offsets);
    r->list_ids = memory_zeroed(1, sizeof *r->list_ids);
    r->list_values = memory_zeroed(1, sizeof *r->list_values);
    r->max_top = r->top_stride = 20;
    r->named_stride = 8;
    return r;
}

void requests_free(requests *r)
{
    if (!r) return;
    for (uint32_t i = 0; i < r->slot_count; ++i) free((void *)(uintptr_t)r->slots[i].tokens);
    free(r->slots);
    free(r->edits);
    free(r->wants);
    free(r->list_offsets);
    free(r->list_ids);
    free(r->list_values);
    free(r->masks);
    free(r);
}

uint32_t requests_add_slot(requests *r, const int32_t *tokens, uint32_t length, uint32_t prompt,
                           uint32_t ignored)
{
    int32_t *const own = memory_zeroed(length, sizeof *own);
    if (length > 0) memcpy(own, tokens, length * sizeof *own);
    r->slots = grown(r->slots, r->slot_count + 1u, sizeof *r->slots);
    r->slots[r->slot_count] = (oracle_sequence){own, length, prompt, ignored};
    return ++r->slot_count;
}

uint32_t requests_add_edits(requests *r, const lms_row_edits *edits)
{
    r->edits = grown(r->edits, r->edit_count + 1u, sizeof *r->edits);
    r->edits[r->edit_count] = *edits;
    return ++r->edit_count;
}

uint32_t requests_add_wants(requests *r, const lms_row_wants *wants)
{
    r->wants = grown(r->wants, r->want_count + 1u, sizeof *r->wants);
    r->wants[r->want_count] = *wants;
    return ++r->want_count;
}

uint32_t requests_add_list(requests *r, const int32_t *ids, const float *values, uint32_t count)
{
    const uint32_t first = r->list_offsets[r->list_count], end = first + count;
    r->list_offsets = grown(r->list_offsets, r->list_count + 2u, sizeof *r->list_offsets);
    r->list_ids = grown(r->list_ids, end, sizeof *r->list_ids);
    r->list_values = grown(r->list_values, end, sizeof *r->list_values);
    for (uint32_t i = 0; i < count; ++i) {
        r->list_ids[first + i] = ids[i];
        r->list_values[first + i] = values ? values[i] : 0.0f;
    }
    r->list_offsets[r->list_count + 1] = r->list_entries = end;
    return ++r->list_count;
}

void requests_set_masks(requests *r, uint32_t count, uint32_t type, uint32_t columns,
                        size_t stride)
{
    free(r->masks);
    r->masks = memory_zeroed(count * stride, type == LMS_MASK_BYTES ? 1 : 4);
    r->mask_count = count;
    r->mask_type = type;
    r->mask_columns = columns;
    r->mask_stride = stride;
}

void requests_allow(requests *r, uint32_t mask, uint32_t token)
{
    const size_t row = mask * r->mask_stride;
    if (r->mask_type == LMS_MASK_BYTES) {
        ((uint8_t *)r->masks)[row + token] = (uint8_t)(1u + token % 255u);
    } else {
        ((uint32_t *)r->masks)[row + token / 32] |= 1u << token % 32;
    }
}

oracle_tables requests_tables(const requests *r, uint32_t logits_rows)
{
    oracle_tables t = {.logits_rows = logits_rows};
    t.slot_count = r->slot_count;
    t.edit_count = r->edit_count;
    t.want_count = r->want_count;
    t.mask_count = r->mask_count;
    t.slots = r->slots;
    t.edits = r->edits;
    t.wants = r->wants;
    t.lists = (oracle_lists){r->list_count, r->list_offsets, r->list_ids, r->list_values,
                             r->list_entries};
    t.masks = r->masks;
    t.mask_type = r->mask_type;
    t.mask_columns = r->mask_columns;
    t.mask_stride = r->mask_stride;
    t.max_top = r->max_top;
    return t;
}
