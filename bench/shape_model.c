/* shape_model.c - the example model's logits after some texts, widened to larger vocabularies.
 *
 * The model's own tokens keep their logits. The others are copies of its tail: a token's logit
 * or the row's 99th percentile, whichever is less, lowered by 3 to 4 nats. So the best tokens
 * are the model's, and all the others together weigh about as much as the model's tail. A
 * fixed permutation scatters them over the vocabulary. */
#include "lm.h"
#include "say.h"
#include "shapes.h"

#include <stdlib.h>
#include <string.h>

#define TOKENS_MOST 512

static const char *const texts[] = {
    "Once upon a time, there was a little girl who lived in a small house near the forest. "
    "One day she found a red ball under a tree, and she wanted to show it to her friend.",
    "The sun was warm and the birds were singing. Tom and his mother went to the park to play "
    "with the new kite, but the wind was too strong and the kite flew away over the lake.",
    "\"Can I have a cookie?\" asked the boy. His father smiled and said, \"First you must eat "
    "your dinner.\" The boy looked at the green beans on his plate and made a sad face.",
    "A big dog and a small cat were good friends. Every morning they ran to the garden, looked "
    "for bugs, and told each other what they had dreamed. Then it began to rain.",
};
#define TEXTS (sizeof texts / sizeof texts[0])

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float percentile_99(const float *logits, size_t count)
{
    float *const sorted = malloc(count * sizeof *sorted);
    if (sorted == NULL) fail("out of memory for the model's logits");
    memcpy(sorted, logits, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, ascending);
    const float value = sorted[count * 99 / 100];
    free(sorted);
    return value;
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    while (b != 0) {
        const uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static void widen(const float *logits, uint32_t own, uint64_t seed, float *row, uint32_t vocab)
{
    const float most = percentile_99(logits, own);
    uint64_t state = seed;
    uint32_t stride = (uint32_t)(0.6180339887 * vocab) | 1u;
    while (common_divisor(stride, vocab) != 1) stride += 2;
    uint64_t place = 0;
    for (uint32_t i = 0; i < vocab; ++i, place = (place + stride) % vocab) {
        const float x = logits[i % own];
        row[place] = i < own ? x : (x < most ? x : most) - 3.0f - (float)random_uniform(&state);
    }
}

/* The logits after the last tokens of each text: rows in turn. */
void model_rows(const char *model, float *rows, size_t count, uint32_t vocab)
{
    char error[256];
    lm_model *const lm = lm_model_load(model, error, sizeof error);
    if (lm == NULL) fail("the example model in %s: %s", model, error);
    const uint32_t own = (uint32_t)lm_vocab(lm);
    lm_batch *const batch = lm_batch_create(lm, (int)TEXTS);
    float *const logits = malloc(own * sizeof *logits);
    int32_t tokens[TEXTS][TOKENS_MOST];
    if (batch == NULL || logits == NULL) fail("out of memory for the example model");
    const size_t last =
        (count + TEXTS - 1) / TEXTS; /* tokens of each text whose logits count */
    for (size_t t = 0; t < TEXTS; ++t) {
        const size_t length = lm_encode(lm, texts[t], strlen(texts[t]), tokens[t], TOKENS_MOST);
        if (length <= last)
            fail("the example model makes fewer than %zu tokens of a text", last);
        for (size_t i = 0; i < length; ++i) {
            const size_t row = i + last >= length ? (i + last - length) * TEXTS + t : count;
            lm_entry entry = {(int)t, tokens[t][i], row < count ? logits : NULL, NULL};
            if (lm_batch_step(batch, &entry, 1) != 0)
                fail("the example model cannot go on after token %zu of a text", i);
            if (row < count) widen(logits, own, row + 1, rows + row * vocab, vocab);
        }
    }
    free(logits);
    lm_batch_free(batch);
    lm_model_free(lm);
}
