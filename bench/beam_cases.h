/* beam_cases.h - what is measured of beam search: ways to search, and the settings. */
#ifndef BENCH_BEAM_CASES_H
#define BENCH_BEAM_CASES_H

#include "cases.h"

typedef enum beam_mode {
    BEAM_SEARCH,     /* the best candidates                                */
    BEAM_DIVERSE,    /* the same in 4 diversity groups, for 4 beams and more */
    BEAM_STOCHASTIC, /* sequences drawn without replacement                */
    BEAM_MODES
} beam_mode;

enum {
    BEAM_GROUPS = 4, /* of BEAM_DIVERSE */
    BEAM_LENGTH = 1024
};

/* The name by which a way is chosen, and the one that results have. */
const char *beam_mode_name(unsigned mode);
const char *beam_strategy(unsigned mode);
/* Without end tokens, so that no search ends before it is BEAM_LENGTH tokens long. */
lms_beam_params beam_params(unsigned mode, uint32_t width, uint32_t request);
/* Of a step of one request: twice its width. */
uint32_t beam_candidates(uint32_t width);

/* Requests and the width of each, in one number for lists. */
uint32_t beam_size(uint32_t requests, uint32_t width);
uint32_t beam_requests(uint32_t size);
uint32_t beam_width(uint32_t size);

/* All ways of a setting are measured in turn, on the same logits. */
typedef struct beam_setting {
    bench_shape shape;
    uint32_t vocab;
    lms_dtype dtype;
    uint32_t requests;
    uint32_t width;
    uint32_t modes; /* 1 << mode, or-ed */
} beam_setting;

typedef struct beam_plan {
    beam_setting *settings;
    size_t count;
} beam_plan;

/* Sizes as beam_size() has them. */
extern const choice all_beams;

bool is_beam_selected(const selection *s);
beam_plan make_beam_plan(const selection *s);
void beam_plan_free(beam_plan *p);

#endif
