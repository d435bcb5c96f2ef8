/* contrastive_propose.c - the first half of a step: enqueues what finds candidates. */
#include "contrastive/contrastive.h"
#include "base/status.h"

lms_status lmsi_contrastive_take_stage(lms_contrastive *c, lmsi_contrastive_stage **out)
{
    lms_status status = LMS_OK;
    lmsi_contrastive_stage *const stage = &c->stages[c->next_stage];
    LMSI_TRY(lmsi_take_stage(&stage->done, c->desc.max_in_flight));
    *out = stage;
fail:
    return status;
}

void lmsi_contrastive_use_stage(lms_contrastive *c)
{
    c->next_stage = (c->next_stage + 1) % c->desc.max_in_flight;
}

static void list_entries(const lms_contrastive *c, const lms_contrastive_propose_args *p,
                         lms_proposal_entry *entries)
{
    for (uint32_t r = 0; r < p->requests; ++r) {
        const lms_contrastive_params *const own = &c->slots[p->slots[r]].params;
        entries[r] = (lms_proposal_entry){c->last_proposal + 1 + r,
                                          p->slots[r],
                                          lmsi_candidate_row(c, p->first_rows, r),
                                          own->k,
                                          p->index != NULL ? p->index[r] : (int32_t)r,
                                          own->filters};
    }
}

/* The call has succeeded. */
static void keep_proposals(lms_contrastive *c, const lms_contrastive_propose_args *p)
{
    for (uint32_t r = 0; r < p->requests; ++r) {
        lmsi_contrastive_slot *const s = &c->slots[p->slots[r]];
        s->proposed =
            (lmsi_contrastive_proposed){c->last_proposal + 1 + r, s->length, s->params};
    }
    c->last_proposal += p->requests;
}

static void set_logits(const lms_contrastive *c, lmsi_arguments *a,
                       const lms_contrastive_propose_args *p)
{
    lmsi_set_view(a, p->logits, NULL);
    lmsi_set_ulong(a, p->row_stride ? p->row_stride : c->desc.vocab);
    lmsi_set_ulong(a, p->logits_rows ? p->logits_rows : p->requests);
    lmsi_set_uint(a, c->desc.vocab);
    lmsi_set_mem(a, c->entries, NULL);
}

static void set_index(const lms_contrastive *c, lmsi_arguments *a,
                      const lms_contrastive_propose_args *p)
{
    lmsi_set_view(a, p->index_device, c->flags);
    lmsi_set_uint(a, p->index_device.buffer != NULL);
}

static cl_int set_tiles(const lms_contrastive *c, const lms_contrastive_propose_args *p)
{
    lmsi_arguments a = {c->tile_kernel, 0, CL_SUCCESS};
    set_logits(c, &a, p);
    set_index(c, &a, p);
    lmsi_set_mem(&a, c->groups, NULL);
    lmsi_set_mem(&a, c->tile_keys, NULL);
    lmsi_set_mem(&a, c->sums, NULL);
    lmsi_set_mem(&a, c->flags, NULL);
    return a.code;
}

static cl_int set_rows(const lms_contrastive *c, const lms_contrastive_propose_args *p)
{
    lmsi_arguments a = {c->rows_kernel, 0, CL_SUCCESS};
    set_logits(c, &a, p);
    lmsi_set_uint(&a, p->requests);
    set_index(c, &a, p);
    lmsi_set_mem(&a, c->groups, NULL);
    lmsi_set_mem(&a, c->tile_keys, NULL);
    lmsi_set_mem(&a, c->flags, NULL);
    lmsi_set_uint(&a, c->chunks);
    lmsi_set_uint(&a, lmsi_shape_fuses(&c->shape, p->requests) ? 1 : 0);
    lmsi_set_mem(&a, c->list, NULL);
    lmsi_set_mem(&a, c->sums, NULL);
    lmsi_set_mem(&a, c->picks, NULL);
    lmsi_set_view(&a, p->tokens, NULL);
    lmsi_set_view(&a, p->probs, NULL);
    lmsi_set_view(&a, p->status, c->flags);
    lmsi_set_uint(&a, p->status.buffer != NULL);
    lmsi_set_mem(&a, c->proposals, NULL);
    return a.code;
}

static lms_status launch(const lms_contrastive *c, cl_command_queue queue, uint32_t requests,
                         lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    const size_t team = c->shape.team;
    const size_t teams = lmsi_shape_teams(&c->shape, c->ctx->device.units, requests);
    const size_t local[2] = {team, 1};
    const size_t tiles[2] = {c->chunks * team, requests};
    const size_t rows[1] = {teams * team};
    if (!lmsi_shape_fuses(&c->shape, requests)) {
        LMSI_TRY(lmsi_launch(queue, c->tile_kernel, 2, tiles, local, chain));
    }
    LMSI_TRY(lmsi_launch(queue, c->rows_kernel, 1, rows, local, chain));
fail:
    return status;
}

lms_status lms_contrastive_propose(lms_contrastive *c, cl_command_queue queue,
                                   const lms_contrastive_propose_args *p, cl_uint num_wait,
                                   const cl_event *wait_list, cl_event *event)
{
    lms_status status = LMS_OK;
    lmsi_chain chain = {0};
    lmsi_contrastive_stage *stage = NULL;
    if (event != NULL) *event = NULL;
    if (c == NULL) return lmsi_fail(LMS_E_ARGUMENT, "contrastive: is NULL");
    LMSI_TRY(lmsi_contrastive_proposal_check(c, queue, p, num_wait, wait_list));
    if (p->requests == 0) return lmsi_run_empty(queue, num_wait, wait_list, event);
    LMSI_CL_NAMED(set_tiles(c, p), "clSetKernelArg of lms_contrastive_tiles");
    LMSI_CL_NAMED(set_rows(c, p), "clSetKernelArg of lms_contrastive_rows");
    LMSI_TRY(lmsi_contrastive_take_stage(c, &stage));
    list_entries(c, p, stage->entries);

    LMSI_TRY(lmsi_chain_start(&c->last, queue, num_wait, wait_list, &chain));
    lmsi_contrastive_use_stage(c);
    LMSI_TRY(lmsi_write(queue, c->entries, 0, p->requests * sizeof *stage->entries,
                        stage->entries, &stage->done, &chain));
    LMSI_TRY(launch(c, queue, p->requests, &chain));
    keep_proposals(c, p);
    lmsi_chain_deliver(&c->last, queue, &chain, event);
    return LMS_OK;

fail:
    if (chain.begun) clFlush(queue);
    lmsi_chain_end(&c->last, &chain);
    return status;
}
