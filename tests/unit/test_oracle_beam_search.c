/*
 * Whole searches of the oracle against a textbook search in double precision
 * (support/exact_beam.c) and against trying all sequences.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/exact_beam.h"
#include "../support/gen.h"
#include "../support/oracle_beam.h"
#include "../support/oracle_rows.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define MOST_ENDS 4u

/* --- running the oracle on a model --- */

static uint32_t run_oracle(oracle_beam *beam, const beam_model *m, const lms_beam_params *p,
                           uint32_t *steps)
{
    const uint32_t v = m->vocab;
    float *const rows = malloc((size_t)p->width * v * sizeof *rows);
    oracle_beam_move *const moves = malloc(p->width * sizeof *moves);
    int32_t tokens[EXACT_BEAM_LENGTH];
    uint32_t status = 0;
    assert_true(rows && moves);
    for (*steps = 0; !(status & LMS_BEAM_DONE); ++*steps) {
        for (uint32_t n = 0; n < p->width; n++) {
            /* NaN where nothing may be read */
            memset(rows + (size_t)n * v, 0xff, v * sizeof *rows);
            if (oracle_beam_reads(beam, n)) {
                const uint32_t length = oracle_beam_sequence(beam, n, tokens);
                beam_model_row(m, tokens, length, rows + (size_t)n * v);
            }
        }
        status = oracle_beam_step(beam, rows, v, moves);
        assert_false(status & (LMS_ROW_NAN_SEEN | LMS_ROW_INF_SEEN));
    }
    free(rows);
    free(moves);
    return status;
}

/* --- against double precision --- */

static void some_lengths(lms_beam_params *p, bool ties, uint64_t *random)
{
    static const float penalties[] = {0.0f, 1.0f, 1.0f, 2.0f, 0.6f, 1.3f, -0.7f, -2.0f, 2.5f};
    p->length_penalty = penalties[gen_below(ties ? 4 : LENGTH(penalties), random)];
    p->length_counts = gen_below(LMS_BEAM_LENGTHS, random);
    p->prompt_length = gen_below(9, random);
    p->max_length = 1 + gen_below(7, random);
    if (gen_below(4, random) == 0) {
        p->min_length = gen_below(p->max_length + 1, random);
    }
}

static void some_params(lms_beam_params *p, bool ties, uint64_t *random)
{
    *p = (lms_beam_params)LMS_BEAM_PARAMS_INIT(1);
    p->groups = gen_below(4, random) ? 1 : 1 + gen_below(3, random);
    p->width = p->groups * (1 + gen_below(p->groups == 1 ? 6 : 3, random));
    p->diversity_penalty = p->groups > 1 ? 0.25f * (float)(1 + gen_below(4, random)) : 0.0f;
    p->early_stopping = gen_below(LMS_BEAM_EARLIES, random);
    p->flags = gen_below(LMS_BEAM_FLAGS + 1, random);
    p->results = 1 + gen_below(p->width, random);
    some_lengths(p, ties, random);
    if (!ties) {
        p->filters.temperature =
            gen_below(2, random) ? 1.0f : (float)rows_between(random, 0.3, 3.0);
    }
}

static uint32_t some_ends(uint32_t vocab, int32_t *ends, uint64_t *random)
{
    const uint32_t most = vocab - 1 < MOST_ENDS ? vocab - 1 : MOST_ENDS;
    const uint32_t count = gen_below(3, random) ? gen_below(most + 1, random) : 1;
    for (uint32_t i = 0; i < count; i++) {
        ends[i] = (int32_t)gen_below(vocab, random);
    }
    return count < most + 1 ? count : most;
}

static bool same_sequence(const oracle_beam_result *a, const exact_sequence *b)
{
    const double rating = (double)oracle_rating_nats(a->rating);
    return a->length == b->length &&
           memcmp(a->tokens, b->tokens, b->length * sizeof *b->tokens) == 0 &&
           fabs(rating - b->rating) <= 1e-5 * fmax(b->unit, fabs(b->rating)) &&
           fabs((double)a->score * 0x1p-32 - b->score) <= 1e-5;
}

static void tell_params(const lms_beam_params *p, uint32_t vocab, const int32_t *ends)
{
    print_error("  vocab %u, temperature %a, top_k %d, width %u, groups %u, diversity %a, "
                "penalty %a of %u, early %u, flags %u, prompt %u, lengths %u to %u, ends",
                vocab, (double)p->filters.temperature, (int)p->filters.top_k, p->width,
                p->groups, (double)p->diversity_penalty, (double)p->length_penalty,
                p->length_counts, p->early_stopping, p->flags, p->prompt_length, p->min_length,
                p->max_length);
    for (uint32_t i = 0; i < p->end_tokens; i++) {
        print_error(" %d", (int)ends[i]);
    }
    print_error("\n");
}

static void tell(uint64_t seed, uint32_t count, uint32_t steps, const exact_beam_run *exact,
                 const oracle_beam_result *results)
{
    print_error("seed %llu: %u results after %u steps, not %u after %u\n",
                (unsigned long long)seed, count, steps, exact->count, exact->steps);
    for (uint32_t i = 0; i < count && i < exact->count; i++) {
        print_error("  %u: length %u rating %.9f, not length %u rating %.9f\n", i,
                    results[i].length, (double)oracle_rating_nats(results[i].rating),
                    exact->results[i].length, exact->results[i].rating);
    }
}

/* Whether the search could be told; it fails the test if it is wrong. */
static bool check_search(uint64_t seed, const beam_model *m, const lms_beam_params *params,
                         const int32_t *ends)
{
    const uint32_t vocab = m->vocab;
    const lms_beam_params p = *params;
    exact_beam_run exact;
    exact_beam_search(m, &p, ends, &exact);
    if (exact.close) {
        return false;
    }
    oracle_beam *const beam = oracle_beam_new(&p, ends, vocab);
    const oracle_beam_result *results;
    uint32_t steps;
    const uint32_t status = run_oracle(beam, m, &p, &steps);
    const uint32_t count = oracle_beam_results(beam, &results);
    bool same = count == exact.count && steps == exact.steps &&
                (status & LMS_BEAM_EARLY ? exact.early : !exact.early);
    for (uint32_t i = 0; i < count && same; i++) {
        same = same_sequence(&results[i], &exact.results[i]);
    }
    if (!same) {
        tell(seed, count, steps, &exact, results);
        tell_params(&p, vocab, ends);
    }
    oracle_beam_free(beam);
    assert_true(same);
    return true;
}

static bool check_case(uint64_t seed, bool ties)
{
    uint64_t random = seed;
    const uint32_t vocab = 2 + gen_below(12, &random);
    const beam_model m = {rows_random(&random), vocab,
                          ties ? BEAM_MODEL_TIES : BEAM_MODEL_NORMAL,
                          rows_between(&random, 0.2, 4.0)};
    int32_t ends[MOST_ENDS];
    lms_beam_params p;
    some_params(&p, ties, &random);
    p.end_tokens = some_ends(vocab, ends, &random);
    if (p.min_length && ties) {
        /* 0 and -1 among themselves are as -1 and -2, but not in the last bit */
        p.flags &= ~LMS_BEAM_RENORMALIZE;
    }
    if (gen_below(3, &random) == 0) {
        p.filters.top_k = 1 + (int32_t)gen_below(vocab, &random);
    }
    return check_search(seed, &m, &p, ends);
}

static void check_cases(uint64_t first, uint32_t count, bool ties)
{
    uint32_t skipped = 0;
    for (uint32_t i = 0; i < count; i++) {
        skipped += !check_case(first + i, ties);
    }
    print_message("%u searches, %u too close to tell\n", count, skipped);
    assert_true(skipped <= count / 50);
}

static void test_against_double(void **state)
{
    (void)state;
    check_cases(1000000, 12000, false);
}

/* Any length penalty there is use for, and long searches, with all that rates: pools, early
 * stopping, live beams among results. */
static bool check_penalty(uint64_t seed)
{
    static const float penalties[] = {3.0f,  5.0f,  6.0f,  10.0f, 16.0f,  -3.0f,
                                      -5.0f, -8.0f, 4.75f, 0.5f,  -16.0f, -2.25f};
    uint64_t random = seed;
    const beam_model m = {rows_random(&random), 3 + gen_below(4, &random), BEAM_MODEL_NORMAL,
                          rows_between(&random, 0.5, 3.0)};
    int32_t ends[MOST_ENDS];
    lms_beam_params p;
    some_params(&p, false, &random);
    p.length_penalty = gen_below(3, &random) ? penalties[gen_below(LENGTH(penalties), &random)]
                                             : (float)rows_between(&random, -16.0, 16.0);
    p.length_counts =
        gen_below(3, &random) ? LMS_BEAM_LENGTH_GENERATED : LMS_BEAM_LENGTH_WITH_PROMPT;
    p.max_length = 10 + gen_below(EXACT_BEAM_LENGTH - 9, &random);
    if (p.min_length) p.min_length = gen_below(p.max_length, &random);
    p.end_tokens = some_ends(m.vocab, ends, &random);
    return check_search(seed, &m, &p, ends);
}

static void test_length_penalties(void **state)
{
    (void)state;
    const uint32_t count = 1000;
    uint32_t skipped = 0;
    for (uint32_t i = 0; i < count; i++) {
        skipped += !check_penalty(3000000 + i);
    }
    print_message("%u searches, %u too close to tell\n", count, skipped);
    assert_true(skipped <= count / 10); /* long searches have many places to be close at */
}

/* Equal values are everywhere, and who is first among them decides. */
static void test_ties(void **state)
{
    (void)state;
    check_cases(2000000, 8000, true);
}

/* --- against all sequences --- */

typedef struct exhaustive {
    const beam_model *model;
    const lms_beam_params *p;
    int32_t end;
    double best;
    double second;
    exact_sequence sequence;
} exhaustive;

static void consider(exhaustive *e, const exact_sequence *s, bool ended)
{
    const double rating = exact_rating(e->p, s->score, s->length, ended);
    if (rating > e->best) {
        e->second = e->best;
        e->best = rating;
        e->sequence = *s;
    } else if (rating > e->second) {
        e->second = rating;
    }
}

static void extend_all(exhaustive *e, const exact_sequence *s)
{
    float x[EXACT_BEAM_VOCAB];
    double logprobs[EXACT_BEAM_VOCAB];
    beam_model_row(e->model, s->tokens, s->length, x);
    exact_log_softmax(x, e->model->vocab, 1.0, logprobs);
    for (int32_t token = 0; token < (int32_t)e->model->vocab; token++) {
        exact_sequence longer = *s;
        longer.tokens[longer.length++] = token;
        longer.score += logprobs[token];
        if (token == e->end || longer.length == e->p->max_length) {
            consider(e, &longer, token == e->end);
        } else {
            extend_all(e, &longer);
        }
    }
}

static uint32_t power(uint32_t base, uint32_t exponent)
{
    uint32_t result = 1;
    while (exponent--) {
        result *= base;
    }
    return result;
}

static void check_exhaustive(uint64_t seed)
{
    static const float penalties[] = {0.0f, 1.0f, 0.5f, -1.0f, 3.0f};
    uint64_t random = seed;
    const uint32_t vocab = 2 + gen_below(4, &random);
    const uint32_t length = 1 + gen_below(vocab == 5 ? 4 : 5, &random);
    const beam_model m = {seed, vocab, BEAM_MODEL_NORMAL, 1.5};
    const int32_t end = (int32_t)gen_below(vocab, &random);
    lms_beam_params p = LMS_BEAM_PARAMS_INIT(power(vocab, length));
    p.max_length = length;
    p.early_stopping = gen_below(2, &random) ? LMS_BEAM_EARLY_OFF : LMS_BEAM_EARLY_HEURISTIC;
    p.length_penalty = penalties[gen_below(LENGTH(penalties), &random)];
    p.flags = gen_below(2, &random) * LMS_BEAM_KEEP_LIVE;
    p.end_tokens = 1;
    exhaustive e = {&m, &p, end, -INFINITY, -INFINITY, {0}};
    const exact_sequence empty = {0};
    extend_all(&e, &empty);
    oracle_beam *const beam = oracle_beam_new(&p, &end, vocab);
    const oracle_beam_result *results;
    uint32_t steps;
    run_oracle(beam, &m, &p, &steps);
    assert_int_equal(oracle_beam_results(beam, &results), 1);
    e.sequence.rating = e.best;
    if (e.best - e.second > 1e-6) {
        assert_true(same_sequence(&results[0], &e.sequence));
    }
    assert_true(fabs((double)oracle_rating_nats(results[0].rating) - e.best) <
                1e-5 * fmax(1.0, -e.best));
    oracle_beam_free(beam);
}

/* A beam that is wide enough for all sequences finds the best of them. */
static void test_exhaustive(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        check_exhaustive(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_double),
        cmocka_unit_test(test_length_penalties),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_exhaustive),
    };
    return cmocka_run_group_tests_name("oracle_beam_search", tests, NULL, NULL);
}
