/* beam_step.c - the calls on a beam search that enqueue something: open, step, results. Each is
 * checked first, then takes a stage, writes what the kernels need, launches, and waits for
 * nothing. */
#include "beam/beam.h"
#include "op/enqueue.h"
#include "base/status.h"

#include <string.h>

/* The stage whose turn it is. */
static lms_status take_stage(lms_beam *b, lmsi_beam_stage **out)
{
    lms_status status = LMS_OK;
    lmsi_beam_stage *const stage = &b->stages[b->next_stage];
    LMSI_TRY(lmsi_take_stage(&stage->done, b->desc.max_in_flight));
    *out = stage;
fail:
    return status;
}

/* From the first write on, the stage is taken. */
static void use_stage(lms_beam *b)
{
    b->next_stage = (b->next_stage + 1) % b->desc.max_in_flight;
}

lms_status lmsi_beam_open(lms_beam *b, cl_command_queue queue, uint32_t slot,
                          const lms_beam_params *params, const int32_t *ends,
                          uint32_t beam_status, cl_uint num_wait, const cl_event *wait_list,
                          cl_event *event)
{
    lms_status status = LMS_OK;
    lmsi_chain chain = {0};
    lmsi_beam_stage *stage = NULL;
    const size_t size = params->end_tokens * sizeof *stage->ends;
    LMSI_TRY(take_stage(b, &stage));
    stage->state = (lms_beam_state){*params, ++b->serial, 0, beam_status};
    if (size > 0) memcpy(stage->ends, ends, size);
    LMSI_TRY(lmsi_chain_start(&b->last, queue, num_wait, wait_list, &chain));
    use_stage(b);
    if (size > 0) {
        LMSI_TRY(lmsi_write(queue, b->ends,
                            (size_t)slot * b->desc.max_end_tokens * sizeof *stage->ends, size,
                            stage->ends, &stage->done, &chain));
    }
    /* The state comes last: with its serial, all of the slot is the new request's. */
    LMSI_TRY(lmsi_write(queue, b->states, slot * sizeof stage->state, sizeof stage->state,
                        &stage->state, &stage->done, &chain));
    lmsi_chain_deliver(&b->last, queue, &chain, event);
    b->slots[slot] =
        (lmsi_beam_slot){b->serial, params->width, params->results, 0, params->max_length};
    b->open.states[slot].is_open = 1;
    return LMS_OK;

fail:
    if (chain.begun) clFlush(queue);
    lmsi_chain_end(&b->last, &chain);
    return status;
}

lms_status lms_beam_open(lms_beam *b, cl_command_queue queue, uint32_t slot,
                         const lms_beam_params *params, const int32_t *end_tokens,
                         cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    if (event != NULL) *event = NULL;
    if (b == NULL) return lmsi_fail(LMS_E_ARGUMENT, "beam: is NULL");
    const lms_status status =
        lmsi_beam_open_check(b, queue, slot, params, end_tokens, num_wait, wait_list);
    if (status != LMS_OK) return status;
    return lmsi_beam_open(b, queue, slot, params, end_tokens, 0, num_wait, wait_list, event);
}

/* --- A step ----------------------------------------------------------------------------- */

_Static_assert(sizeof(lms_beam_turn) == sizeof(lms_beam_entry), "they share a list");

/* A request's place in a call. */
static void put_turn(const lms_beam *b, uint32_t slot, uint32_t row, uint32_t entry,
                     lms_beam_entry *to)
{
    const lms_beam_turn turn = {b->slots[slot].serial, slot, row, entry, b->slots[slot].width};
    memcpy(to, &turn, sizeof turn);
}

/* Lists the beams of a call and, behind them, its requests. Returns the number of beams. */
static uint32_t list_entries(const lms_beam *b, const lms_beam_step_args *batch,
                             lms_beam_entry *entries)
{
    uint32_t beams = 0;
    for (uint32_t r = 0; r < batch->requests; ++r) {
        const uint32_t slot = batch->slots[r], row = lmsi_beam_first_row(b, batch, r);
        for (uint32_t beam = 0; beam < b->slots[slot].width; ++beam) {
            entries[beams++] =
                (lms_beam_entry){b->slots[slot].serial, slot, beam, row + beam, 0};
        }
    }
    uint32_t first = 0;
    for (uint32_t r = 0; r < batch->requests; ++r) {
        const uint32_t slot = batch->slots[r];
        put_turn(b, slot, lmsi_beam_first_row(b, batch, r), first, &entries[beams + r]);
        first += b->slots[slot].width;
    }
    return beams;
}

static uint32_t count_beams(const lms_beam *b, const lms_beam_step_args *batch)
{
    uint32_t beams = 0;
    for (uint32_t r = 0; r < batch->requests; ++r) beams += b->slots[batch->slots[r]].width;
    return beams;
}

static void set_logits(const lms_beam *b, lmsi_arguments *a, const lms_beam_step_args *batch)
{
    lmsi_set_view(a, batch->logits, NULL);
    lmsi_set_ulong(a, batch->row_stride ? batch->row_stride : b->desc.vocab);
    lmsi_set_uint(a, b->desc.vocab);
    lmsi_set_mem(a, b->entries, NULL);
}

static cl_int set_tiles(const lms_beam *b, const lms_beam_step_args *batch)
{
    lmsi_arguments a = {b->tile_kernel, 0, CL_SUCCESS};
    set_logits(b, &a, batch);
    lmsi_set_mem(&a, b->states, NULL);
    lmsi_set_mem(&a, b->beam_groups, NULL);
    lmsi_set_uint(&a, b->desc.max_width);
    lmsi_set_mem(&a, b->groups, NULL);
    lmsi_set_mem(&a, b->tile_keys, NULL);
    lmsi_set_mem(&a, b->sums, NULL);
    lmsi_set_mem(&a, b->seen, NULL);
    return a.code;
}

/* What is known of beams in slots. */
static void set_beams(const lms_beam *b, lmsi_arguments *a)
{
    lmsi_set_mem(a, b->states, NULL);
    lmsi_set_mem(a, b->beam_groups, NULL);
    lmsi_set_mem(a, b->live, NULL);
    lmsi_set_mem(a, b->ends, NULL);
    lmsi_set_uint(a, b->desc.max_width);
    lmsi_set_uint(a, b->desc.max_end_tokens);
}

static cl_int set_rows(const lms_beam *b, const lms_beam_step_args *batch, uint32_t beams)
{
    lmsi_arguments a = {b->rows_kernel, 0, CL_SUCCESS};
    set_logits(b, &a, batch);
    lmsi_set_uint(&a, beams);
    set_beams(b, &a);
    lmsi_set_mem(&a, b->groups, NULL);
    lmsi_set_mem(&a, b->tile_keys, NULL);
    lmsi_set_mem(&a, b->seen, NULL);
    lmsi_set_uint(&a, b->chunks);
    lmsi_set_uint(&a, lmsi_shape_fuses(&b->shape, beams) ? 1 : 0);
    lmsi_set_mem(&a, b->list, NULL);
    lmsi_set_mem(&a, b->sums, NULL);
    lmsi_set_mem(&a, b->candidates, NULL);
    lmsi_set_uint(&a, b->max_choices);
    lmsi_set_mem(&a, b->offers, NULL);
    return a.code;
}

static cl_int set_advance(const lms_beam *b, const lms_beam_step_args *batch, uint32_t beams)
{
    lmsi_arguments a = {b->advance_kernel, 0, CL_SUCCESS};
    lmsi_set_mem(&a, b->entries, NULL);
    lmsi_set_uint(&a, beams);
    set_beams(b, &a);
    lmsi_set_uint(&a, b->desc.max_length);
    lmsi_set_mem(&a, b->candidates, NULL);
    lmsi_set_uint(&a, b->max_choices);
    lmsi_set_mem(&a, b->offers, NULL);
    lmsi_set_mem(&a, b->links, NULL);
    lmsi_set_mem(&a, b->pool, NULL);
    lmsi_set_mem(&a, b->choices, NULL);
    lmsi_set_mem(&a, b->finished, NULL);
    lmsi_set_mem(&a, b->merged, NULL);
    lmsi_set_uint(&a, b->max_choices);
    lmsi_set_view(&a, batch->parents, NULL);
    lmsi_set_view(&a, batch->tokens, NULL);
    lmsi_set_view(&a, batch->scores, b->seen);
    lmsi_set_uint(&a, batch->scores.buffer != NULL);
    lmsi_set_view(&a, batch->scores_fixed, b->seen);
    lmsi_set_uint(&a, batch->scores_fixed.buffer != NULL);
    lmsi_set_view(&a, batch->done, NULL);
    lmsi_set_view(&a, batch->status, b->seen);
    lmsi_set_uint(&a, batch->status.buffer != NULL);
    return a.code;
}

/* The state changes in the last kernel alone: a step that fails before has changed nothing. */
static lms_status launch_step(const lms_beam *b, cl_command_queue queue, uint32_t requests,
                              uint32_t beams, lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    const size_t team = b->shape.team;
    const size_t teams = lmsi_shape_teams(&b->shape, b->ctx->device.units, beams);
    const size_t local[2] = {team, 1};
    const size_t tiles[2] = {b->chunks * team, beams};
    const size_t rows[1] = {teams * team};
    const size_t all[1] = {requests * team};
    if (!lmsi_shape_fuses(&b->shape, beams)) {
        LMSI_TRY(lmsi_launch(queue, b->tile_kernel, 2, tiles, local, chain));
    }
    LMSI_TRY(lmsi_launch(queue, b->rows_kernel, 1, rows, local, chain));
    LMSI_TRY(lmsi_launch(queue, b->advance_kernel, 1, all, local, chain));
fail:
    return status;
}

lms_status lms_beam_step(lms_beam *b, cl_command_queue queue, const lms_beam_step_args *batch,
                         cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    lms_status status = LMS_OK;
    lmsi_chain chain = {0};
    lmsi_beam_stage *stage = NULL;
    if (event != NULL) *event = NULL;
    if (b == NULL) return lmsi_fail(LMS_E_ARGUMENT, "beam: is NULL");
    LMSI_TRY(lmsi_beam_batch_check(b, queue, batch, num_wait, wait_list));
    if (batch->requests == 0) return lmsi_run_empty(queue, num_wait, wait_list, event);

    const uint32_t beams = count_beams(b, batch);
    LMSI_CL_NAMED(set_tiles(b, batch), "clSetKernelArg of lms_beam_tiles");
    LMSI_CL_NAMED(set_rows(b, batch, beams), "clSetKernelArg of lms_beam_rows");
    LMSI_CL_NAMED(set_advance(b, batch, beams), "clSetKernelArg of lms_beam_advance");
    LMSI_TRY(take_stage(b, &stage));
    list_entries(b, batch, stage->entries);

    LMSI_TRY(lmsi_chain_start(&b->last, queue, num_wait, wait_list, &chain));
    use_stage(b);
    LMSI_TRY(lmsi_write(queue, b->entries, 0,
                        (beams + (size_t)batch->requests) * sizeof *stage->entries,
                        stage->entries, &stage->done, &chain));
    LMSI_TRY(launch_step(b, queue, batch->requests, beams, &chain));
    lmsi_chain_deliver(&b->last, queue, &chain, event);
    for (uint32_t r = 0; r < batch->requests; ++r) {
        lmsi_beam_slot *const slot = &b->slots[batch->slots[r]];
        slot->longest += slot->longest < slot->max_length;
    }
    return LMS_OK;

fail:
    if (chain.begun) clFlush(queue);
    lmsi_chain_end(&b->last, &chain);
    return status;
}

/* --- Results ---------------------------------------------------------------------------- */

static cl_uint wanted_results(const lms_beam_results_args *o)
{
    return (o->scores.buffer != NULL ? LMS_WANT_SCORES : 0) |
           (o->logprobs.buffer != NULL ? LMS_WANT_LOGPROBS : 0) |
           (o->token_logprobs.buffer != NULL ? LMS_WANT_TOKEN_LOGPROBS : 0) |
           (o->beams.buffer != NULL ? LMS_WANT_BEAMS : 0);
}

static cl_int set_results(const lms_beam *b, const lms_beam_results_args *o)
{
    lmsi_arguments a = {b->results_kernel, 0, CL_SUCCESS};
    const size_t stride = o->token_stride ? o->token_stride : b->desc.max_length;
    lmsi_set_mem(&a, b->entries, NULL);
    lmsi_set_mem(&a, b->states, NULL);
    lmsi_set_mem(&a, b->beam_groups, NULL);
    lmsi_set_mem(&a, b->live, NULL);
    lmsi_set_uint(&a, b->desc.max_width);
    lmsi_set_uint(&a, b->desc.max_length);
    lmsi_set_mem(&a, b->links, NULL);
    lmsi_set_mem(&a, b->pool, NULL);
    lmsi_set_mem(&a, b->entrants, NULL);
    lmsi_set_uint(&a, o->max_results);
    lmsi_set_uint(&a, stride < b->desc.max_length ? (cl_uint)stride : b->desc.max_length);
    lmsi_set_ulong(&a, stride);
    lmsi_set_uint(&a, wanted_results(o));
    lmsi_set_view(&a, o->counts, NULL);
    lmsi_set_view(&a, o->lengths, NULL);
    lmsi_set_view(&a, o->tokens, NULL);
    lmsi_set_view(&a, o->scores, b->seen);
    lmsi_set_view(&a, o->logprobs, b->seen);
    lmsi_set_view(&a, o->token_logprobs, b->seen);
    lmsi_set_view(&a, o->beams, b->seen);
    return a.code;
}

lms_status lms_beam_results(lms_beam *b, cl_command_queue queue, const lms_beam_results_args *o,
                            cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    lms_status status = LMS_OK;
    lmsi_chain chain = {0};
    lmsi_beam_stage *stage = NULL;
    if (event != NULL) *event = NULL;
    if (b == NULL) return lmsi_fail(LMS_E_ARGUMENT, "beam: is NULL");
    LMSI_TRY(lmsi_beam_output_check(b, queue, o, num_wait, wait_list));
    if (o->requests == 0) return lmsi_run_empty(queue, num_wait, wait_list, event);
    LMSI_CL_NAMED(set_results(b, o), "clSetKernelArg of lms_beam_results");
    LMSI_TRY(take_stage(b, &stage));
    for (uint32_t r = 0; r < o->requests; ++r) {
        put_turn(b, o->slots[r], 0, 0, &stage->entries[r]);
    }
    const size_t local[1] = {b->shape.team};
    const size_t global[1] = {o->requests * (size_t)b->shape.team};
    LMSI_TRY(lmsi_chain_start(&b->last, queue, num_wait, wait_list, &chain));
    use_stage(b);
    LMSI_TRY(lmsi_write(queue, b->entries, 0, o->requests * sizeof *stage->entries,
                        stage->entries, &stage->done, &chain));
    LMSI_TRY(lmsi_launch(queue, b->results_kernel, 1, global, local, &chain));
    lmsi_chain_deliver(&b->last, queue, &chain, event);
    return LMS_OK;

fail:
    if (chain.begun) clFlush(queue);
    lmsi_chain_end(&b->last, &chain);
    return status;
}
