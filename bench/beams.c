#include "beams.h"

#include "say.h"

#include <stdlib.h>
#include <string.h>

void beams_open(beams *s, stage *on, const beam_setting *what, unsigned mode,
                uint32_t max_width)
{
    lms_beam_desc desc;
    memset(s, 0, sizeof *s);
    memset(&desc, 0, sizeof desc);
    s->on = on;
    s->mode = mode;
    s->requests = s->live = what->requests;
    s->width = what->width;
    desc.vocab = what->vocab;
    desc.max_requests = what->requests;
    desc.max_width = max_width;
    desc.max_length = BEAM_LENGTH;
    desc.logits = what->dtype;
    desc.work_items = on->work_items;
    expect(lms_beam_create(on->ctx, &desc, &s->search), "lms_beam_create");
}

void beams_close(beams *s) { lms_beam_destroy(s->search); }

static cl_mem device_bytes(const beams *s, size_t bytes)
{
    cl_int code = CL_SUCCESS;
    cl_mem buffer = clCreateBuffer(lms_context_cl_context(s->on->ctx), CL_MEM_READ_WRITE, bytes,
                                   NULL, &code);
    expect(code, "the buffer of the moves");
    return buffer;
}

void beam_call_open(beam_call *c, const beams *s, uint32_t every)
{
    memset(c, 0, sizeof *c);
    c->of = s;
    c->requests = s->requests / every;
    c->rows = c->requests * s->width;
    const size_t moved = 2 * (size_t)c->rows + c->requests;
    c->slots = calloc(c->requests, sizeof *c->slots);
    c->first_rows = calloc(c->requests, sizeof *c->first_rows);
    c->parents = calloc(moved, sizeof *c->parents);
    c->scores = calloc(c->rows, sizeof *c->scores);
    if (c->slots == NULL || c->first_rows == NULL || c->parents == NULL || c->scores == NULL)
        fail("out of memory for %u beams", c->rows);
    c->tokens = c->parents + c->rows;
    c->done = c->tokens + c->rows;
    for (uint32_t r = 0; r < c->requests; ++r) {
        c->slots[r] = r * every;
        c->first_rows[r] = r * s->width;
    }
    c->buffer = device_bytes(s, moved * sizeof *c->parents);
    c->scores_buffer = device_bytes(s, c->rows * sizeof *c->scores);
}

void beam_call_close(beam_call *c)
{
    clReleaseMemObject(c->buffer);
    clReleaseMemObject(c->scores_buffer);
    free(c->slots);
    free(c->first_rows);
    free(c->parents);
    free(c->scores);
}

void beams_restart(beams *s)
{
    for (uint32_t r = 0; r < s->requests; ++r) {
        lms_beam_params p = beam_params(s->mode, s->width, r);
        if (r % (s->requests / s->live) != 0) p.max_length = 1;
        if (s->is_open) expect(lms_beam_close(s->search, r), "lms_beam_close");
        expect(lms_beam_open(s->search, s->on->queue, r, &p, NULL, 0, NULL, NULL),
               "lms_beam_open");
        expect(clFinish(s->on->queue), "clFinish");
    }
    s->is_open = true;
    s->length = 0;
}

static void enqueue_step(beams *s, beam_call *c, lms_view logits, cl_command_queue queue,
                         bool scored)
{
    lms_beam_step_args batch;
    memset(&batch, 0, sizeof batch);
    batch.requests = c->requests;
    batch.slots = c->slots;
    batch.first_rows = c->first_rows;
    batch.logits = logits;
    batch.parents.buffer = batch.tokens.buffer = batch.done.buffer = c->buffer;
    batch.tokens.offset = c->rows;
    batch.done.offset = 2 * (size_t)c->rows;
    if (scored) batch.scores_fixed.buffer = c->scores_buffer;
    expect(lms_beam_step(s->search, queue, &batch, 0, NULL, NULL), "lms_beam_step");
    ++s->length;
}

void beams_step(beams *s, beam_call *c, lms_view logits, cl_command_queue queue)
{
    enqueue_step(s, c, logits, queue, false);
    expect(clEnqueueReadBuffer(queue, c->buffer, CL_TRUE, 0,
                               (2 * (size_t)c->rows + c->requests) * sizeof *c->parents,
                               c->parents, 0, NULL, NULL),
           "reading moves");
}

void beams_step_scored(beams *s, beam_call *c, lms_view logits)
{
    cl_command_queue queue = s->on->queue;
    enqueue_step(s, c, logits, queue, true);
    expect(clEnqueueReadBuffer(queue, c->scores_buffer, CL_TRUE, 0, c->rows * sizeof *c->scores,
                               c->scores, 0, NULL, NULL),
           "reading scores");
    expect(clEnqueueReadBuffer(queue, c->buffer, CL_TRUE, 0,
                               (2 * (size_t)c->rows + c->requests) * sizeof *c->parents,
                               c->parents, 0, NULL, NULL),
           "reading moves");
}

void beams_prepare(beams *s, beam_call *all, lms_view logits)
{
    if (s->is_open && s->length + 2 < BEAM_LENGTH) return;
    beams_restart(s);
    beams_step(s, all, logits, s->on->queue);
}
