/* beam.c - what a beam search is: its kernels, its buffers, and one dry run. */
#include "beam/beam.h"

#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>

/* --- What its kernels are told ------------------------------------------------------------ */

#define STEP(kind, name) LMSI_MEMBER(kind, lmsi_beam_step, name)
#define RESULTS(kind, name) LMSI_MEMBER(kind, lmsi_beam_results, name)

#define LOGITS                                                                                 \
    LMSI_LOGITS_ARGUMENTS, LMSI_VOCAB_ARGUMENT,                                                \
        LMSI_ENTRY("entries", LMSI_BUFFER, LMSI_BEAM_ENTRIES)
#define STATES                                                                                 \
    LMSI_ENTRY("states", LMSI_BUFFER, LMSI_BEAM_STATES),                                       \
        LMSI_ENTRY("beam_groups", LMSI_BUFFER, LMSI_BEAM_GROUPS)
/* What is known of beams in slots. */
#define BEAMS                                                                                  \
    STATES, LMSI_ENTRY("live", LMSI_BUFFER, LMSI_BEAM_LIVE),                                   \
        LMSI_ENTRY("ends", LMSI_BUFFER, LMSI_BEAM_ENDS), STEP(LMSI_UINT, max_width),           \
        STEP(LMSI_UINT, max_ends)

#define TILES LOGITS, STATES, STEP(LMSI_UINT, max_width)
#define ROWS                                                                                   \
    LOGITS, LMSI_ROWS_ARGUMENT, BEAMS, LMSI_ROW_PASS_ARGUMENTS,                                \
        LMSI_ENTRY("candidates", LMSI_BUFFER, LMSI_BEAM_CANDIDATES),                           \
        STEP(LMSI_UINT, max_candidates), LMSI_ENTRY("offers", LMSI_BUFFER, LMSI_BEAM_OFFERS)
#define REQUESTS LMSI_REQUEST_ARGUMENTS(lmsi_beam_step, LMSI_BEAM_OF_REQUESTS)

static const lmsi_argument tile_arguments[] = {TILES, LMSI_TILE_PASS_ARGUMENTS};
static const lmsi_argument row_arguments[] = {ROWS};

/* With requests. */
static const lmsi_argument tile_request_arguments[] = {TILES, LMSI_TILE_PASS_ARGUMENTS,
                                                       REQUESTS};
static const lmsi_argument row_request_arguments[] = {ROWS, REQUESTS};
static const lmsi_argument patch_arguments[] = {TILES, REQUESTS};

static const lmsi_argument prepare_arguments[] = {
    LMSI_LOGITS_ROWS_ARGUMENT,
    LMSI_VOCAB_ARGUMENT,
    LMSI_SEARCH_ROWS_ARGUMENTS(lmsi_beam_step),
    LMSI_PREPARE_ARGUMENTS(lmsi_beam_step, LMSI_BEAM_OF_REQUESTS),
};

static const lmsi_argument advance_arguments[] = {
    STEP(LMSI_MEM, turns),
    STEP(LMSI_UINT, first_turn),
    BEAMS,
    STEP(LMSI_UINT, max_length),
    {"candidates", LMSI_BUFFER, LMSI_BEAM_CANDIDATES},
    STEP(LMSI_UINT, max_candidates),
    {"offers", LMSI_BUFFER, LMSI_BEAM_OFFERS},
    {"links", LMSI_BUFFER, LMSI_BEAM_LINKS},
    {"pool", LMSI_BUFFER, LMSI_BEAM_POOL},
    {"choices", LMSI_BUFFER, LMSI_BEAM_CHOICES},
    {"finished", LMSI_BUFFER, LMSI_BEAM_FINISHED},
    {"merged", LMSI_BUFFER, LMSI_BEAM_MERGED},
    STEP(LMSI_UINT, max_choices),
    LMSI_GIVEN(LMSI_VIEW, lmsi_beam_step, parents),
    LMSI_GIVEN(LMSI_VIEW, lmsi_beam_step, tokens),
    LMSI_GIVEN(LMSI_OPTIONAL, lmsi_beam_step, scores),
    LMSI_GIVEN(LMSI_OPTIONAL, lmsi_beam_step, scores_fixed),
    LMSI_GIVEN(LMSI_VIEW, lmsi_beam_step, done),
    LMSI_GIVEN(LMSI_OPTIONAL, lmsi_beam_step, status),
};

static const lmsi_argument results_arguments[] = {
    RESULTS(LMSI_MEM, turns),
    STATES,
    {"live", LMSI_BUFFER, LMSI_BEAM_LIVE},
    RESULTS(LMSI_UINT, max_width),
    RESULTS(LMSI_UINT, max_length),
    {"links", LMSI_BUFFER, LMSI_BEAM_LINKS},
    {"pool", LMSI_BUFFER, LMSI_BEAM_POOL},
    {"entrants", LMSI_BUFFER, LMSI_BEAM_ENTRANTS},
    LMSI_GIVEN(LMSI_UINT, lmsi_beam_results, max_results),
    RESULTS(LMSI_UINT, columns),
    RESULTS(LMSI_ULONG, stride),
    RESULTS(LMSI_UINT, wanted),
    LMSI_GIVEN(LMSI_VIEW, lmsi_beam_results, counts),
    LMSI_GIVEN(LMSI_VIEW, lmsi_beam_results, lengths),
    LMSI_GIVEN(LMSI_VIEW, lmsi_beam_results, tokens),
    LMSI_GIVEN(LMSI_VIEW, lmsi_beam_results, scores),
    LMSI_GIVEN(LMSI_VIEW, lmsi_beam_results, logprobs),
    LMSI_GIVEN(LMSI_VIEW, lmsi_beam_results, token_logprobs),
    LMSI_GIVEN(LMSI_VIEW, lmsi_beam_results, beams),
};

static const lmsi_kernel plain_kernels[] = {
    [LMSI_TILES] = {.name = "lms_beam_tiles", .arguments = LMSI_ARGUMENTS(tile_arguments)},
    [LMSI_ROWS] = {.name = "lms_beam_rows", .arguments = LMSI_ARGUMENTS(row_arguments)},
    [LMSI_BEAM_ADVANCE] = {.name = "lms_beam_advance",
                           .arguments = LMSI_ARGUMENTS(advance_arguments)},
    [LMSI_BEAM_RESULTS] = {.name = "lms_beam_results",
                           .arguments = LMSI_ARGUMENTS(results_arguments)},
};

static const lmsi_kernel request_kernels[] = {
    [LMSI_TILES] = {.name = "lms_beam_tiles",
                    .arguments = LMSI_ARGUMENTS(tile_request_arguments)},
    [LMSI_ROWS] = {.name = "lms_beam_rows", .arguments = LMSI_ARGUMENTS(row_request_arguments)},
    [LMSI_BEAM_ADVANCE] = {.name = "lms_beam_advance",
                           .arguments = LMSI_ARGUMENTS(advance_arguments)},
    [LMSI_BEAM_RESULTS] = {.name = "lms_beam_results",
                           .arguments = LMSI_ARGUMENTS(results_arguments)},
    [LMSI_BEAM_PREPARE] = {.name = "lms_prepare",
                           .arguments = LMSI_ARGUMENTS(prepare_arguments),
                           .program = 1},
    [LMSI_BEAM_PATCH] = {.name = "lms_beam_patch",
                         .arguments = LMSI_ARGUMENTS(patch_arguments),
                         .in_teams = 1},
};

_Static_assert((int)LMSI_BEAM_BUFFERS <= LMSI_MOST_BUFFERS &&
                   (int)LMSI_BEAM_KERNELS <= LMSI_MOST_KERNELS,
               "an operator has room for them");

/* --- Life --------------------------------------------------------------------------------- */

static lms_status describe(lmsi_operator *op, const void *desc)
{
    static const lmsi_probe *const probes[] = {&lmsi_row_probe, &lmsi_beam_probe, NULL};
    lms_beam *const b = (lms_beam *)op;
    lms_beam_desc *const d = &b->desc;
    lms_status status = LMS_OK;
    *d = *(const lms_beam_desc *)desc;
    const lmsi_desc common = {d->logits, d->tokens, d->vocab, d->max_in_flight, d->work_items};
    const lmsi_kind kind = d->requests != 0 ? LMSI_BEAM_REQUESTS : LMSI_BEAM;
    LMSI_TRY(lmsi_rows_describe(op, &common, kind, probes));
    LMSI_TRY(lmsi_beam_desc_check(d));
    if (d->max_rows == 0) d->max_rows = d->max_requests * d->max_width;
    b->max_choices = lmsi_beam_choices(d);
    b->requester = (lmsi_requester){
        .bits = d->requests,
        .vocab = d->vocab,
        .max_rows = d->max_rows,
        .max_top = LMS_MAX_TOP,
        .max_lists = d->max_lists,
        .table_bytes = d->table_bytes,
        .slots = d->slots,
        .first = LMSI_BEAM_OF_REQUESTS,
    };
    LMSI_TRY(lmsi_requester_describe(op, &b->requester, LMSI_PREPARE_SEARCH));
    op->kernel_table = d->requests != 0 ? request_kernels : plain_kernels;
    op->kernel_count = d->requests != 0 ? LMSI_BEAM_KERNELS : LMSI_BEAM_PREPARE;
fail:
    return status;
}

static void plan(lmsi_operator *op, lmsi_plan *plan)
{
    const lms_beam *const b = (lms_beam *)op;
    const lms_beam_desc *const d = &b->desc;
    const uint64_t beams = d->max_rows, slots = d->max_requests, width = d->max_width;
    const uint64_t choices = b->max_choices, ends = d->max_end_tokens;
    const lmsi_buffer own[] = {
        {"entries", "beams of a step", beams + slots, sizeof(lms_beam_entry), beams + slots},
        {"candidates", "candidates", beams, choices * sizeof(lms_candidate), 0},
        {"offers", "offers", beams, sizeof(lms_beam_offer), 0},
        {"states", "states", slots, sizeof(lms_beam_state), 1},
        {"ends", "end tokens", slots, (ends > 0 ? ends : 1) * sizeof(cl_int), 1},
        {"beam_groups", "groups", slots, width * sizeof(lms_beam_group), 0},
        {"live", "live beams", slots, width * sizeof(lms_beam_live), 0},
        {"links", "back pointers", slots, width * d->max_length * sizeof(lms_beam_link), 0},
        {"pool", "finished sequences", slots, width * sizeof(lms_hypothesis), 0},
        {"choices", "choices", slots, choices * sizeof(lms_choice), 0},
        {"finished", "sequences that finish", slots, 2 * choices * sizeof(lms_hypothesis), 0},
        {"merged", "merged sequences", slots, width * sizeof(lms_hypothesis), 0},
        {"entrants", "entrants", slots, 2 * width * sizeof(lms_beam_entrant), 0},
    };
    const uint64_t places = lmsi_rows_plan(op, d->max_rows);
    lmsi_operator_list(op, LMSI_ROW_BUFFERS, own, sizeof own / sizeof own[0]);
    if (b->requester.bits != 0) {
        lmsi_search_plan(op, &b->requester, LMSI_BEAM_BROUGHT);
        lmsi_requester_plan(op, &b->requester, places);
    }
    snprintf(plan->asked, sizeof plan->asked,
             "max_requests: %u requests of %u beams (at most %u in a step) of at most %u "
             "tokens out of %u",
             (unsigned)d->max_requests, (unsigned)d->max_width, (unsigned)d->max_rows,
             (unsigned)d->max_length, (unsigned)d->vocab);
}

static lms_status make(lmsi_operator *op)
{
    lms_beam *const b = (lms_beam *)op;
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_slots_make(&b->open, b->desc.max_requests));
    b->slots = calloc(b->desc.max_requests, sizeof *b->slots);
    LMSI_FAIL_IF(b->slots == NULL, LMS_E_MEMORY, "out of memory for %u slots",
                 (unsigned)b->desc.max_requests);
    /* A slot whose state never comes has the serial 0, which no request has. */
    LMSI_TRY(lmsi_memory_clear(op->ctx, op->mem[LMSI_BEAM_STATES],
                               b->desc.max_requests * sizeof(lms_beam_state)));
    if (b->requester.bits != 0) LMSI_TRY(lmsi_requester_make(op, &b->requester));
fail:
    return status;
}

static void unmake(lmsi_operator *op)
{
    lms_beam *const b = (lms_beam *)op;
    lmsi_requester_unmake(&b->requester);
    lmsi_slots_free(&b->open);
    free(b->slots);
}

/* One step and the results of a search that is done. */
static lms_status dry_run(lmsi_operator *op)
{
    lms_beam *const b = (lms_beam *)op;
    cl_command_queue queue = op->ctx->queue;
    const lmsi_where where = lmsi_where_of(queue, 0, NULL, NULL);
    const lmsi_buffer list[] = {
        {"logits", "a row", b->desc.vocab, sizeof(cl_float), 0},
        {"results", "results", b->desc.max_length + (uint64_t)2, sizeof(cl_long), 0},
    };
    lms_beam_params params = LMS_BEAM_PARAMS_INIT(1);
    static const uint32_t mask = 0;
    static const lms_tables tables = {.mask_count = 1, .mask_columns = 1, .masks = &mask};
    static const lms_request request = {.mask = 1}; /* so that preparing is enqueued, too */
    const uint32_t slot = 0;
    lms_status status = LMS_OK;
    lms_beam_step_args batch = {.requests = 1, .slots = &slot};
    lms_beam_results_args output = {.requests = 1, .slots = &slot, .max_results = 1};
    cl_mem mem[2] = {NULL, NULL};
    params.max_length = 1;
    LMSI_TRY(lmsi_memory_make(op->ctx, list, 2, mem));
    batch.logits.buffer = mem[0];
    batch.tables = b->requester.bits != 0 ? &tables : NULL;
    batch.row_requests = b->requester.bits != 0 ? &request : NULL;
    batch.parents = output.counts = (lms_view){mem[1], 0, NULL};
    batch.done = output.lengths = (lms_view){mem[1], 1, NULL};
    batch.tokens = output.tokens = (lms_view){mem[1], 2, NULL};
    LMSI_TRY(lmsi_beam_open(b, &where, slot, &params, NULL, LMS_BEAM_DONE));
    LMSI_CL(clFinish(queue)); /* one call may be all that can be in flight */
    LMSI_TRY(lms_beam_step(b, queue, &batch, 0, NULL, NULL));
    LMSI_CL(clFinish(queue));
    LMSI_TRY(lms_beam_results(b, queue, &output, 0, NULL, NULL));
    LMSI_CL(clFinish(queue));
    LMSI_TRY(lms_beam_close(b, slot));
fail:
    lmsi_memory_release(mem, 2);
    return status;
}

static const lmsi_class beam_class = {
    "a beam search", sizeof(lms_beam), describe, plan, make, dry_run, unmake};

lms_status lms_beam_create(lms_context *ctx, const lms_beam_desc *desc, lms_beam **out)
{
    lmsi_operator *made = NULL;
    const lms_status status = lmsi_operator_create(&beam_class, ctx, desc, out, &made);
    if (out != NULL) *out = (lms_beam *)made;
    return status;
}

void lms_beam_destroy(lms_beam *b) { lmsi_operator_destroy((lmsi_operator *)b); }

size_t lms_beam_workspace(const lms_beam *b) { return b == NULL ? 0 : b->op.workspace; }
