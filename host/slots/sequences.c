/* sequences.c - what slots are: their kernels, their buffers, and one dry run. */
#include "slots/sequences.h"

#include "base/status.h"
#include "op/choice.h"

#include <stdio.h>
#include <stdlib.h>

/* --- What its kernels are told ------------------------------------------------------------ */

#define CALL(kind, name) LMSI_MEMBER(kind, lmsi_slots_call, name)
#define BUFFER(name, number) LMSI_ENTRY(name, LMSI_BUFFER, number)

#define TURNS BUFFER("turns", LMSI_SLOTS_TURNS)
#define NEW_PAGES BUFFER("new_pages", LMSI_SLOTS_NEW_PAGES)
#define TABLES                                                                                 \
    BUFFER("page_tables", LMSI_SLOTS_PAGE_TABLES), CALL(LMSI_UINT, table_stride),              \
        BUFFER("slot_states", LMSI_SLOTS_STATES)
#define SLOTS BUFFER("pages", LMSI_SLOTS_PAGES), TABLES

static const lmsi_argument sweep_arguments[] = {
    BUFFER("sweeps", LMSI_SLOTS_SWEEPS),
    CALL(LMSI_UINT, sweep_count),
    BUFFER("slot_states", LMSI_SLOTS_STATES),
};

static const lmsi_argument open_arguments[] = {
    TURNS,
    NEW_PAGES,
    BUFFER("brought", LMSI_SLOTS_BROUGHT),
    CALL(LMSI_OPTIONAL, tokens_device),
    CALL(LMSI_UINT, vocab),
    SLOTS,
};

static const lmsi_argument append_arguments[] = {
    TURNS,
    NEW_PAGES,
    CALL(LMSI_VIEW, tokens),
    CALL(LMSI_ULONG, stride),
    CALL(LMSI_UINT, vocab),
    SLOTS,
    CALL(LMSI_UINT, max_slots),
};

static const lmsi_argument roll_back_arguments[] = {TURNS, SLOTS, CALL(LMSI_UINT, max_slots)};

static const lmsi_argument copy_arguments[] = {
    TURNS,
    NEW_PAGES,
    CALL(LMSI_OPTIONAL, parents),
    CALL(LMSI_UINT, first),
    SLOTS,
    CALL(LMSI_UINT, max_slots),
    BUFFER("moved", LMSI_SLOTS_MOVED),
};

static const lmsi_argument place_arguments[] = {
    TURNS, NEW_PAGES, TABLES, CALL(LMSI_UINT, max_slots), BUFFER("moved", LMSI_SLOTS_MOVED),
};

static const lmsi_kernel kernels[LMSI_SLOTS_KERNELS] = {
    [LMSI_SLOTS_SWEEP] = {"lms_slots_sweep", LMSI_ARGUMENTS(sweep_arguments), {0}, 0, 0},
    [LMSI_SLOTS_OPEN] = {"lms_slots_open", LMSI_ARGUMENTS(open_arguments), {0}, 0, 0},
    [LMSI_SLOTS_APPEND] = {"lms_slots_append", LMSI_ARGUMENTS(append_arguments), {0}, 0, 0},
    [LMSI_SLOTS_ROLL_BACK] =
        {"lms_slots_roll_back", LMSI_ARGUMENTS(roll_back_arguments), {0}, 0, 0},
    [LMSI_SLOTS_COPY] = {"lms_slots_copy", LMSI_ARGUMENTS(copy_arguments), {0}, 0, 0},
    [LMSI_SLOTS_PLACE] = {"lms_slots_place", LMSI_ARGUMENTS(place_arguments), {0}, 0, 0},
};

_Static_assert((int)LMSI_SLOTS_BUFFERS <= LMSI_MOST_BUFFERS &&
                   (int)LMSI_SLOTS_KERNELS <= LMSI_MOST_KERNELS,
               "an operator has room for them");

/* --- Description -------------------------------------------------------------------------- */

/* Where a description says 0. */
#define LMSI_DEFAULT_CALL 1024u
#define LMSI_DEFAULT_HOST_TOKENS 65536u

static void fill_in(lms_slots_desc *d)
{
    if (d->max_call == 0) {
        d->max_call = d->max_slots < LMSI_DEFAULT_CALL ? d->max_slots : LMSI_DEFAULT_CALL;
    }
    if (d->max_host_tokens == 0) {
        d->max_host_tokens =
            d->max_length > LMSI_DEFAULT_HOST_TOKENS ? d->max_length : LMSI_DEFAULT_HOST_TOKENS;
    }
}

static lms_status describe(lmsi_operator *op, const void *desc)
{
    static const lmsi_probe *const probes[] = {&lmsi_slots_probe, NULL};
    lms_slots *const s = (lms_slots *)op;
    lms_slots_desc *const d = &s->desc;
    lms_status status = LMS_OK;
    *d = *(const lms_slots_desc *)desc;
    op->desc = (lmsi_desc){LMS_FLOAT32, d->tokens, d->vocab, d->max_in_flight, 0};
    LMSI_TRY(lmsi_desc_check(op->ctx, &op->desc));
    LMSI_TRY(lmsi_slots_desc_check(d));
    fill_in(d);
    s->pages_each = lmsi_slot_pages(d->max_length);
    const uint64_t most = (uint64_t)d->max_slots * s->pages_each;
    const uint64_t asked = d->max_tokens / LMS_SLOT_PAGE + (d->max_tokens % LMS_SLOT_PAGE != 0);
    const uint64_t pages = asked > 0 && asked < most ? asked : most;
    LMSI_FAIL_IF(pages > UINT32_MAX / LMS_SLOT_PAGE, LMS_E_ARGUMENT,
                 "max_tokens: %llu pages of %u tokens are above %u", (unsigned long long)pages,
                 LMS_SLOT_PAGE, (unsigned)(UINT32_MAX / LMS_SLOT_PAGE));
    s->pages.count = (uint32_t)pages;
    op->programs[0] =
        (lmsi_use){.kind = LMSI_SLOTS, .data = LMS_FLOAT32, .least_team = 1, .probes = probes};
    op->program_count = 1;
    LMSI_TRY(lmsi_shape_for(op->ctx, LMS_FLOAT32, d->vocab, 0, &op->programs[0].shape, NULL));
    op->kernel_table = kernels;
    op->kernel_count = LMSI_SLOTS_KERNELS;
fail:
    return status;
}

/* --- Memory ------------------------------------------------------------------------------- */

static void plan(lmsi_operator *op, lmsi_plan *plan)
{
    const lms_slots *const s = (lms_slots *)op;
    const lms_slots_desc *const d = &s->desc;
    const uint64_t slots = d->max_slots, call = d->max_call, all = s->pages.count;
    const uint64_t most = call * s->pages_each, pages = most < all ? most : all;
    const lmsi_buffer own[] = {
        {"pages", "tokens", all, LMS_SLOT_PAGE_WORDS * sizeof(cl_uint), 0},
        {"page_tables", "tables of pages", slots, s->pages_each * sizeof(cl_uint), 0},
        {"slot_states", "slots", slots, sizeof(lms_slot_state), 0},
        {"moved", "slots of a call", call, sizeof(lms_slot_state), 0},
        {"turns", "slots of a call", call, sizeof(lms_slot_turn), call},
        {"new_pages", "pages of a call", pages, sizeof(cl_uint), pages},
        {"sweeps", "slots to be swept", slots, sizeof(lms_slot_sweep), slots},
        {"brought", "tokens of a call", d->max_host_tokens, sizeof(cl_int), d->max_host_tokens},
    };
    lmsi_operator_list(op, 0, own, sizeof own / sizeof own[0]);
    snprintf(plan->asked, sizeof plan->asked,
             "max_tokens: %llu tokens in %u slots of at most %u",
             (unsigned long long)all * LMS_SLOT_PAGE, (unsigned)d->max_slots,
             (unsigned)d->max_length);
}

static lms_status make(lmsi_operator *op)
{
    lms_slots *const s = (lms_slots *)op;
    const uint32_t count = s->desc.max_slots;
    lms_status status = LMS_OK;
    /* Nobody is in them. */
    LMSI_TRY(
        lmsi_memory_clear(op->ctx, op->mem[LMSI_SLOTS_STATES], count * sizeof(lms_slot_state)));
    LMSI_TRY(lmsi_pages_make(&s->pages, s->pages.count, LMS_SLOT_PAGE));
    s->sequences = calloc(count, sizeof *s->sequences);
    s->free = calloc(count, sizeof *s->free);
    s->dirty = calloc(count, sizeof *s->dirty);
    s->parked.pages = calloc(s->pages.count, sizeof *s->parked.pages);
    s->taken.pages = calloc(s->pages.count, sizeof *s->taken.pages);
    LMSI_FAIL_IF(s->sequences == NULL || s->free == NULL || s->dirty == NULL ||
                     s->parked.pages == NULL || s->taken.pages == NULL,
                 LMS_E_MEMORY, "out of memory for %u slots", (unsigned)count);
    uint32_t *const pages = calloc((size_t)count * s->pages_each, sizeof *pages);
    LMSI_FAIL_IF(pages == NULL, LMS_E_MEMORY, "out of memory for %u times %u pages",
                 (unsigned)count, (unsigned)s->pages_each);
    for (uint32_t i = 0; i < count; ++i) {
        s->sequences[i].pages.pages = pages + (size_t)i * s->pages_each;
        s->free[i] = count - 1 - i;
    }
    s->free_count = count;
fail:
    return status;
}

static void unmake(lmsi_operator *op)
{
    lms_slots *const s = (lms_slots *)op;
    if (s->swept != NULL) clReleaseEvent(s->swept);
    lmsi_pages_free(&s->pages);
    if (s->sequences != NULL) free(s->sequences[0].pages.pages);
    free(s->sequences);
    free(s->free);
    free(s->dirty);
    free(s->parked.pages);
    free(s->taken.pages);
}

/* --- Life --------------------------------------------------------------------------------- */

/* Each kernel with one slot that is not there, or that has no tokens. */
static lms_status dry_run(lmsi_operator *op)
{
    lms_slots *const s = (lms_slots *)op;
    cl_command_queue queue = op->ctx->queue;
    const lms_view data = {op->mem[LMSI_SLOTS_BROUGHT], 0, NULL};
    static const uint32_t none = 0;
    lms_status status = LMS_OK;
    uint64_t name = 0;
    const lms_slots_open_args opened = {
        .count = 1, .lengths = &none, .tokens_device = data, .names = &name};
    LMSI_TRY(lmsi_memory_clear(op->ctx, data.buffer, 2 * sizeof(cl_int)));
    LMSI_TRY(lms_slots_open(s, queue, &opened, 0, NULL, NULL));
    LMSI_CL(clFinish(queue)); /* one call may be all that can be in flight */
    const lms_slots_append_args appended = {.count = 1, .names = &name, .tokens = data};
    LMSI_TRY(lms_slots_append(s, queue, &appended, 0, NULL, NULL));
    LMSI_CL(clFinish(queue));
    LMSI_TRY(lms_slots_roll_back(s, queue, 1, &name, &none, 0, NULL, NULL));
    LMSI_CL(clFinish(queue));
    LMSI_TRY(lms_slots_reorder(s, queue, 1, &name, data, 0, 0, NULL, NULL));
    LMSI_CL(clFinish(queue));
    LMSI_TRY(lms_slots_close(s, name));
    s->must_sweep = 1; /* so that the sweep is there, too */
    LMSI_TRY(lms_slots_open(s, queue, &opened, 0, NULL, NULL));
    LMSI_CL(clFinish(queue));
    LMSI_TRY(lms_slots_close(s, name));
fail:
    return status;
}

static const lmsi_class slots_class = {"slots", sizeof(lms_slots), describe, plan,
                                       make,    dry_run,           unmake};

lms_status lms_slots_create(lms_context *ctx, const lms_slots_desc *desc, lms_slots **out)
{
    lmsi_operator *made = NULL;
    const lms_status status = lmsi_operator_create(&slots_class, ctx, desc, out, &made);
    if (out != NULL) *out = (lms_slots *)made;
    return status;
}

void lms_slots_destroy(lms_slots *s) { lmsi_operator_destroy((lmsi_operator *)s); }

size_t lms_slots_workspace(const lms_slots *s) { return s == NULL ? 0 : s->op.workspace; }

lmsi_slots_memory lmsi_slots_memory_of(const lms_slots *s)
{
    const cl_mem *const mem = s->op.mem;
    return (lmsi_slots_memory){mem[LMSI_SLOTS_PAGES], mem[LMSI_SLOTS_PAGE_TABLES],
                               mem[LMSI_SLOTS_STATES], s->pages_each, s->desc.max_slots};
}

lms_status lmsi_slots_fit(const lms_slots *s, const lms_context *ctx, uint32_t vocab)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(s->op.ctx != ctx, LMS_E_ARGUMENT, "slots: are of another context");
    LMSI_FAIL_IF(s->desc.vocab != vocab, LMS_E_ARGUMENT, "slots: their vocab is %u, not %u",
                 (unsigned)s->desc.vocab, (unsigned)vocab);
fail:
    return status;
}

uint32_t lmsi_slots_max_length(const lms_slots *s) { return s->desc.max_length; }

int lmsi_slots_has(const lms_slots *s, uint64_t name)
{
    const uint32_t place = (uint32_t)name & ((1u << LMS_SLOT_NAME_BITS) - 1);
    return place >= 1 && place <= s->desc.max_slots && s->sequences[place - 1].name == name;
}

lmsi_latest *lmsi_slots_latest(lms_slots *s) { return &s->op.latest; }
