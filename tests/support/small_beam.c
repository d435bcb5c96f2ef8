#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "small_beam.h"

#include <math.h>
#include <string.h>

lms_beam_params small_params(uint32_t width, uint32_t max_length)
{
    lms_beam_params p = {0};
    p.filters.temperature = 1.0f;
    p.filters.top_p = 1.0f;
    p.width = width;
    p.groups = 1;
    p.length_penalty = 1.0f;
    p.max_length = max_length;
    p.results = width;
    return p;
}

void small_begin(small_rig *r, const lms_beam_params *p, const int32_t *ends, uint32_t vocab)
{
    memset(r, 0, sizeof *r);
    r->vocab = vocab;
    r->beam = oracle_beam_new(p, ends, vocab);
}

void small_end(small_rig *r) { oracle_beam_free(r->beam); }

void small_weights(small_rig *r, uint32_t n, const double *w)
{
    for (uint32_t i = 0; i < r->vocab; i++) {
        r->rows[n][i] = (float)log(w[i]);
    }
}

uint32_t small_step(small_rig *r)
{
    return oracle_beam_step(r->beam, r->rows[0], SMALL_VOCAB, r->moves);
}

uint32_t small_results(small_rig *r) { return oracle_beam_results(r->beam, &r->results); }

void small_expect_move(const small_rig *r, uint32_t n, int32_t parent, int32_t token)
{
    assert_int_equal(r->moves[n].parent, parent);
    assert_int_equal(r->moves[n].token, token);
}

void small_expect_near(int64_t score, double nats)
{
    assert_true(fabs((double)score * 0x1p-32 - nats) < 2e-6);
}

/* Of scores of a few nats. */
void small_expect_rating(oracle_rating rating, double nats)
{
    assert_true(fabs((double)oracle_rating_nats(rating) - nats) < 4e-6 * fabs(nats));
}

void small_expect_result(const small_rig *r, uint32_t i, uint32_t length, const int32_t *tokens)
{
    assert_int_equal(r->results[i].length, length);
    assert_memory_equal(r->results[i].tokens, tokens, length * sizeof *tokens);
}
