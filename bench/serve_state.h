/* serve_state.h - what the parts of the simulation share. */
#ifndef BENCH_SERVE_STATE_H
#define BENCH_SERVE_STATE_H

#include "lms_beam.h"
#include "lms_contrastive.h"
#include "lms_slots.h"
#include "serve_mix.h"
#include "stage.h"

/* A sequence that is served. */
typedef struct serve_row {
    serve_request request;
    uint64_t name;   /* of its slot */
    uint32_t draw;   /* of the request's, from 0 */
    uint32_t begin;  /* tokens that it had already when it was opened, in its output */
    uint32_t made;   /* tokens that there are of its output */
    int32_t *tokens; /* [output_most] */
} serve_row;

/* A sequence that is over, to be had again alone. */
typedef struct serve_sample {
    serve_request request;
    uint32_t draw;
    uint32_t begin;
    int32_t *tokens; /* [output] */
} serve_sample;

enum {
    SERVE_SAMPLES = 64,
    SERVE_BEAM_REQUESTS = 8,
    SERVE_BEAM_WIDTH = 4,
    SERVE_BEAM_PROMPT = 128,
    SERVE_BEAM_LENGTH = 64,
    SERVE_BEAM_ROWS = SERVE_BEAM_REQUESTS * SERVE_BEAM_WIDTH,
    SERVE_BEAM_PAGES = 3 * SERVE_BEAM_ROWS, /* of slots: twice those, while they are moved */
    SERVE_CONTRASTIVE_REQUESTS = 4,
    SERVE_CONTRASTIVE_K = 5,
    SERVE_CONTRASTIVE_WIDTH = 1024,
    SERVE_CONTRASTIVE_PROMPT = 64,
    SERVE_CONTRASTIVE_LENGTH = 512
};

/* Beam search and contrastive search beside it, each with requests of its own. */
typedef struct serve_others {
    lms_beam *beams;
    cl_mem beam_moves;
    int32_t beam_told[2 * SERVE_BEAM_ROWS + SERVE_BEAM_REQUESTS];
    uint64_t beam_names[SERVE_BEAM_ROWS]; /* of the beams' slots; 0: not open yet */
    uint64_t beams_opened;                /* requests, so far */
    lms_contrastive *contrasts;
    uint32_t positions; /* of each context */
    cl_mem hidden;
    uint32_t hidden_rows;
    cl_mem candidates;
    cl_mem choices;
    int32_t chosen[2 * SERVE_CONTRASTIVE_REQUESTS];
} serve_others;

typedef struct serving {
    stage *on;
    const setting *what; /* rows: slots */
    const batches *logits;
    size_t logit_rows; /* of the first buffer, which rows read */
    serve_limits limits;
    serve_tables tables;
    lms_slots *slots;
    uint64_t room;     /* pages of the slots, */
    uint64_t pages;    /* those that are not for beams, */
    uint64_t reserved; /* and those that open sequences may need */
    lms_sampler *sampler;
    serve_row *rows; /* [slots], the first `active` of which are there */
    uint32_t active;
    uint64_t arrived;        /* requests; they are admitted in their order */
    uint64_t arrived_before; /* the first step */
    uint64_t admitted;
    uint64_t state;  /* of the arrivals, */
    double arrivals; /* so many in a step on average */
    lms_row_params *params;
    int32_t *index;
    cl_mem words; /* tokens, status, log-probabilities, best tokens and their values */
    uint32_t *told;
    size_t word_count;
    serve_request *opened; /* in a call, with their lengths and tokens */
    int32_t *prompts;
    uint32_t *lengths;
    uint32_t *prompt_lengths;
    uint64_t *names;
    uint64_t *from;
    serve_sample samples[SERVE_SAMPLES];
    unsigned sample_count;
    uint64_t finished; /* sequences */
    uint64_t tokens;
    uint64_t calls;
    serve_others others;
} serving;

/* serve_step.c */
void serve_open(serving *s, stage *on, const batches *logits, const setting *what);
void serve_close(serving *s);
/* What is there when requests have come for long. */
void serve_fill(serving *s);
/* Requests come, and those for which there is room are opened; then a token for each sequence,
 * and those that have all of theirs are closed. */
void serve_admit(serving *s);
void serve_sample_all(serving *s);
/* The parameters of a sequence's next token, and the row of logits that stands for what a model
 * would make of it. */
int32_t serve_next(const serving *s, const serve_row *row, lms_row_params *params);
/* The tokens that a sequence is opened with. */
uint32_t serve_opening(const serving *s, const serve_request *r, uint32_t begin, int32_t *out);

/* serve_beams.c */
void serve_beams_open(serving *s);
void serve_beams_close(serving *s);
void serve_beams(serving *s, uint64_t step);

/* serve_contrasts.c */
void serve_contrasts_open(serving *s);
void serve_contrasts_close(serving *s);
void serve_contrasts(serving *s, uint64_t step);

/* A run of rows of logits, for a step of one of the searches. */
lms_view serve_logits(const serving *s, uint64_t step, uint64_t who, size_t rows);

/* serve_check.c: each sample alone. Returns how many tokens were compared. */
uint64_t serve_check(serving *s);

#endif
