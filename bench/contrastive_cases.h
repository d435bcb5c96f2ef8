/* contrastive_cases.h - what is measured of contrastive search: its calls, and the settings. */
#ifndef BENCH_CONTRASTIVE_CASES_H
#define BENCH_CONTRASTIVE_CASES_H

#include "cases.h"

typedef enum contrastive_call {
    CALL_SELECT,
    CALL_APPEND, /* of whole contexts, as prompts are */
    CALL_PROPOSE
} contrastive_call;

#define CONTRASTIVE_ALPHA 0.6f

/* As results have them. */
const char *contrastive_call_name(contrastive_call call);

typedef struct contrastive_setting {
    contrastive_size size;
    lms_dtype dtype; /* of the hidden states */
} contrastive_setting;

typedef struct contrastive_plan {
    contrastive_setting *settings;
    size_t count;
} contrastive_plan;

/* What the targets are for. */
extern const contrastive_size contrastive_target;

size_t contrastive_bytes(const contrastive_setting *s); /* of all contexts */
bool is_contrastive_selected(const selection *s);
contrastive_plan make_contrastive_plan(const selection *s);
void contrastive_plan_free(contrastive_plan *p);

#endif
