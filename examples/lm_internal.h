/* The loaded model, shared between lm_load.c, which fills it in, and lm.c, which runs it. */
#ifndef LM_INTERNAL_H
#define LM_INTERNAL_H

#include "lm.h"
#include "lm_math.h"
#include "tokenizer.h"

typedef struct {
    float *attention_norm;
    lm_matrix qkv;
    lm_matrix attention_out;
    float *mlp_norm;
    lm_matrix gate_up; /* the gate's outputs, then the up projection's */
    lm_matrix down;
} lm_layer;

struct lm_model {
    lm_tokenizer *tokenizer;
    int vocab;
    int width;
    int context;
    int head_width;
    int mlp_width;
    float attention_scale;
    float norm_epsilon;
    int layer_count;
    lm_layer *layers;
    lm_matrix embedding; /* for input and output */
    float *final_norm;
    float *rope_cos; /* [position][head_width / 2] */
    float *rope_sin;
};

#endif
