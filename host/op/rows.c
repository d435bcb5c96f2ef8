/* rows.c - rows of logits: a workspace for them, checks, and the two passes over them. */
#include "op/rows.h"

#include "base/status.h"
#include "op/choice.h"

static uint32_t tiles_of(const lmsi_operator *op)
{
    return (op->desc.vocab + LMS_TILE - 1) / LMS_TILE;
}

static uint32_t chunks_of(const lmsi_operator *op, uint32_t chunk)
{
    return (tiles_of(op) + chunk - 1) / chunk;
}

lms_status lmsi_rows_describe(lmsi_operator *op, const lmsi_desc *desc, lmsi_kind kind,
                              const lmsi_probe *const *probes)
{
    lms_status status = LMS_OK;
    lmsi_use *const use = &op->programs[0];
    op->desc = *desc;
    LMSI_TRY(lmsi_desc_check(op->ctx, &op->desc));
    *use = (lmsi_use){.kind = kind, .data = desc->logits, .least_team = 1, .probes = probes};
    op->program_count = 1;
    LMSI_TRY(lmsi_shape_for(op->ctx, desc->logits, desc->vocab, desc->work_items, &use->shape,
                            NULL));
fail:
    return status;
}

uint64_t lmsi_rows_plan(lmsi_operator *op, uint32_t max_rows)
{
    const uint64_t tiles = tiles_of(op);
    const uint64_t most_chunks = chunks_of(op, lmsi_shape_least_chunk(&op->programs[0].shape));
    const uint64_t places =
        lmsi_shape_places(&op->programs[0].shape, op->ctx->device.units, max_rows);
    const lmsi_buffer all[LMSI_ROW_BUFFERS] = {
        [LMSI_GROUPS] = {"groups", "group maxima", places,
                         tiles * LMS_TILE_GROUPS * sizeof(cl_int), 0},
        [LMSI_TILE_KEYS] = {"tile_keys", "tile maxima", places, tiles * sizeof(cl_int), 0},
        [LMSI_SEEN] = {"seen", "flags", places, most_chunks * sizeof(cl_uint), 0},
        [LMSI_LIST] = {"list", "candidates of a row", places,
                       (uint64_t)LMS_LIST * LMS_LIST_BYTES, 0},
        [LMSI_SUMS] = {"sums", "tile sums", places, tiles * sizeof(cl_ulong), 0},
    };
    lmsi_operator_list(op, 0, all, LMSI_ROW_BUFFERS);
    return places;
}

lmsi_rows lmsi_rows_of(const lmsi_operator *op, uint32_t rows, lms_view logits,
                       size_t row_stride, size_t logits_rows)
{
    const uint32_t vocab = op->desc.vocab;
    const lmsi_shape *const shape = &op->programs[0].shape;
    const uint32_t chunk = lmsi_shape_chunk(shape, op->ctx->device.units, rows, tiles_of(op));
    return (lmsi_rows){
        .logits = logits,
        .stride = row_stride != 0 ? row_stride : vocab,
        .logits_rows = logits_rows != 0 ? logits_rows : rows,
        .vocab = vocab,
        .rows = rows,
        .chunk = chunk,
        .chunks = chunks_of(op, chunk),
        .with_tiles = lmsi_shape_fuses(shape, rows) ? 1 : 0,
    };
}

lmsi_array lmsi_rows_array(const lmsi_operator *op, const lmsi_rows *r)
{
    return (lmsi_array){"logits",
                        r->logits,
                        r->logits_rows,
                        r->stride,
                        r->vocab,
                        lmsi_dtype_bytes(op->desc.logits),
                        LMSI_READ | LMSI_REQUIRED,
                        0};
}

lms_status lmsi_indices_check(const int32_t *index, uint32_t rows, uint64_t logits_rows)
{
    lms_status status = LMS_OK;
    for (uint32_t r = 0; index != NULL && r < rows; ++r) {
        const int32_t i = index[r];
        LMSI_FAIL_IF(i != LMS_SKIP_ROW && (i < 0 || (uint64_t)i >= logits_rows),
                     LMS_E_ROW_INDEX, "index[%u]: %d is not LMS_SKIP_ROW or in 0..%llu",
                     (unsigned)r, (int)i, (unsigned long long)logits_rows - 1);
    }
fail:
    return status;
}

lms_status lmsi_index_check(const lmsi_rows *r, const char *what, const int32_t *index,
                            lms_view index_device)
{
    lms_status status = LMS_OK;
    const int has_index = index != NULL || lmsi_is_given(index_device);
    LMSI_FAIL_IF(index != NULL && lmsi_is_given(index_device), LMS_E_ARGUMENT,
                 "index, index_device: at most one of them is given");
    LMSI_TRY(lmsi_indices_check(index, r->rows, r->logits_rows));
    LMSI_FAIL_IF(!has_index && r->logits_rows < r->rows, LMS_E_ARGUMENT,
                 "logits_rows: %llu is less than %s (%u) without an index",
                 (unsigned long long)r->logits_rows, what, (unsigned)r->rows);
fail:
    return status;
}

lms_status lmsi_rows_launch(lmsi_call *call, const lmsi_rows *r)
{
    lms_status status = LMS_OK;
    const lmsi_operator *const op = call->op;
    const lmsi_shape *const shape = &op->programs[0].shape;
    const size_t teams = lmsi_shape_teams(shape, op->ctx->device.units, r->rows);
    /* As kernels/row/maxima.cl has it. */
    const int is_by_chunks = shape->team == 1;
    const size_t wide = is_by_chunks ? r->chunks : r->rows;
    const size_t high = is_by_chunks ? r->rows : r->chunks;
    if (!r->with_tiles) LMSI_TRY(lmsi_call_launch(call, LMSI_TILES, wide, high));
    LMSI_TRY(lmsi_call_launch(call, LMSI_ROWS, teams, 0));
fail:
    return status;
}
