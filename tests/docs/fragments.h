/* fragments.h - what the blocks of C in README.md and docs/use/ use and do not declare; they
 * are compiled, not run. */
#ifndef FRAGMENTS_H
#define FRAGMENTS_H

#include <lmsample.h>

enum {
    V = 32000,
    W = 4096,
    N = 4
};
extern cl_context context;
extern cl_device_id device;
extern cl_command_queue queue;
extern lms_context *ctx, *lms;
extern lms_sampler *sampler;
extern lms_beam *beam;
extern lms_contrastive *search;
extern lms_sampler_desc desc;
extern const lms_row_params *params;
extern lms_beam_params beam_params;
extern lms_beam_step_args beams, batch;
extern lms_contrastive_propose_args proposal;
extern lms_contrastive_select_args choice;
extern lms_slots *history;
extern lms_tables tables;
extern lms_request row_requests[];
extern uint64_t root, from[], names[];
extern const int32_t *prompt_tokens;
extern size_t stride;
extern uint32_t n, slot, first, prompt_length;
extern const uint32_t *slots;
extern int32_t end_of_text, eos;
extern cl_mem logits, tokens, status, parents, done, counts, lengths, texts, scores, probs,
    hidden, prompt_states, next, rows;
/* Arrays in host memory. */
extern float *host_logits, *host_states, *host_probs;
extern int32_t *host_parents, *host_tokens, *host_counts, *host_lengths, *host_texts;
extern uint32_t *host_done;
extern lms_contrastive_params contrastive_params;
extern cl_event logits_ready, tokens_ready, step_done, stepped, results_ready, states_ready,
    hidden_ready, proposed, selected;

#endif
