/* sampler.c - what a sampler is: its kernels, its buffers, and one dry run. */
#include "sampler/sampler.h"

#include "base/status.h"

#include <stdio.h>

#define MEMBER(kind, name) LMSI_MEMBER(kind, lmsi_sampler_run, name)
#define GIVEN(kind, name) LMSI_GIVEN(kind, lmsi_sampler_run, name)

#define LOGITS                                                                                 \
    LMSI_LOGITS_ARGUMENTS, LMSI_LOGITS_ROWS_ARGUMENT, LMSI_VOCAB_ARGUMENT,                     \
        MEMBER(LMSI_OPTIONAL, index), MEMBER(LMSI_VIEW, params)
#define SAMPLE                                                                                 \
    LOGITS, LMSI_ENTRY("words", LMSI_VIEW, offsetof(lmsi_sampler_run, args.uniforms)),         \
        LMSI_ENTRY("attempts", LMSI_UINT, offsetof(lmsi_sampler_run, args.uniforms_per_row)),  \
        MEMBER(LMSI_UINT, wants_cut), LMSI_ROWS_ARGUMENT, LMSI_ROW_PASS_ARGUMENTS,             \
        LMSI_ENTRY("outcomes", LMSI_BUFFER, LMSI_SAMPLER_OUTCOMES), GIVEN(LMSI_VIEW, tokens),  \
        GIVEN(LMSI_OPTIONAL, status)
#define OUTPUTS                                                                                \
    MEMBER(LMSI_UINT, wanted), GIVEN(LMSI_VIEW, logprob_raw), GIVEN(LMSI_VIEW, logprob),       \
        GIVEN(LMSI_VIEW, kept), GIVEN(LMSI_VIEW, probs), MEMBER(LMSI_ULONG, probs_stride)

/* Outputs of samplers with requests, and what those rows need. */
#define MORE_OUTPUTS                                                                           \
    GIVEN(LMSI_VIEW, logprob_edited), GIVEN(LMSI_VIEW, rank_raw),                              \
        GIVEN(LMSI_VIEW, rank_edited), GIVEN(LMSI_VIEW, entropy_raw),                          \
        GIVEN(LMSI_VIEW, entropy), GIVEN(LMSI_VIEW, top_tokens), GIVEN(LMSI_VIEW, top_values), \
        MEMBER(LMSI_ULONG, top_stride), GIVEN(LMSI_VIEW, named_values),                        \
        MEMBER(LMSI_ULONG, named_stride)
#define REQUESTS LMSI_REQUEST_ARGUMENTS(lmsi_sampler_run, LMSI_SAMPLER_REQUESTS)

static const lmsi_argument tile_arguments[] = {LOGITS, MEMBER(LMSI_UINT, wants_cut),
                                               LMSI_TILE_PASS_ARGUMENTS};

static const lmsi_argument sample_arguments[] = {SAMPLE};

static const lmsi_argument report_arguments[] = {
    LMSI_LOGITS_ARGUMENTS,
    LMSI_VOCAB_ARGUMENT,
    MEMBER(LMSI_VIEW, params),
    LMSI_MAXIMA_ARGUMENTS,
    {"outcomes", LMSI_BUFFER, LMSI_SAMPLER_OUTCOMES},
    OUTPUTS,
};

static const lmsi_argument outputs[] = {OUTPUTS};

static const lmsi_argument tile_request_arguments[] = {LOGITS, MEMBER(LMSI_UINT, wants_cut),
                                                       LMSI_TILE_PASS_ARGUMENTS, REQUESTS};

static const lmsi_argument sample_request_arguments[] = {
    SAMPLE,
    REQUESTS,
    {"append", LMSI_UINT, offsetof(lmsi_sampler_run, sample_appends)},
};

static const lmsi_argument report_request_arguments[] = {
    LMSI_LOGITS_ARGUMENTS,
    LMSI_VOCAB_ARGUMENT,
    MEMBER(LMSI_VIEW, params),
    LMSI_ROW_PASS_ARGUMENTS,
    {"outcomes", LMSI_BUFFER, LMSI_SAMPLER_OUTCOMES},
    OUTPUTS,
    MORE_OUTPUTS,
    REQUESTS,
    {"append", LMSI_UINT, offsetof(lmsi_sampler_run, report_appends)},
};

static const lmsi_argument all_outputs[] = {OUTPUTS, MORE_OUTPUTS};

static const lmsi_argument prepare_arguments[] = {
    LMSI_LOGITS_ROWS_ARGUMENT, LMSI_VOCAB_ARGUMENT, MEMBER(LMSI_VIEW, params),
    LMSI_PREPARE_ARGUMENTS(lmsi_sampler_run, LMSI_SAMPLER_REQUESTS)};

static const lmsi_argument patch_arguments[] = {LOGITS, REQUESTS};

/* Without outputs. */
static const lmsi_kernel plain_kernels[] = {
    [LMSI_TILES] = {.name = "lms_tile_maxima", .arguments = LMSI_ARGUMENTS(tile_arguments)},
    [LMSI_ROWS] = {.name = "lms_sample", .arguments = LMSI_ARGUMENTS(sample_arguments)},
};

/* A team of one reports on a row when it has its token. */
static const lmsi_kernel reporting_kernels[] = {
    [LMSI_TILES] = {.name = "lms_tile_maxima", .arguments = LMSI_ARGUMENTS(tile_arguments)},
    [LMSI_ROWS] = {.name = "lms_sample",
                   .arguments = LMSI_ARGUMENTS(sample_arguments),
                   .alone = LMSI_ARGUMENTS(outputs)},
    [LMSI_SAMPLER_REPORT] = {.name = "lms_report",
                             .arguments = LMSI_ARGUMENTS(report_arguments),
                             .in_teams = 1},
};

/* With requests. */
static const lmsi_kernel request_kernels[] = {
    [LMSI_TILES] = {.name = "lms_tile_maxima",
                    .arguments = LMSI_ARGUMENTS(tile_request_arguments)},
    [LMSI_ROWS] = {.name = "lms_sample",
                   .arguments = LMSI_ARGUMENTS(sample_request_arguments),
                   .alone = LMSI_ARGUMENTS(all_outputs)},
    [LMSI_SAMPLER_REPORT] = {.name = "lms_report",
                             .arguments = LMSI_ARGUMENTS(report_request_arguments),
                             .in_teams = 1},
    [LMSI_SAMPLER_PREPARE] = {.name = "lms_prepare",
                              .arguments = LMSI_ARGUMENTS(prepare_arguments),
                              .program = 1},
    [LMSI_SAMPLER_PATCH] = {.name = "lms_patch",
                            .arguments = LMSI_ARGUMENTS(patch_arguments),
                            .in_teams = 1},
};

_Static_assert((int)LMSI_SAMPLER_BUFFERS <= LMSI_MOST_BUFFERS, "an operator has room for them");

static lms_status describe(lmsi_operator *op, const void *desc)
{
    static const lmsi_probe *const probes[] = {&lmsi_row_probe, NULL};
    lms_sampler *const s = (lms_sampler *)op;
    const lms_sampler_desc *const d = &s->desc;
    lms_status status = LMS_OK;
    s->desc = *(const lms_sampler_desc *)desc;
    const lmsi_desc common = {d->logits, d->tokens, d->vocab, d->max_in_flight, d->work_items};
    const int reports = d->outputs != 0;
    const lmsi_kind kind = d->requests != 0 ? LMSI_SAMPLE_REQUESTS
                           : reports        ? LMSI_SAMPLE_AND_REPORT
                                            : LMSI_SAMPLE;
    LMSI_TRY(lmsi_rows_describe(op, &common, kind, probes));
    LMSI_TRY(lmsi_sampler_desc_check(d));
    s->requester = (lmsi_requester){
        .bits = d->requests,
        .vocab = d->vocab,
        .max_rows = d->max_rows,
        .max_top = d->max_top,
        .max_lists = d->max_lists,
        .table_bytes = d->table_bytes,
        .slots = d->slots,
        .first = LMSI_SAMPLER_REQUESTS,
    };
    LMSI_TRY(lmsi_requester_describe(op, &s->requester, LMSI_PREPARE));
    op->kernel_table = d->requests != 0 ? request_kernels
                       : reports        ? reporting_kernels
                                        : plain_kernels;
    op->kernel_count = d->requests != 0 ? LMSI_SAMPLER_KERNELS
                       : reports        ? LMSI_SAMPLER_REPORT + 1
                                        : LMSI_ROW_KERNELS;
fail:
    return status;
}

static void plan(lmsi_operator *op, lmsi_plan *plan)
{
    const lms_sampler_desc *const d = &((lms_sampler *)op)->desc;
    const lmsi_requester *const q = &((lms_sampler *)op)->requester;
    const uint64_t rows = d->max_rows;
    const uint64_t records = rows * (sizeof(lms_row_params) + sizeof(cl_int));
    const uint64_t growths = q->slots != NULL ? rows * sizeof *q->growths : 0;
    const uint64_t tables =
        q->bits != 0 ? lmsi_sum(q->table_bytes, growths + LMSI_TABLE_SLACK) : 0;
    const lmsi_buffer own[] = {
        {"outcomes", "outcomes", rows, sizeof(lms_outcome), 0},
        {"brought", "parameters", 1, lmsi_sum(records, tables), 1},
    };
    const uint64_t places = lmsi_rows_plan(op, d->max_rows);
    lmsi_operator_list(op, LMSI_ROW_BUFFERS, own, sizeof own / sizeof own[0]);
    if (q->bits != 0) lmsi_requester_plan(op, q, places);
    snprintf(plan->asked, sizeof plan->asked, "max_rows: %u rows of %u logits",
             (unsigned)d->max_rows, (unsigned)d->vocab);
}

/* One skipped row. */
static lms_status dry_run(lmsi_operator *op)
{
    lms_row_params params = LMS_ROW_PARAMS_INIT;
    static const int32_t skip = LMS_SKIP_ROW;
    static const uint32_t mask = 0;
    static const lms_tables tables = {.mask_count = 1, .mask_columns = 1, .masks = &mask};
    lms_sampler *const s = (lms_sampler *)op;
    const uint32_t outputs_made = s->desc.outputs;
    const lmsi_buffer row = {"probs", "a row", s->desc.vocab, sizeof(cl_float), 0};
    const lmsi_buffer token = {"tokens", "a token", 1, sizeof(cl_long), 0};
    const lmsi_buffer list[] = {row, token, row};
    lms_status status = LMS_OK;
    cl_mem mem[3] = {NULL, NULL, NULL};
    LMSI_TRY(lmsi_memory_make(op->ctx, list, outputs_made & LMS_OUT_PROBS ? 3 : 2, mem));
    lms_sampler_run_args batch = {.rows = 1, .params = &params, .index = &skip};
    batch.logits.buffer = mem[0];
    batch.tokens.buffer = mem[1];
    if (outputs_made & LMS_OUT_LOGPROB_RAW) batch.logprob_raw.buffer = mem[1];
    if (outputs_made & LMS_OUT_LOGPROB) batch.logprob.buffer = mem[1];
    if (outputs_made & LMS_OUT_KEPT) batch.kept.buffer = mem[1];
    batch.probs.buffer = mem[2];
    /* A request, so that what prepares it is enqueued too. */
    params.request.mask = s->desc.requests != 0;
    batch.tables = s->desc.requests != 0 ? &tables : NULL;
    if (outputs_made & LMS_OUT_LOGPROB_EDITED) batch.logprob_edited.buffer = mem[1];
    if (outputs_made & LMS_OUT_RANK_RAW) batch.rank_raw.buffer = mem[1];
    if (outputs_made & LMS_OUT_RANK_EDITED) batch.rank_edited.buffer = mem[1];
    if (outputs_made & LMS_OUT_ENTROPY_RAW) batch.entropy_raw.buffer = mem[1];
    if (outputs_made & LMS_OUT_ENTROPY) batch.entropy.buffer = mem[1];
    batch.top_stride = 1;
    if (outputs_made & LMS_OUT_TOP) batch.top_tokens.buffer = mem[1];
    if (outputs_made & LMS_OUT_TOP) batch.top_values.buffer = mem[1];
    batch.named_stride = 1;
    if (outputs_made & LMS_OUT_NAMED) batch.named_values.buffer = mem[1];
    LMSI_TRY(lms_sampler_run(s, op->ctx->queue, &batch, 0, NULL, NULL));
    LMSI_CL(clFinish(op->ctx->queue));
    s->rows = 0;
fail:
    lmsi_memory_release(mem, 3);
    return status;
}

static lms_status make(lmsi_operator *op)
{
    lmsi_requester *const q = &((lms_sampler *)op)->requester;
    return q->bits != 0 ? lmsi_requester_make(op, q) : LMS_OK;
}

static void unmake(lmsi_operator *op)
{
    lmsi_requester_unmake(&((lms_sampler *)op)->requester);
}

static const lmsi_class sampler_class = {
    "a sampler", sizeof(lms_sampler), describe, plan, make, dry_run, unmake};

lms_status lms_sampler_create(lms_context *ctx, const lms_sampler_desc *desc, lms_sampler **out)
{
    lmsi_operator *made = NULL;
    const lms_status status = lmsi_operator_create(&sampler_class, ctx, desc, out, &made);
    if (out != NULL) *out = (lms_sampler *)made;
    return status;
}

void lms_sampler_destroy(lms_sampler *s) { lmsi_operator_destroy((lmsi_operator *)s); }

size_t lms_sampler_workspace(const lms_sampler *s) { return s == NULL ? 0 : s->op.workspace; }
