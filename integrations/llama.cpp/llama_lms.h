/* llama_lms.h - lmsample draws llama.cpp's tokens.
 *
 * Three ways, the fastest first; all give the same tokens:
 *
 *     llama_lms_sample       a sampler for each sequence, one call for all sequences of a batch
 *                            behind llama_decode. llama_lms_sampler_sample is the same for one
 *                            sequence, in the place of llama_sampler_sample.
 *     llama_set_sampler      the same samplers in llama.cpp's graph, on the CPU backend:
 *                            llama_sampler_sample finds its token drawn, and copies nothing.
 *     llama_sampler_sample   the same samplers anywhere that takes a llama_sampler, also in a
 *                            chain behind others. llama.cpp copies 12 bytes for each token of
 *                            the vocabulary first, which costs more than the draw.
 *
 * Callers that keep lmsample's records themselves use llama_lms_sample_batch, which needs no
 * sampler, or llama_lms_sample_args, which takes everything that lms_sample_host takes.
 *
 * Reproducible  A token depends on its logits, parameters, seed, step and the tokens before it,
 *               which penalties count; not on the other sequences, nor on how it is asked for.
 *               A sampler's step is the number of tokens that were accepted behind a draw.
 * Errors        Calls return an lms_status, and llama_lms_error_message() says what was wrong.
 *               A call that fails has drawn nothing and accepted nothing, and may be repeated.
 *               A sequence that gets no token (all of them are banned, or NaN) has
 *               LLAMA_TOKEN_NULL, accepts nothing, and is no error of the call. llama.cpp's own
 *               calls on samplers cannot fail: llama_sampler_sample ends the process if nothing
 *               is selected. So a sampler that fails there selects the candidate with the
 *               largest logit, and llama_lms_sampler_status says so until it draws well again.
 * Threads       Any thread may use any sampler, one thread at a time each. Samplers of one
 *               llama_lms wait for each other.
 * Ownership     Samplers, clones too, are freed before the llama_lms they were made of, by
 *               llama_sampler_free or by the chain they are in.
 */
#ifndef LLAMA_LMS_H
#define LLAMA_LMS_H

#include <lmsample.h>

#include "llama.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kernels and memory for the vocabulary of one model. */
typedef struct llama_lms llama_lms;

/* clang-format off */
typedef struct llama_lms_options {
    lms_context *context;   /* the caller's, kept until the llama_lms is destroyed, or ...  */
    const char *device;     /* ... as for lms_context_open: NULL is a GPU if there is one   */
    uint32_t max_rows;      /* rows that are computed at once; calls may have more          */
    uint32_t requests;      /* LMS_REQUESTS_EDITS: samplers may have penalties, biases,
                               masks; LMS_REQUESTS_ALL: DRY too; 0: none of them, smaller
                               kernels                                                      */
    uint32_t outputs;       /* LMS_OUT_... that calls may ask for                           */
    uint32_t max_top;       /* most best tokens of a row, with LMS_OUT_TOP; 0 = 20          */
    uint32_t max_sequences; /* samplers with penalties or DRY that are in use at once       */
    uint32_t max_length;    /* tokens of a sequence that these look at. Longer ones are no
                               error where penalty_last_n and dry_penalty_last_n are less   */
} llama_lms_options;

#define LLAMA_LMS_OPTIONS_INIT                                                                 \
    {                                                                                          \
        NULL, NULL, 64, LMS_REQUESTS_EDITS, 0, 0, 64, 4096                                     \
    }

/* What llama.cpp's `common_params_sampling` calls so, with its values for "off". */
typedef struct llama_lms_params {
    uint64_t seed;              /* LLAMA_DEFAULT_SEED: a random one                         */
    float temp;                 /* <= 0: greedy                                             */
    int32_t top_k;              /* <= 0: off                                                */
    float top_p;                /* 1: off                                                   */
    float min_p;                /* 0: off                                                   */
    int32_t penalty_last_n;     /* tokens that penalties count; 0: none, off; -1: all       */
    float penalty_repeat;       /* 1: off                                                   */
    float penalty_freq;         /* 0: off                                                   */
    float penalty_present;      /* 0: off                                                   */
    float dry_multiplier;       /* 0: off                                                   */
    float dry_base;
    int32_t dry_allowed_length;
    int32_t dry_penalty_last_n; /* 0: off; -1: all                                          */
    /* Lists are read when a sampler is made, and may go then. */
    const char *const *dry_sequence_breakers; /* [dry_breaker_count]                        */
    size_t dry_breaker_count;
    const llama_logit_bias *logit_bias;       /* [logit_bias_count]                         */
    size_t logit_bias_count;
    uint32_t n_probs;           /* so many best tokens in top_tokens and top_values         */
} llama_lms_params;
/* clang-format on */

/* Opens the device, or uses the caller's context, and builds the kernels: seconds, the first
 * time on a machine. `options` NULL is LLAMA_LMS_OPTIONS_INIT. *out is NULL unless LMS_OK is
 * returned. */
lms_status llama_lms_create(const struct llama_model *model, const llama_lms_options *options,
                            llama_lms **out);

/* Accepts NULL. */
void llama_lms_destroy(llama_lms *l);

/* Still owned by it. No slots (NULL) without requests. */
lms_sampler *llama_lms_lms_sampler(llama_lms *l);
lms_slots *llama_lms_lms_slots(llama_lms *l);

/* What was wrong with the last call of this header that failed on the calling thread. */
const char *llama_lms_error_message(void);

/* ---------------------------------------------------------------------------------------------
 * With records of the caller's
 */

/* llama.cpp's parameters as lmsample's records: temperature, filters and seed in *row, and
 * penalties and DRY in *edits; returns 1 if those ask for anything, so that the row has to name
 * them. Lists (biases, breakers) are the caller's. */
int llama_lms_convert(const llama_lms_params *params, lms_row_params *row,
                      lms_row_edits *edits);

/* Draws tokens[n] from the logits of the last llama_decode, in place. `positions`[n] are as for
 * llama_get_logits_ith; NULL: row i is the i-th output. LMS_E_ROW_INDEX: one has no logits.
 * (llama.cpp ends the process itself at such a position if it was built without NDEBUG.) */
lms_status llama_lms_sample_batch(llama_lms *l, struct llama_context *ctx, uint32_t n,
                                  const int32_t *positions, const lms_row_params *params,
                                  llama_token *tokens);

/* The same with all that lms_sample_host takes: tables, append, outputs. Its logits,
 * row_stride, logits_rows and index are llama_lms's to fill in. */
lms_status llama_lms_sample_args(llama_lms *l, struct llama_context *ctx,
                                 const int32_t *positions, const lms_sample_host_args *args);

/* ---------------------------------------------------------------------------------------------
 * With a sampler for each sequence
 */

/* A llama_sampler with a sequence's parameters and the tokens that it accepted. Give it the
 * prompt by llama_sampler_accept if penalties shall count it, as llama.cpp's programs do. NULL:
 * it cannot be made, and llama_lms_error_message() says why. */
struct llama_sampler *llama_sampler_init_lms(llama_lms *l, const llama_lms_params *params);

/* Draws and accepts a token for each of n samplers, which are these, or chains of one of these.
 * `outputs` may be NULL; of it, `status` and all that is below it but `tables` and `append` is
 * used. Tokens that samplers in the graph have drawn are taken from there, by `positions`. */
lms_status llama_lms_sample(llama_lms *l, struct llama_context *ctx, uint32_t n,
                            struct llama_sampler *const *samplers, const int32_t *positions,
                            const lms_sample_host_args *outputs, llama_token *tokens);

/* llama_sampler_sample without its copies. Samplers of other kinds, and chains of several, are
 * handed to that. LLAMA_TOKEN_NULL: it failed, or there is no token; see the status. */
llama_token llama_lms_sampler_sample(struct llama_sampler *smpl, struct llama_context *ctx,
                                     int32_t position);

/* How the sampler's last draw went: LMS_OK, or what is wrong, and why in *message, which may be
 * NULL and is valid until its next draw. A row without a token is LMS_E_ARGUMENT. */
lms_status llama_lms_sampler_status(const struct llama_sampler *smpl, const char **message);

/* Tokens that may be drawn, from now on: bit t % 32 of word t / 32 is 1 (xgrammar, llguidance);
 * those beyond `words` may not. NULL: all. The caller keeps it, and may change it. */
void llama_lms_sampler_set_mask(struct llama_sampler *smpl, const uint32_t *mask, size_t words);

/* The sampler's records, to look at and to change between draws; `request`, `wants`, bias and
 * breakers are its own. NULL: it is none of these. */
lms_row_params *llama_lms_sampler_row(struct llama_sampler *smpl);
lms_row_edits *llama_lms_sampler_edits(struct llama_sampler *smpl);

#ifdef __cplusplus
}

/* common_params_sampling of llama.cpp's common/common.h, or whatever has members of its names.
 * Lists are not looked at. */
template <typename Common> llama_lms_params llama_lms_params_of(const Common &common)
{
    llama_lms_params p = {};
    p.seed = common.seed;
    p.temp = common.temp;
    p.top_k = common.top_k;
    p.top_p = common.top_p;
    p.min_p = common.min_p;
    p.penalty_last_n = common.penalty_last_n;
    p.penalty_repeat = common.penalty_repeat;
    p.penalty_freq = common.penalty_freq;
    p.penalty_present = common.penalty_present;
    p.dry_multiplier = common.dry_multiplier;
    p.dry_base = common.dry_base;
    p.dry_allowed_length = common.dry_allowed_length;
    p.dry_penalty_last_n = common.dry_penalty_last_n;
    p.logit_bias = common.logit_bias.data();
    p.logit_bias_count = common.logit_bias.size();
    p.n_probs = static_cast<uint32_t>(common.n_probs > 0 ? common.n_probs : 0);
    return p;
}
#endif

/* llama.cpp's defaults: temperature 0.8, top-k 40, top-p 0.95, min-p 0.05, no penalty. */
#define LLAMA_LMS_PARAMS_INIT                                                                  \
    {                                                                                          \
        LLAMA_DEFAULT_SEED, 0.8f, 40, 0.95f, 0.05f, 64, 1.0f, 0.0f, 0.0f, 0.0f, 1.75f, 2, 64,  \
            NULL, 0, NULL, 0, 0                                                                \
    }

#endif /* LLAMA_LMS_H */
