#include "small_contrastive.h"

#include "exact_contrastive.h"
#include "memory.h"
#include "oracle.h"
#include "stored.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void small_search_new(small_search *s, uint32_t width, uint32_t length, uint32_t k,
                      lms_dtype dtype)
{
    memset(s, 0, sizeof *s);
    s->width = width;
    s->length = length;
    s->dtype = dtype;
    s->params = (lms_contrastive_params)LMS_CONTRASTIVE_PARAMS_INIT(0.6f, k);
    s->context = memory_zeroed((size_t)length * width, sizeof *s->context);
    s->empty = memory_zeroed(length, sizeof *s->empty);
    s->v = memory_zeroed((size_t)k * width, sizeof *s->v);
    for (uint32_t i = 0; i < k; i++) {
        s->tokens[i] = (int32_t)i;
        s->probs[i] = 1.0f / (float)k;
    }
}

void small_search_free(small_search *s)
{
    free(s->context);
    free(s->empty);
    free(s->v);
}

float *small_search_position(const small_search *s, uint32_t j)
{
    return s->context + (size_t)j * s->width;
}

float *small_search_candidate(const small_search *s, uint32_t i)
{
    return s->v + (size_t)i * s->width;
}

void small_search_store(small_search *s)
{
    unsigned char *const stored = memory_zeroed(s->width, sizeof(float));
    for (uint32_t j = 0; j < s->length; j++) {
        stored_put(s->dtype, small_search_position(s, j), s->width, stored);
    }
    for (uint32_t i = 0; i < s->params.k; i++) {
        stored_put(s->dtype, small_search_candidate(s, i), s->width, stored);
    }
    free(stored);
}

static oracle_state *state_of(const small_search *s, const float *x)
{
    return oracle_state_new(x, s->width, s->dtype == LMS_FLOAT16);
}

void small_search_choose(const small_search *s, oracle_choice *choice)
{
    oracle_state **const states = memory_zeroed(s->length, sizeof *states);
    oracle_state *candidates[LMS_MAX_CONTRASTIVE_K];
    for (uint32_t j = 0; j < s->length; j++) {
        states[j] = s->empty[j] ? NULL : state_of(s, small_search_position(s, j));
    }
    for (uint32_t i = 0; i < s->params.k; i++) {
        candidates[i] = state_of(s, small_search_candidate(s, i));
    }
    const oracle_context context = {s->length, (const oracle_state *const *)states};
    oracle_choose(&context, &s->params, s->tokens, s->probs,
                  (const oracle_state *const *)candidates, choice);
    for (uint32_t j = 0; j < s->length; j++) {
        free(states[j]);
    }
    for (uint32_t i = 0; i < s->params.k; i++) {
        free(candidates[i]);
    }
    free(states);
}

/* --- the claims --- */

long double small_search_penalty_claim(const small_search *s)
{
    const uint32_t n = (s->width + 15) / 16 + 4;
    return (2.0L * (long double)n + 12.0L) * 0x1p-24L;
}

long double small_search_score_claim(const small_search *s)
{
    return (long double)s->params.alpha * small_search_penalty_claim(s) + 3.0L * 0x1p-24L;
}

/* A subnormal of float32 or bfloat16 counts as 0. */
static void copy_state(const small_search *s, const float *from, float *to)
{
    for (uint32_t e = 0; e < s->width; e++) {
        to[e] = s->dtype != LMS_FLOAT16 && fabsf(from[e]) < 0x1p-126f ? 0.0f : from[e];
    }
}

/* The formula's scores, and the penalties of which they are made. */
static void by_formula(const small_search *s, long double *penalties, long double *scores)
{
    const uint32_t window = s->params.context_window, k = s->params.k;
    float *const states = memory_zeroed((size_t)s->length * s->width, sizeof *states);
    float *const v = memory_zeroed((size_t)k * s->width, sizeof *v);
    exact_context context = {s->width, 0, states};
    for (uint32_t j = 0; j < s->length; j++) {
        if (s->empty[j] || j < s->params.context_begin || (window && s->length - j > window)) {
            continue;
        }
        copy_state(s, small_search_position(s, j), states + (size_t)context.length * s->width);
        context.length++;
    }
    for (uint32_t i = 0; i < k; i++) {
        float *const state = v + (size_t)i * s->width;
        copy_state(s, small_search_candidate(s, i), state);
        penalties[i] = exact_penalty(&context, state);
    }
    exact_scores(&context, s->params.alpha, k, s->probs, v, scores);
    free(states);
    free(v);
}

static bool within(long double error, long double claim, long double *worst, const char *what)
{
    *worst = fmaxl(*worst, error / claim);
    if (error <= claim) {
        return true;
    }
    fprintf(stderr, "a %s is off by %Lg, %Lg of the claim\n", what, error, error / claim);
    return false;
}

bool small_search_check(const small_search *s, long double worst[2])
{
    long double penalties[LMS_MAX_CONTRASTIVE_K], scores[LMS_MAX_CONTRASTIVE_K];
    oracle_choice choice;
    const long double claim = small_search_score_claim(s);
    uint32_t best = 0;
    bool good = true;
    by_formula(s, penalties, scores);
    small_search_choose(s, &choice);
    for (uint32_t i = 0; i < s->params.k; i++) {
        const long double penalty = fabsl(penalties[i] - (long double)choice.penalties[i]);
        const long double score = fabsl(scores[i] - (long double)choice.scores[i]);
        good = good && within(penalty, small_search_penalty_claim(s), &worst[0], "penalty") &&
               within(score, claim, &worst[1], "score");
        best = scores[i] > scores[best] ? i : best;
    }
    /* each of the two is off by a claim at most */
    if (good &&
        (choice.candidate < 0 || scores[best] - scores[choice.candidate] > 2.0L * claim)) {
        fprintf(stderr, "candidate %d is chosen, not %u\n", (int)choice.candidate, best);
        good = false;
    }
    if (!good) {
        fprintf(stderr, "width %u, length %u, type %d\n", s->width, s->length, (int)s->dtype);
        contrastive_gen_tell(&s->params);
    }
    return good;
}
