/* internal.h - what the files of this folder share. */
#ifndef LLAMA_LMS_INTERNAL_H
#define LLAMA_LMS_INTERNAL_H

#include "llama_lms.h"

#include <pthread.h>
#include <stdbool.h>

#ifdef LLAMA_LMS_GRAPH
#include "ggml-backend.h"
#endif

/* An array that grows. */
typedef struct ints {
    int32_t *data;
    size_t count, capacity;
} ints;

/* DRY's breakers of one model by their first token: sequences, each with LMS_NO_TOKEN behind
 * it. Only those whose first token is in a text matter to it, so that lists stay short where
 * the vocabulary has thousands of tokens with a line's end in them. */
typedef struct breakers {
    struct breakers *next;
    char *key; /* the breakers' texts, each with its NUL */
    size_t key_size;
    ints sequences; /* in the order of their first tokens */
} breakers;

typedef struct llama_lms_seq llama_lms_seq;

/* An op in llama.cpp's graph: a draw of a sequence, the `ordinal`-th of one llama_decode. */
typedef struct graph_draw {
    struct graph_draw *next;
    llama_lms_seq *seq;
    uint32_t ordinal;
} graph_draw;

/* A sampler's state: `ctx` of its llama_sampler. */
struct llama_lms_seq {
    llama_lms *l;
    lms_row_params row; /* as the caller sees it; the request is filled in for each call */
    lms_row_edits edits;
    lms_row_wants wants;
    ints bias_ids;
    float *bias_values;
    const breakers *all_breakers; /* NULL: none */
    ints breakers;                /* those whose first token was accepted */
    const uint32_t *mask;
    size_t mask_words;
    ints tokens;      /* accepted */
    uint64_t slot;    /* 0: none yet */
    size_t in_slot;   /* of `tokens`, so many are in the slot or before it */
    size_t slot_from; /* the first of `tokens` that is in the slot */
    uint32_t drawn;   /* draws whose tokens were not accepted yet */
    uint64_t call;    /* the last llama_lms_sample it took part in */
    bool in_graph;
    graph_draw *draws, *next_draw;
    lms_status status;
    char message[256];
};

struct llama_lms {
    lms_context *context;
    bool own_context;
    lms_sampler *sampler;
    lms_slots *slots;
    const struct llama_vocab *vocabulary;
    uint32_t vocab;
    llama_lms_options options;
    pthread_mutex_t lock; /* of all that is here, and of slots of sequences */
    breakers *breakers;
    uint64_t calls;
    float *logits; /* [vocab]: candidates that came as an array */
    /* Tables of a call; they only grow. */
    size_t rows, masks;
    lms_row_params *params;
    lms_row_edits *edits;
    lms_row_wants *wants;
    llama_lms_seq **seqs;
    int32_t *index;
    uint32_t *status;
    uint32_t *mask;
    ints offsets, ids;
    float *values;
    size_t values_capacity;
};

/* lms_status with a message, for this thread's llama_lms_error_message. */
lms_status llama_lms_fail(lms_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The library's message, if that failed. */
lms_status llama_lms_passed(lms_status status);

bool llama_lms_reserve(ints *array, size_t count);
bool llama_lms_push(ints *array, int32_t value);

/* The sequence of a sampler of ours, or of a chain that is one of ours alone; or NULL. */
llama_lms_seq *llama_lms_seq_of(const struct llama_sampler *smpl);

/* Draws for sequences from rows of `logits`, into args->tokens. Needs the lock. */
lms_status llama_lms_draw(llama_lms *l, uint32_t n, llama_lms_seq *const *seqs,
                          const lms_sample_host_args *args);
/* A token of one sequence from the vocabulary's logits; or LLAMA_TOKEN_NULL, and its status
 * says why. Needs the lock. */
llama_token llama_lms_draw_one(llama_lms_seq *seq, const float *logits);
/* Behind a draw: the token belongs to the sequence. */
lms_status llama_lms_accept(llama_lms_seq *seq, llama_token token);
/* The breakers of a model for these texts, made once. Needs the lock. */
lms_status llama_lms_find_breakers(llama_lms *l, const char *const *texts, size_t count,
                                   const breakers **out);
/* Takes up the breakers that begin with `token`. */
bool llama_lms_activate(llama_lms_seq *seq, llama_token token);
/* Its slot has to be filled anew; closes it. Needs the lock. */
void llama_lms_drop_slot(llama_lms_seq *seq);

/* Members of llama_sampler_i for draws in the graph. */
#ifdef LLAMA_LMS_GRAPH
#ifdef LLAMA_LMS_GRAPH_OUTPUTS
bool llama_lms_graph_init(struct llama_sampler *smpl, ggml_backend_buffer_type_t buft,
                          uint32_t outputs);
#else
bool llama_lms_graph_init(struct llama_sampler *smpl, ggml_backend_buffer_type_t buft);
#endif
void llama_lms_graph_apply(struct llama_sampler *smpl, struct ggml_context *ctx,
                           struct ggml_cgraph *graph, struct llama_sampler_data *data);
#endif
#ifdef LLAMA_LMS_GRAPH_RESET
void llama_lms_graph_reset(struct llama_sampler *smpl);
#endif

#endif
