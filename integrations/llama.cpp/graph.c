/* graph.c - draws in llama.cpp's graph, where llama.h has samplers there. */
#include "internal.h"

#ifdef LLAMA_LMS_GRAPH
#include "ggml.h"

#include <stdlib.h>

/* An op of the CPU backend, while llama_decode runs: one row, in one of ggml's threads. */
static void draw_op(struct ggml_tensor *to, int thread, int threads, void *of)
{
    graph_draw *draw = of;
    llama_lms_seq *seq = draw->seq;
    (void)threads;
    if (thread) return;
    const float *logits = to->src[0]->data;
    const lms_row_params row = seq->row;
    pthread_mutex_lock(&seq->l->lock);
    seq->row.step += draw->ordinal;
    llama_token token = llama_lms_draw_one(seq, logits);
    seq->row = row;
    pthread_mutex_unlock(&seq->l->lock);
    seq->drawn = draw->ordinal + 1;
    if (token == LLAMA_TOKEN_NULL) {
        token = 0;
        for (uint32_t i = 1; i < seq->l->vocab; ++i) {
            if (logits[i] > logits[token]) token = (llama_token)i;
        }
    }
    *(int32_t *)to->data = token;
}

/* Where logits are not in the host's memory, draws stay outside of the graph; also those that
 * would have to know what was drawn before them in the same graph. */
bool llama_lms_graph_init(struct llama_sampler *smpl, ggml_backend_buffer_type_t buft
#ifdef LLAMA_LMS_GRAPH_OUTPUTS
                          ,
                          uint32_t outputs
#endif
)
{
    llama_lms_seq *seq = smpl->ctx;
#ifdef LLAMA_LMS_GRAPH_OUTPUTS
    const bool many = outputs > 1;
#else
    const bool many = false;
#endif
    const lms_row_edits *e = &seq->edits;
    const bool looks_back = !(e->repetition == 1.0f) || !(e->frequency == 0.0f) ||
                            !(e->presence == 0.0f) || !(e->dry_multiplier == 0.0f);
    seq->in_graph = ggml_backend_buft_is_host(buft) && !(many && looks_back);
    return seq->in_graph;
}

#ifdef LLAMA_LMS_GRAPH_RESET
void llama_lms_graph_reset(struct llama_sampler *smpl)
{
    ((llama_lms_seq *)smpl->ctx)->next_draw = NULL;
}
#endif

/* The next op of this graph; ops of earlier graphs are used again. */
static graph_draw *next_draw(llama_lms_seq *seq)
{
#ifndef LLAMA_LMS_GRAPH_RESET
    seq->next_draw = NULL; /* one draw in each graph */
#endif
    graph_draw *last = seq->next_draw;
    graph_draw **place = last ? &last->next : &seq->draws;
    if (!*place) {
        *place = calloc(1, sizeof **place);
        if (!*place) return NULL;
        (*place)->seq = seq;
        (*place)->ordinal = last ? last->ordinal + 1 : 0;
    }
    seq->next_draw = *place;
    return *place;
}

void llama_lms_graph_apply(struct llama_sampler *smpl, struct ggml_context *ctx,
                           struct ggml_cgraph *graph, struct llama_sampler_data *data)
{
    (void)graph;
    graph_draw *draw = next_draw(smpl->ctx);
    if (!draw) return; /* no memory: llama_sampler_sample draws, from these logits */
    struct ggml_tensor *logits[1] = {data->logits};
    data->sampled = ggml_custom_4d(ctx, GGML_TYPE_I32, 1, 1, 1, 1, logits, 1, draw_op, 1, draw);
    data->logits = NULL; /* nobody needs a copy of them */
}
#else
typedef int llama_lms_no_graph; /* C wants something in a file */
#endif
