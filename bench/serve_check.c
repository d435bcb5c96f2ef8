/* serve_check.c - sequences that were served, each of them alone. */
#include "say.h"
#include "serve_state.h"

#include <stdlib.h>
#include <string.h>

static void open_alone(serving *s, const serve_sample *kept, serve_row *row)
{
    lms_slots_open_args open;
    const uint32_t length = serve_opening(s, &kept->request, kept->begin, s->prompts);
    memset(&open, 0, sizeof open);
    open.count = 1;
    open.lengths = &length;
    open.prompts = &kept->request.prompt;
    open.tokens = s->prompts;
    open.token_count = length;
    open.names = &row->name;
    row->request = kept->request;
    row->draw = kept->draw;
    row->begin = row->made = kept->begin;
    expect(lms_slots_open(s->slots, s->on->queue, &open, 0, NULL, NULL), "lms_slots_open");
}

static int32_t sample_alone(serving *s, const serve_row *row)
{
    lms_sampler_run_args batch;
    lms_row_params params;
    int32_t token = LMS_NO_TOKEN;
    const int32_t index = serve_next(s, row, &params);
    memset(&batch, 0, sizeof batch);
    batch.rows = 1;
    batch.logits = batch_logits(s->logits, 0);
    batch.logits_rows = s->logit_rows;
    batch.params = &params;
    batch.index = &index;
    batch.tables = &s->tables.given;
    batch.append = 1;
    batch.tokens.buffer = s->words;
    expect(lms_sampler_run(s->sampler, s->on->queue, &batch, 0, NULL, NULL), "lms_sampler_run");
    expect(clEnqueueReadBuffer(s->on->queue, s->words, CL_TRUE, 0, sizeof token, &token, 0,
                               NULL, NULL),
           "reading tokens");
    return token;
}

uint64_t serve_check(serving *s)
{
    uint64_t compared = 0;
    for (unsigned i = 0; i < s->sample_count && !is_stopped(); ++i) {
        const serve_sample *const kept = &s->samples[i];
        serve_row row;
        memset(&row, 0, sizeof row);
        open_alone(s, kept, &row);
        progress("request %u of %u alone", i + 1, s->sample_count);
        for (; row.made < kept->request.output; ++row.made, ++compared) {
            const int32_t token = sample_alone(s, &row);
            if (token != kept->tokens[row.made])
                fail("request %llu, draw %u, token %u: %d, but %d alone",
                     (unsigned long long)kept->request.number, kept->draw, row.made,
                     (int)kept->tokens[row.made], (int)token);
        }
        expect(lms_slots_close(s->slots, row.name), "lms_slots_close");
    }
    return compared;
}
