/* Rules of beam search on rows so small that what must come out is seen by eye. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/oracle_beam.h"

#define BEAMS 8u
#define VOCAB 8u

/* A request, the rows of its next step, and what came out of the last one. */
typedef struct rig {
    oracle_beam *beam;
    uint32_t vocab;
    float rows[BEAMS][VOCAB];
    oracle_beam_move moves[BEAMS];
    const oracle_beam_result *results;
} rig;

static lms_beam_params params(uint32_t width, uint32_t max_length)
{
    lms_beam_params p = {0};
    p.temperature = 1.0f;
    p.top_p = 1.0f;
    p.width = width;
    p.groups = 1;
    p.length_penalty = 1.0f;
    p.max_length = max_length;
    p.results = width;
    return p;
}

static void begin(rig *r, const lms_beam_params *p, const int32_t *ends, uint32_t vocab)
{
    memset(r, 0, sizeof *r);
    r->vocab = vocab;
    r->beam = oracle_beam_new(p, ends, vocab);
}

static void end(rig *r) { oracle_beam_free(r->beam); }

/* The logits of beam n: what ln(weight) would be, for weights that need not sum to 1. */
static void weights(rig *r, uint32_t n, const double *w)
{
    for (uint32_t i = 0; i < r->vocab; i++) {
        r->rows[n][i] = (float)log(w[i]);
    }
}

static uint32_t step(rig *r) { return oracle_beam_step(r->beam, r->rows[0], VOCAB, r->moves); }

static uint32_t results(rig *r) { return oracle_beam_results(r->beam, &r->results); }

static void expect_move(const rig *r, uint32_t n, int32_t parent, int32_t token)
{
    assert_int_equal(r->moves[n].parent, parent);
    assert_int_equal(r->moves[n].token, token);
}

static void expect_near(int64_t score, double nats)
{
    assert_true(fabs((double)score * 0x1p-32 - nats) < 2e-6);
}

static void expect_result(const rig *r, uint32_t i, uint32_t length, const int32_t *tokens)
{
    assert_int_equal(r->results[i].length, length);
    assert_memory_equal(r->results[i].tokens, tokens, length * sizeof *tokens);
}

/* --- ends --- */

static void test_end_at_first_step(void **state)
{
    (void)state;
    const int32_t ends[] = {1};
    lms_beam_params p = params(1, 5);
    p.end_tokens = 1;
    rig r;
    begin(&r, &p, ends, 3);
    weights(&r, 0, (double[]){0.3, 0.6, 0.1});
    assert_int_equal(step(&r), LMS_BEAM_DONE | LMS_BEAM_EARLY);
    expect_move(&r, 0, 0, 0);
    assert_int_equal(results(&r), 1);
    expect_result(&r, 0, 1, (int32_t[]){1});
    expect_near(r.results[0].rating, log(0.6));
    expect_near(r.results[0].logprobs[0], log(0.6));
    assert_int_equal(r.results[0].beams[0], 0);
    /* once more: nothing changes, and nothing is read */
    r.rows[0][0] = NAN;
    assert_int_equal(step(&r), LMS_BEAM_DONE | LMS_BEAM_EARLY);
    expect_move(&r, 0, 0, LMS_NO_TOKEN);
    expect_near(r.moves[0].score, log(0.3));
    assert_int_equal(results(&r), 1);
    expect_result(&r, 0, 1, (int32_t[]){1});
    end(&r);
}

/* An end token counts below rank N alone, or at any rank among its beam's first C. */
static void test_end_rank(void **state)
{
    (void)state;
    const int32_t ends[] = {1};
    for (uint32_t any = 0; any < 2; any++) {
        lms_beam_params p = params(1, 5);
        p.end_tokens = 1;
        p.flags = any ? LMS_BEAM_END_ANY_RANK : 0;
        rig r;
        begin(&r, &p, ends, 4);
        weights(&r, 0, (double[]){0.5, 0.3, 0.1, 0.1});
        assert_int_equal(step(&r), 0);
        assert_int_equal(results(&r), 1);
        expect_result(&r, 0, 1, any ? (int32_t[]){1} : (int32_t[]){0});
        /* third of its beam with C = 2 */
        weights(&r, 0, (double[]){0.5, 0.09, 0.4, 0.01});
        assert_int_equal(step(&r), 0);
        assert_int_equal(results(&r), 1);
        expect_result(&r, 0, any ? 1 : 2, any ? (int32_t[]){1} : (int32_t[]){0, 0});
        end(&r);
    }
}

static void test_all_end(void **state)
{
    (void)state;
    const int32_t ends[] = {0, 1};
    for (uint32_t early = LMS_EARLY_YES; early <= LMS_EARLY_OFF; early += 2) {
        lms_beam_params p = params(1, 5);
        p.end_tokens = 2;
        p.early_stopping = early;
        rig r;
        begin(&r, &p, ends, 2);
        weights(&r, 0, (double[]){0.4, 0.6});
        assert_int_equal(step(&r), early == LMS_EARLY_YES ? LMS_BEAM_DONE | LMS_BEAM_EARLY
                                                          : LMS_BEAM_DONE);
        expect_move(&r, 0, 0, LMS_NO_TOKEN);
        assert_true(r.moves[0].score == ORACLE_BEAM_NONE);
        assert_int_equal(results(&r), 1);
        expect_result(&r, 0, 1, (int32_t[]){1});
        end(&r);
    }
}

/* C is max(2, 1 + n) * N, and end tokens that are given twice count twice. */
static void test_candidates(void **state)
{
    (void)state;
    const int32_t ends[] = {0, 0, 2};
    for (uint32_t n = 1; n <= 3; n += 2) {
        lms_beam_params p = params(1, 5);
        p.end_tokens = n;
        p.early_stopping = LMS_EARLY_OFF;
        rig r;
        begin(&r, &p, ends + (n == 1 ? 2 : 0), 4);
        /* the end tokens are first; of n = 3 they fill two of four places */
        weights(&r, 0, (double[]){0.4, 0.02, 0.5, 0.08});
        assert_int_equal(step(&r), 0);
        expect_move(&r, 0, 0, n == 1 ? 0 : 3);
        end(&r);
    }
}

static void test_min_length(void **state)
{
    (void)state;
    const int32_t ends[] = {2};
    lms_beam_params p = params(1, 5);
    p.end_tokens = 1;
    p.min_length = 1;
    p.top_k = 1;
    p.early_stopping = LMS_EARLY_OFF;
    rig r;
    begin(&r, &p, ends, 3);
    /* top-k keeps the best of those that are not suppressed */
    weights(&r, 0, (double[]){0.1, 0.2, 0.7});
    assert_int_equal(step(&r), 0);
    expect_move(&r, 0, 0, 1);
    expect_near(r.moves[0].score, log(0.2));
    assert_int_equal(step(&r), LMS_BEAM_DONE);
    assert_int_equal(results(&r), 1);
    expect_result(&r, 0, 2, (int32_t[]){1, 2});
    end(&r);
}

/* A suppressed end token may be as good as certain: the others are as if it were not there. */
static void test_min_length_and_certain_end(void **state)
{
    (void)state;
    const int32_t ends[] = {1};
    for (uint32_t mode = 0; mode < LMS_BEAM_MODES; mode++) {
        lms_beam_params p = params(2, 5);
        p.mode = mode;
        p.end_tokens = 1;
        p.min_length = 1;
        p.min_p = 0.1f;
        p.flags = LMS_BEAM_RENORMALIZE;
        rig r;
        begin(&r, &p, ends, 4);
        const float row[] = {1.0f, 1e6f, 1.0f, -9.0f};
        memcpy(r.rows[0], row, sizeof row);
        assert_int_equal(step(&r), 0);
        assert_int_equal(r.moves[0].token + r.moves[1].token, 0 + 2);
        expect_near(r.moves[0].score, log(0.5));
        expect_near(r.moves[1].score, log(0.5));
        end(&r);
    }
}

/* Without RENORMALIZE its probability still counts; what is seen at it is told. */
static void test_min_length_counts_all(void **state)
{
    (void)state;
    const int32_t ends[] = {1, 3};
    lms_beam_params p = params(1, 5);
    p.end_tokens = 2;
    p.min_length = 1;
    rig r;
    begin(&r, &p, ends, 4);
    weights(&r, 0, (double[]){0.125, 0.75, 0.125, 0.0});
    r.rows[0][3] = NAN;
    assert_int_equal(step(&r), LMS_ROW_NAN_SEEN);
    expect_move(&r, 0, 0, 0);
    expect_near(r.moves[0].score, log(0.125));
    end(&r);
}

/* Nothing but end tokens, suppressed: no candidate, with and without a filter. */
static void test_min_length_and_nothing_else(void **state)
{
    (void)state;
    const int32_t ends[] = {0, 1};
    for (int32_t k = 0; k < 2; k++) {
        lms_beam_params p = params(2, 5);
        p.end_tokens = 2;
        p.min_length = 1;
        p.top_k = k;
        rig r;
        begin(&r, &p, ends, 2);
        assert_int_equal(step(&r), LMS_BEAM_DONE | LMS_BEAM_EMPTY);
        expect_move(&r, 0, 0, LMS_NO_TOKEN);
        expect_move(&r, 1, 1, LMS_NO_TOKEN);
        assert_int_equal(r.moves[0].score, 0);
        assert_true(r.moves[1].score == ORACLE_BEAM_NONE);
        end(&r);
    }
}

/* --- lengths and early stopping --- */

static uint32_t first_status(uint32_t early, float penalty, uint32_t counts)
{
    const int32_t ends[] = {0};
    lms_beam_params p = params(1, 10);
    p.end_tokens = 1;
    p.early_stopping = early;
    p.length_penalty = penalty;
    p.length_counts = counts;
    p.prompt_length = 1000;
    rig r;
    begin(&r, &p, ends, 2);
    weights(&r, 0, (double[]){0.6, 0.4});
    const uint32_t status = step(&r);
    end(&r);
    return status;
}

/* The result has -0.51, the live beam -0.92, which is -0.09 if nothing is added until 10. */
static void test_early_stopping(void **state)
{
    (void)state;
    const uint32_t early = LMS_BEAM_DONE | LMS_BEAM_EARLY;
    assert_int_equal(first_status(LMS_EARLY_YES, 1.0f, LMS_LENGTH_GENERATED), early);
    assert_int_equal(first_status(LMS_EARLY_HEURISTIC, 1.0f, LMS_LENGTH_GENERATED), early);
    assert_int_equal(first_status(LMS_EARLY_NEVER, 1.0f, LMS_LENGTH_GENERATED), 0);
    assert_int_equal(first_status(LMS_EARLY_OFF, 1.0f, LMS_LENGTH_GENERATED), 0);
    assert_int_equal(first_status(LMS_EARLY_NEVER, 0.0f, LMS_LENGTH_GENERATED), early);
    assert_int_equal(first_status(LMS_EARLY_NEVER, -1.0f, LMS_LENGTH_GENERATED), early);
    assert_int_equal(first_status(LMS_EARLY_NEVER, 0.25f, LMS_LENGTH_GENERATED), early);
    assert_int_equal(first_status(LMS_EARLY_NEVER, 0.26f, LMS_LENGTH_GENERATED), 0);
    /* beside a long prompt, ten tokens are nothing */
    assert_int_equal(first_status(LMS_EARLY_NEVER, 1.0f, LMS_LENGTH_WITH_PROMPT), early);
    assert_int_equal(first_status(LMS_EARLY_NEVER, 1.0f, LMS_LENGTH_NONE), early);
}

/* An equal rating is enough to stop. */
static void test_early_tie(void **state)
{
    (void)state;
    const int32_t ends[] = {0};
    lms_beam_params p = params(1, 10);
    p.end_tokens = 1;
    rig r;
    begin(&r, &p, ends, 2);
    assert_int_equal(step(&r), LMS_BEAM_DONE | LMS_BEAM_EARLY);
    end(&r);
}

static int64_t rating_of_two(float penalty, uint32_t counts, uint32_t flags)
{
    const int32_t ends[] = {1};
    lms_beam_params p = params(1, 4);
    p.end_tokens = 1;
    p.length_penalty = penalty;
    p.length_counts = counts;
    p.flags = flags;
    p.prompt_length = 2;
    rig r;
    begin(&r, &p, ends, 2);
    weights(&r, 0, (double[]){0.5, 0.5});
    step(&r);
    weights(&r, 0, (double[]){0.25, 0.75});
    step(&r);
    results(&r);
    expect_result(&r, 0, 2, (int32_t[]){0, 1});
    expect_near(r.results[0].score, log(0.375));
    const int64_t rating = r.results[0].rating;
    end(&r);
    return rating;
}

static void test_ratings(void **state)
{
    (void)state;
    const double s = log(0.375);
    expect_near(rating_of_two(0.0f, LMS_LENGTH_GENERATED, 0), s);
    expect_near(rating_of_two(1.0f, LMS_LENGTH_NONE, 0), s);
    expect_near(rating_of_two(1.0f, LMS_LENGTH_GENERATED, 0), s / 2.0);
    expect_near(rating_of_two(0.5f, LMS_LENGTH_GENERATED, 0), s / sqrt(2.0));
    expect_near(rating_of_two(-1.0f, LMS_LENGTH_GENERATED, 0), s * 2.0);
    expect_near(rating_of_two(20.0f, LMS_LENGTH_GENERATED, 0), s / 1048576.0);
    expect_near(rating_of_two(1.0f, LMS_LENGTH_WITH_PROMPT, 0), s / 4.0);
    expect_near(rating_of_two(1.0f, LMS_LENGTH_GENERATED, LMS_BEAM_LENGTH_WITHOUT_END), s);
    expect_near(rating_of_two(1.0f, LMS_LENGTH_WITH_PROMPT, LMS_BEAM_LENGTH_WITHOUT_END),
                s / 3.0);
}

static void test_max_length(void **state)
{
    (void)state;
    for (uint32_t keep = 0; keep < 2; keep++) {
        lms_beam_params p = params(2, 1);
        p.flags = keep ? LMS_BEAM_KEEP_LIVE : 0;
        p.early_stopping = LMS_EARLY_OFF;
        rig r;
        begin(&r, &p, NULL, 3);
        weights(&r, 0, (double[]){0.2, 0.5, 0.3});
        assert_int_equal(step(&r), LMS_BEAM_DONE);
        expect_move(&r, 0, 0, keep ? 1 : LMS_NO_TOKEN);
        expect_move(&r, 1, keep ? 0 : 1, keep ? 2 : LMS_NO_TOKEN);
        assert_int_equal(results(&r), 2);
        expect_result(&r, 0, 1, (int32_t[]){1});
        expect_result(&r, 1, 1, (int32_t[]){2});
        end(&r);
    }
}

/* Live beams come behind all results, or among them with KEEP_LIVE. */
static void test_classes(void **state)
{
    (void)state;
    const int32_t ends[] = {0};
    for (uint32_t keep = 0; keep < 2; keep++) {
        lms_beam_params p = params(2, 5);
        p.end_tokens = 1;
        p.flags = keep ? LMS_BEAM_KEEP_LIVE : 0;
        p.early_stopping = LMS_EARLY_OFF;
        rig r;
        begin(&r, &p, ends, 3);
        weights(&r, 0, (double[]){0.3, 0.6, 0.1});
        assert_int_equal(step(&r), 0);
        assert_int_equal(results(&r), 2);
        expect_result(&r, 0, 1, keep ? (int32_t[]){1} : (int32_t[]){0});
        expect_result(&r, 1, 1, keep ? (int32_t[]){0} : (int32_t[]){1});
        end(&r);
    }
}

static void test_results_at_once(void **state)
{
    (void)state;
    lms_beam_params p = params(4, 5);
    p.groups = 2;
    rig r;
    begin(&r, &p, NULL, 3);
    assert_int_equal(results(&r), 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(r.results[i].length, 0);
        assert_int_equal(r.results[i].rating, 0);
    }
    end(&r);
}

/* --- hostile rows --- */

static void test_dead_rows(void **state)
{
    (void)state;
    lms_beam_params p = params(2, 5);
    rig r;
    begin(&r, &p, NULL, 3);
    weights(&r, 0, (double[]){0.2, 0.5, 0.3});
    assert_int_equal(step(&r), 0);
    expect_move(&r, 0, 0, 1);
    expect_move(&r, 1, 0, 2);
    /* one row dead: the other offers enough */
    weights(&r, 0, (double[]){0.0, 0.0, 0.0});
    weights(&r, 1, (double[]){0.2, 0.5, 0.3});
    r.rows[0][1] = NAN;
    assert_int_equal(step(&r), LMS_ROW_NAN_SEEN);
    expect_move(&r, 0, 1, 1);
    expect_move(&r, 1, 1, 2);
    /* all dead: the beams stay as they were */
    weights(&r, 0, (double[]){0.0, 0.0, 0.0});
    weights(&r, 1, (double[]){0.0, 0.0, 0.0});
    const int64_t before = oracle_beam_score(r.beam, 1);
    assert_int_equal(step(&r), LMS_BEAM_DONE | LMS_BEAM_EMPTY);
    expect_move(&r, 0, 0, LMS_NO_TOKEN);
    expect_move(&r, 1, 1, LMS_NO_TOKEN);
    assert_int_equal(r.moves[1].score, before);
    assert_int_equal(results(&r), 2);
    expect_result(&r, 0, 2, (int32_t[]){2, 1});
    expect_result(&r, 1, 2, (int32_t[]){2, 2});
    end(&r);
}

static void test_dead_at_once(void **state)
{
    (void)state;
    lms_beam_params p = params(3, 5);
    rig r;
    begin(&r, &p, NULL, 2);
    weights(&r, 0, (double[]){0.0, 0.0});
    assert_int_equal(step(&r), LMS_BEAM_DONE | LMS_BEAM_EMPTY);
    assert_int_equal(r.moves[0].score, 0);
    assert_true(r.moves[1].score == ORACLE_BEAM_NONE);
    assert_int_equal(results(&r), 1);
    assert_int_equal(r.results[0].length, 0);
    end(&r);
}

/* Infinite logits share the probability; all others are 2^29 nats below, down to the floor. */
static void test_infinite_rows(void **state)
{
    (void)state;
    lms_beam_params p = params(3, 5);
    rig r;
    begin(&r, &p, NULL, 3);
    for (uint32_t n = 0; n < 3; n++) {
        r.rows[n][0] = r.rows[n][2] = INFINITY;
    }
    assert_int_equal(step(&r), LMS_ROW_INF_SEEN);
    expect_move(&r, 0, 0, 0);
    expect_move(&r, 1, 0, 2);
    expect_move(&r, 2, 0, 1);
    expect_near(r.moves[0].score, log(0.5));
    assert_true(r.moves[2].score == r.moves[0].score - (INT64_C(1) << 61));
    end(&r);
}

static void test_floor(void **state)
{
    (void)state;
    lms_beam_params p = params(2, 9);
    rig r;
    begin(&r, &p, NULL, 4);
    for (uint32_t t = 0; t < 4; t++) {
        /* three of the four tokens cannot be: the beams are that far apart */
        for (uint32_t n = 0; n < 2; n++) {
            const float row[] = {-3e38f, -1e38f, 3e38f, -2e38f};
            memcpy(r.rows[n], row, sizeof row);
        }
        assert_int_equal(step(&r), 0);
        expect_move(&r, 0, 0, 2);
        /* equally bad ones by parent, then token */
        expect_move(&r, 1, 0, 0);
        assert_int_equal(r.moves[0].score, 0);
        assert_true(r.moves[1].score == -(INT64_C(1) << 61));
    }
    /* from -2^61 it is 2^61 to the floor, where all are equal */
    const float row[] = {-INFINITY, -INFINITY, -3e38f, 3e38f};
    memcpy(r.rows[1], row, sizeof row);
    memcpy(r.rows[0], (float[]){-INFINITY, -INFINITY, -INFINITY, -INFINITY}, sizeof row);
    assert_int_equal(step(&r), 0);
    expect_move(&r, 0, 1, 3);
    expect_move(&r, 1, 1, 2);
    assert_true(r.moves[1].score == ORACLE_BEAM_FLOOR);
    memcpy(r.rows[0], (float[]){-INFINITY, -INFINITY, -INFINITY, -INFINITY}, sizeof row);
    memcpy(r.rows[1], (float[]){-3e38f, -2e38f, -3e38f, -3e38f}, sizeof row);
    r.rows[1][1] = 3e38f;
    assert_int_equal(step(&r), 0);
    expect_move(&r, 0, 1, 0);
    expect_move(&r, 1, 1, 1);
    assert_true(r.moves[0].score == ORACLE_BEAM_FLOOR);
    end(&r);
}

static void test_more_beams_than_tokens(void **state)
{
    (void)state;
    lms_beam_params p = params(4, 5);
    rig r;
    begin(&r, &p, NULL, 2);
    weights(&r, 0, (double[]){0.1, 0.9});
    assert_int_equal(step(&r), 0);
    expect_move(&r, 0, 0, 1);
    expect_move(&r, 1, 0, 0);
    expect_move(&r, 2, 2, LMS_NO_TOKEN);
    expect_move(&r, 3, 3, LMS_NO_TOKEN);
    assert_true(r.moves[2].score == ORACLE_BEAM_NONE);
    assert_true(oracle_beam_reads(r.beam, 1) && !oracle_beam_reads(r.beam, 2));
    weights(&r, 0, (double[]){0.5, 0.5});
    weights(&r, 1, (double[]){0.4, 0.6});
    assert_int_equal(step(&r), 0);
    expect_move(&r, 0, 0, 0);
    expect_move(&r, 1, 0, 1);
    expect_move(&r, 2, 1, 1);
    expect_move(&r, 3, 1, 0);
    end(&r);
}

/* --- filters and groups --- */

static void test_filters(void **state)
{
    (void)state;
    for (uint32_t flags = 0; flags <= LMS_BEAM_RENORMALIZE; flags += LMS_BEAM_RENORMALIZE) {
        lms_beam_params p = params(3, 5);
        p.top_k = 2;
        p.flags = flags;
        rig r;
        begin(&r, &p, NULL, 3);
        weights(&r, 0, (double[]){0.5, 0.2, 0.3});
        assert_int_equal(step(&r), 0);
        expect_move(&r, 0, 0, 0);
        expect_move(&r, 1, 0, 2);
        expect_move(&r, 2, 2, LMS_NO_TOKEN);
        expect_near(r.moves[0].score, flags ? log(0.5 / 0.8) : log(0.5));
        expect_near(r.moves[1].score, flags ? log(0.3 / 0.8) : log(0.3));
        end(&r);
    }
}

static void test_diversity(void **state)
{
    (void)state;
    lms_beam_params p = params(3, 5);
    p.groups = 3;
    p.diversity_penalty = 1.0f;
    rig r;
    begin(&r, &p, NULL, 3);
    weights(&r, 0, (double[]){0.6, 0.3, 0.1});
    assert_int_equal(step(&r), 0);
    /* 0.6 is worth 0.22, then 0.3 is worth 0.11 and 0.6 is at 0.22 */
    expect_move(&r, 0, 0, 0);
    expect_move(&r, 1, 0, 1);
    expect_move(&r, 2, 0, 0);
    expect_near(r.moves[1].score, log(0.3));
    expect_near(r.moves[2].score, log(0.6) - 1.0);
    assert_int_equal(results(&r), 3);
    expect_near(r.results[2].score, log(0.6) - 1.0);
    expect_near(r.results[2].logprobs[0], log(0.6));
    assert_int_equal(r.results[2].beams[0], 0);
    end(&r);
}

static void test_endless_diversity(void **state)
{
    (void)state;
    lms_beam_params p = params(8, 5);
    p.groups = 8;
    p.diversity_penalty = 3e38f;
    rig r;
    begin(&r, &p, NULL, 1);
    assert_int_equal(step(&r), 0);
    assert_int_equal(r.moves[0].score, 0);
    assert_true(r.moves[1].score == -(INT64_C(1) << 61));
    for (uint32_t n = 2; n < 8; n++) {
        assert_true(r.moves[n].score == ORACLE_BEAM_FLOOR);
    }
    end(&r);
}

/* A group that is done has no part any more, its row is not read; the others go on. */
static void test_done_group(void **state)
{
    (void)state;
    const int32_t ends[] = {1};
    lms_beam_params p = params(2, 5);
    p.groups = 2;
    p.end_tokens = 1;
    p.diversity_penalty = 0.5f;
    rig r;
    begin(&r, &p, ends, 3);
    weights(&r, 0, (double[]){0.5, 0.1, 0.4});
    assert_int_equal(step(&r), 0);
    expect_move(&r, 0, 0, 0);
    expect_move(&r, 1, 0, 2);
    weights(&r, 0, (double[]){0.2, 0.7, 0.1});
    weights(&r, 1, (double[]){0.6, 0.1, 0.3});
    assert_int_equal(step(&r), 0);
    /* the first group ends, and its live beam still makes 0 dearer: 0.36 is more than 0.3 */
    expect_move(&r, 0, 0, 0);
    expect_move(&r, 1, 1, 0);
    expect_near(r.moves[1].score, log(0.4 * 0.6) - 0.5);
    assert_true(!oracle_beam_reads(r.beam, 0) && oracle_beam_reads(r.beam, 1));
    r.rows[0][0] = NAN;
    weights(&r, 1, (double[]){0.6, 0.3, 0.1});
    assert_int_equal(step(&r), 0);
    expect_move(&r, 0, 0, LMS_NO_TOKEN);
    expect_move(&r, 1, 1, 0);
    expect_near(r.moves[0].score, log(0.5 * 0.2));
    expect_near(r.moves[1].score, log(0.4 * 0.6 * 0.6) - 0.5);
    weights(&r, 1, (double[]){0.0, 0.0, 0.0});
    assert_int_equal(step(&r), LMS_BEAM_DONE | LMS_BEAM_EMPTY);
    assert_int_equal(results(&r), 2);
    expect_result(&r, 0, 2, (int32_t[]){0, 1});
    /* the second group's live beam is not early, but without KEEP_LIVE it is of class two */
    expect_result(&r, 1, 3, (int32_t[]){2, 0, 0});
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end_at_first_step),
        cmocka_unit_test(test_end_rank),
        cmocka_unit_test(test_all_end),
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_min_length),
        cmocka_unit_test(test_min_length_and_certain_end),
        cmocka_unit_test(test_min_length_counts_all),
        cmocka_unit_test(test_min_length_and_nothing_else),
        cmocka_unit_test(test_early_stopping),
        cmocka_unit_test(test_early_tie),
        cmocka_unit_test(test_ratings),
        cmocka_unit_test(test_max_length),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_results_at_once),
        cmocka_unit_test(test_dead_rows),
        cmocka_unit_test(test_dead_at_once),
        cmocka_unit_test(test_infinite_rows),
        cmocka_unit_test(test_floor),
        cmocka_unit_test(test_more_beams_than_tokens),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_diversity),
        cmocka_unit_test(test_endless_diversity),
        cmocka_unit_test(test_done_group),
    };
    return cmocka_run_group_tests_name("oracle_beam_edges", tests, NULL, NULL);
}
