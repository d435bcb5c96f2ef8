/* sampler.c - what a sampler is: its kernels, its buffers, and one dry run. */
#include "sampler/sampler.h"

#include "base/status.h"

#include <stdio.h>

#define MEMBER(kind, name) LMSI_MEMBER(kind, lmsi_sampler_run, name)
#define GIVEN(kind, name) LMSI_GIVEN(kind, lmsi_sampler_run, name)

#define LOGITS                                                                                 \
    LMSI_LOGITS_ARGUMENTS, LMSI_LOGITS_ROWS_ARGUMENT, LMSI_VOCAB_ARGUMENT,                     \
        MEMBER(LMSI_OPTIONAL, index), MEMBER(LMSI_VIEW, params)
#define OUTPUTS                                                                                \
    MEMBER(LMSI_UINT, wanted), GIVEN(LMSI_VIEW, logprob_raw), GIVEN(LMSI_VIEW, logprob),       \
        GIVEN(LMSI_VIEW, kept), GIVEN(LMSI_VIEW, probs), MEMBER(LMSI_ULONG, probs_stride)

static const lmsi_argument tile_arguments[] = {LOGITS, MEMBER(LMSI_UINT, wants_cut),
                                               LMSI_TILE_PASS_ARGUMENTS};

static const lmsi_argument sample_arguments[] = {
    LOGITS,
    {"words", LMSI_VIEW, offsetof(lmsi_sampler_run, args.uniforms)},
    {"attempts", LMSI_UINT, offsetof(lmsi_sampler_run, args.uniforms_per_row)},
    MEMBER(LMSI_UINT, wants_cut),
    LMSI_ROWS_ARGUMENT,
    LMSI_ROW_PASS_ARGUMENTS,
    {"outcomes", LMSI_BUFFER, LMSI_SAMPLER_OUTCOMES},
    GIVEN(LMSI_VIEW, tokens),
    GIVEN(LMSI_OPTIONAL, status),
};

static const lmsi_argument report_arguments[] = {
    LMSI_LOGITS_ARGUMENTS,
    LMSI_VOCAB_ARGUMENT,
    MEMBER(LMSI_VIEW, params),
    LMSI_MAXIMA_ARGUMENTS,
    {"outcomes", LMSI_BUFFER, LMSI_SAMPLER_OUTCOMES},
    OUTPUTS,
};

static const lmsi_argument outputs[] = {OUTPUTS};

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
    LMSI_TRY(lmsi_rows_describe(op, &common, reports ? LMSI_SAMPLE_AND_REPORT : LMSI_SAMPLE,
                                probes));
    LMSI_TRY(lmsi_sampler_desc_check(d));
    op->kernel_table = reports ? reporting_kernels : plain_kernels;
    op->kernel_count = reports ? LMSI_SAMPLER_REPORT + 1 : LMSI_ROW_KERNELS;
fail:
    return status;
}

static void plan(lmsi_operator *op, lmsi_plan *plan)
{
    const lms_sampler_desc *const d = &((lms_sampler *)op)->desc;
    const uint64_t rows = d->max_rows;
    const lmsi_buffer own[] = {
        {"outcomes", "outcomes", rows, sizeof(lms_outcome), 0},
        {"brought", "parameters", rows, sizeof(lms_row_params) + sizeof(cl_int), rows},
    };
    lmsi_rows_plan(op, d->max_rows);
    lmsi_operator_list(op, LMSI_ROW_BUFFERS, own, sizeof own / sizeof own[0]);
    snprintf(plan->asked, sizeof plan->asked, "max_rows: %u rows of %u logits",
             (unsigned)d->max_rows, (unsigned)d->vocab);
}

/* One skipped row. */
static lms_status dry_run(lmsi_operator *op)
{
    static const lms_row_params params = LMS_ROW_PARAMS_INIT;
    static const int32_t skip = LMS_SKIP_ROW;
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
    LMSI_TRY(lms_sampler_run(s, op->ctx->queue, &batch, 0, NULL, NULL));
    LMSI_CL(clFinish(op->ctx->queue));
    s->rows = 0;
fail:
    lmsi_memory_release(mem, 3);
    return status;
}

static const lmsi_class sampler_class = {
    "a sampler", sizeof(lms_sampler), describe, plan, NULL, dry_run, NULL};

lms_status lms_sampler_create(lms_context *ctx, const lms_sampler_desc *desc, lms_sampler **out)
{
    lmsi_operator *made = NULL;
    const lms_status status = lmsi_operator_create(&sampler_class, ctx, desc, out, &made);
    if (out != NULL) *out = (lms_sampler *)made;
    return status;
}

void lms_sampler_destroy(lms_sampler *s) { lmsi_operator_destroy((lmsi_operator *)s); }

size_t lms_sampler_workspace(const lms_sampler *s) { return s == NULL ? 0 : s->op.workspace; }
