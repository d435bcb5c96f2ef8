#include "exact_contrastive.h"

#include <math.h>

static long double product(const float *a, const float *b, uint32_t width)
{
    long double sum = 0.0L;
    for (uint32_t e = 0; e < width; e++) {
        sum += (long double)a[e] * (long double)b[e];
    }
    return sum;
}

long double exact_cosine(const float *a, const float *b, uint32_t width)
{
    const long double norms = product(a, a, width) * product(b, b, width);
    return norms > 0.0L ? product(a, b, width) / sqrtl(norms) : 0.0L;
}

long double exact_penalty(const exact_context *context, const float *v)
{
    long double largest = context->length ? -2.0L : 0.0L;
    for (uint32_t j = 0; j < context->length; j++) {
        const float *const h = context->states + (uint64_t)j * context->width;
        largest = fmaxl(largest, exact_cosine(v, h, context->width));
    }
    return largest;
}

void exact_scores(const exact_context *context, float alpha, uint32_t k, const float *probs,
                  const float *v, long double *scores)
{
    const long double a = (long double)alpha;
    for (uint32_t i = 0; i < k; i++) {
        const float *const state = v + (uint64_t)i * context->width;
        scores[i] = (1.0L - a) * (long double)probs[i] - a * exact_penalty(context, state);
    }
}
