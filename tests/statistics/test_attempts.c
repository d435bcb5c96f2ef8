/* How many attempts do draws take? For kinds of rows and filters the number that can be
 * expected, as a table, and the mean of the oracle's draws against it; both against the bounds
 * of section 7 of docs/reference/specification.md; then a search for rows that come closest.
 * No device. Larger rows where LMS_SLOW_TESTS are asked for: docs/develop/performance.md has
 * their table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/attempts.h"
#include "../support/gen.h"
#include "../support/oracle_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define MOST ORACLE_VOCAB_MAX
#define SEARCH_GROUPS 64

static float x[MOST];
static bool slow;

/* --- kinds of rows --- */

static void fill_sigma(uint32_t vocab, double sigma)
{
    uint64_t state = 7;
    rows_fill_normal(x, vocab, sigma, &state);
}

static void fill_half(uint32_t vocab) { fill_sigma(vocab, 0.5); }
static void fill_one(uint32_t vocab) { fill_sigma(vocab, 1.0); }
static void fill_two(uint32_t vocab) { fill_sigma(vocab, 2.0); }
static void fill_three(uint32_t vocab) { fill_sigma(vocab, 3.0); }
static void fill_five(uint32_t vocab) { fill_sigma(vocab, 5.0); }
static void fill_equal(uint32_t vocab) { rows_fill_equal(x, vocab, 1.0f); }

/* A token gets nine tenths of the mass. */
static void fill_dominant(uint32_t vocab)
{
    double mass = 0.0;
    fill_sigma(vocab, 2.0);
    for (uint32_t i = 0; i < vocab; ++i) mass += exp((double)x[i]);
    x[vocab / 3] = (float)log(9.0 * mass);
}

static void fill_zipf(uint32_t vocab)
{
    uint64_t state = 8;
    for (uint32_t i = 0; i < vocab; ++i) {
        const uint32_t j = (uint32_t)(rows_random(&state) % (i + 1));
        x[i] = x[j];
        x[j] = (float)(-1.1 * log((double)i + 1.0));
    }
}

static void fill_gumbel(uint32_t vocab)
{
    uint64_t state = 9;
    for (uint32_t i = 0; i < vocab; ++i) {
        x[i] = (float)-log(-log(rows_between(&state, 1e-12, 1.0)));
    }
}

static void fill_bfloat16(uint32_t vocab)
{
    fill_sigma(vocab, 2.0);
    for (uint32_t i = 0; i < vocab; ++i) x[i] = rows_to_bfloat16_value(x[i] + 24.0f);
}

/* One token of 32 has all of its group's weight. */
static void fill_heads(uint32_t vocab)
{
    for (uint32_t i = 0; i < vocab; ++i) x[i] = i % 32 == 11 ? 0.0f : -30.0f;
}

static void fill_normal_heads(uint32_t vocab)
{
    fill_sigma(vocab, 2.0);
    for (uint32_t i = 0; i < vocab; ++i) x[i] = i % 32 == 11 ? x[i] : -30.0f;
}

static void fill_one_group(uint32_t vocab)
{
    fill_sigma(vocab, 1.0);
    for (uint32_t i = 64; i < 96; ++i) x[i] = 12.0f;
}

/* Half of the mass is in one token of 256, half in the others. */
static void fill_two_levels(uint32_t vocab)
{
    for (uint32_t i = 0; i < vocab; ++i) x[i] = i % 256 == 200 ? logf(255.0f) : 0.0f;
}

/* Every group a thousandth below the one before, and its first token 3.5 above the others. */
static void fill_slope(uint32_t vocab)
{
    for (uint32_t i = 0; i < vocab; ++i)
        x[i] = -1e-3f * (float)(i / 32) - (i % 32 ? 3.5f : 0.0f);
}

static const struct row_kind {
    const char *name;
    void (*fill)(uint32_t vocab);
} kinds[] = {
    {"normal, sigma 0.5", fill_half},
    {"normal, sigma 1", fill_one},
    {"normal, sigma 2", fill_two},
    {"normal, sigma 3", fill_three},
    {"normal, sigma 5", fill_five},
    {"dominant", fill_dominant},
    {"zipf 1.1", fill_zipf},
    {"gumbel", fill_gumbel},
    {"equal", fill_equal},
    {"ties: bfloat16 around 24", fill_bfloat16},
    {"one token of each group, equal", fill_heads},
    {"one token of each group, sigma 2", fill_normal_heads},
    {"one group has it all", fill_one_group},
    {"two levels, half and half", fill_two_levels},
    {"a slope of groups", fill_slope},
};

/* --- the table --- */

enum {
    LLAMA_CPP = ORACLE_TEMPERATURE_LAST | ORACLE_MIN_P_LAST
};

static const struct filter_kind {
    const char *name;
    oracle_params p;
} filters[] = {
    {"none", {.temperature = 1, .top_p = 1}},
    {"p 0.99", {.temperature = 1, .top_p = 0.99f}},
    {"p 0.9", {.temperature = 1, .top_p = 0.9f}},
    {"p 0.5", {.temperature = 1, .top_p = 0.5f}},
    {"p 0.1", {.temperature = 1, .top_p = 0.1f}},
    {"p 0.01", {.temperature = 1, .top_p = 0.01f}},
    {"k 1", {.temperature = 1, .top_p = 1, .top_k = 1}},
    {"k 2", {.temperature = 1, .top_p = 1, .top_k = 2}},
    {"k 50", {.temperature = 1, .top_p = 1, .top_k = 50}},
    {"k 1024", {.temperature = 1, .top_p = 1, .top_k = 1024}},
    {"k 100000", {.temperature = 1, .top_p = 1, .top_k = 100000}},
    {"k 50, ties", {.temperature = 1, .top_p = 1, .top_k = 50, .flags = ORACLE_TOP_K_TIES}},
    {"min-p 0.05", {.temperature = 1, .top_p = 1, .min_p = 0.05f}},
    {"k 50, p 0.9", {.temperature = 1, .top_p = 0.9f, .top_k = 50}},
    {"k 50, p 0.9 of the row",
     {.temperature = 1, .top_p = 0.9f, .top_k = 50, .flags = ORACLE_TOP_P_WHOLE_ROW}},
    {"llama.cpp, T 0.01",
     {.temperature = 0.01f, .top_p = 0.95f, .top_k = 40, .min_p = 0.05f, .flags = LLAMA_CPP}},
    {"llama.cpp, T 100",
     {.temperature = 100, .top_p = 0.95f, .top_k = 40, .min_p = 0.05f, .flags = LLAMA_CPP}},
    {"p 0.5, then T 100",
     {.temperature = 100, .top_p = 0.5f, .flags = ORACLE_TEMPERATURE_LAST}},
};

#define FILTERS LENGTH(filters)
#define KINDS LENGTH(kinds)
#define FIRST_TABLE 9 /* columns; the others are a second one */

/* The mean of the oracle's draws within six of its standard deviations of what is expected. */
static void check_draws(const oracle_row *row, const attempts *wanted)
{
    const uint32_t draws = slow ? 4000 : 1000;
    double sum = 0.0, squares = 0.0;
    for (uint32_t i = 0; i < draws; ++i) {
        oracle_result result;
        oracle_draw(row, 11, i, NULL, 0, &result);
        sum += result.attempts;
        squares += (double)result.attempts * result.attempts;
    }
    const double mean = sum / draws, rate = wanted->first;
    /* where hardly an attempt fails, none of these may have */
    const double variance = fmax(squares / draws - mean * mean, (1.0 - rate) / (rate * rate));
    assert_true(fabs(mean - wanted->expected) <= 6.0 * sqrt(variance / draws));
    assert_true(mean <= wanted->bound + 6.0 * sqrt(variance / draws));
}

static void print_table(const double (*expected)[FILTERS], size_t begin, size_t end)
{
    print_message("\n| |");
    for (size_t f = begin; f < end; ++f) print_message(" %s |", filters[f].name);
    print_message("\n|---|");
    for (size_t f = begin; f < end; ++f) print_message("---|");
    for (size_t k = 0; k < KINDS; ++k) {
        print_message("\n| %s |", kinds[k].name);
        for (size_t f = begin; f < end; ++f) print_message(" %.1f |", expected[k][f]);
    }
    print_message("\n");
}

static void test_table(void **unused)
{
    static double expected[KINDS][FILTERS];
    const uint32_t vocab = slow ? 128256 : 8200;
    double nearest = 0.0;
    (void)unused;
    for (size_t k = 0; k < KINDS; ++k) {
        kinds[k].fill(vocab);
        for (size_t f = 0; f < FILTERS; ++f) {
            attempts found;
            oracle_row *const row = oracle_prepare(x, vocab, &filters[f].p);
            assert_non_null(row);
            assert_true(attempts_expect(row, &filters[f].p, &found));
            assert_true(found.expected >= 1.0 && found.expected <= found.bound);
            check_draws(row, &found);
            oracle_row_free(row);
            expected[k][f] = found.expected;
            if (found.bound > 33.0) nearest = fmax(nearest, found.expected / found.bound);
        }
    }
    print_message("Expected attempts, vocabulary %u:\n", vocab);
    print_table((const double(*)[FILTERS])expected, 0, FIRST_TABLE);
    print_table((const double(*)[FILTERS])expected, FIRST_TABLE, FILTERS);
    print_message("with top-p or ties at most %.3f of the bound\n", nearest);
}

/* --- rows that come close to the bound --- */

static attempts expect(uint32_t vocab, const oracle_params *p)
{
    attempts found;
    oracle_row *const row = oracle_prepare(x, vocab, p);
    assert_non_null(row);
    assert_true(attempts_expect(row, p, &found));
    oracle_row_free(row);
    assert_true(found.expected >= 1.0 && found.expected <= found.bound);
    return found;
}

/* Every group has one token that counts. The first of these weighs as much as `head` others,
 * and it alone is kept. */
static void one_of_all_groups(double head)
{
    const uint32_t largest = slow ? MOST : 131072;
    for (uint32_t vocab = 2048; vocab <= largest; vocab *= 8) {
        const oracle_params p = {.temperature = 1.0f, .top_p = 0x1p-30f};
        fill_heads(vocab);
        x[11] = (float)log(head);
        const attempts found = expect(vocab, &p);
        print_message("one of %u groups, as heavy as %g others: %.1f attempts expected, %.3f "
                      "of the bound\n",
                      found.groups, head, found.expected, found.expected / found.bound);
    }
}

/* Equal ones take the most attempts that were found, and a heavier one comes closest to the
 * bound. */
static void test_one_of_all_groups(void **unused)
{
    (void)unused;
    one_of_all_groups(1.0);
    one_of_all_groups(8.0);
}

/* A row of groups that have one token at their level and some a little below, with filters. */
typedef struct candidate {
    double level[SEARCH_GROUPS];
    double depth;
    uint32_t companions; /* 0 to 31 */
    oracle_params p;
    double share; /* of the bound */
} candidate;

static void rate(candidate *c)
{
    const uint32_t vocab = 32 * SEARCH_GROUPS;
    for (uint32_t i = 0; i < vocab; ++i) {
        const double level = c->level[i / 32];
        const uint32_t place = i % 32;
        x[i] = (float)(place == 0               ? level
                       : place <= c->companions ? level - c->depth
                                                : level - 40.0);
    }
    const attempts found = expect(vocab, &c->p);
    c->share = found.bound > 33.0 ? found.expected / found.bound : 0.0;
}

static void change_filters(candidate *c, uint64_t *state)
{
    switch (rows_random(state) % 4) {
    case 0: c->p.top_p = (float)exp2(rows_between(state, -30.0, 0.0)); break;
    case 1:
        c->p.top_k = (int32_t)(gen_below(3, state) * exp2(rows_between(state, 0, 11)));
        break;
    case 2: c->p.flags = (uint32_t)rows_random(state) % 16; break;
    default: c->p.temperature = (float)exp2(rows_between(state, -7.0, 7.0)); break;
    }
}

static void change(candidate *c, uint64_t *state)
{
    const size_t from = rows_random(state) % SEARCH_GROUPS;
    const size_t left = SEARCH_GROUPS - from;
    const size_t count = rows_random(state) % 2 ? 1 : 1 + rows_random(state) % left;
    const double by = rows_normal(state) * exp2(rows_between(state, -6.0, 3.0));
    const double slope = rows_random(state) % 2 ? 0.0 : rows_normal(state) * 0.1;
    switch (rows_random(state) % 8) {
    case 0: c->companions = (uint32_t)rows_random(state) % 32; break;
    case 1: c->depth = exp2(rows_between(state, -4.0, 5.0)); break;
    case 2:
    case 3: change_filters(c, state); break;
    default:
        for (size_t g = from; g < from + count; ++g) {
            c->level[g] += by + slope * (double)(g - from);
        }
    }
}

/* Uphill from random rows. */
static void test_search(void **unused)
{
    const int starts = slow ? 40 : 4, steps = slow ? 4000 : 800;
    uint64_t state = 77;
    candidate worst = {.share = 0.0};
    (void)unused;
    for (int i = 0; i < starts; ++i) {
        candidate best = {.p = {.temperature = 1.0f, .top_p = 0.5f}};
        const double sigma = exp2(rows_between(&state, -4.0, 3.0));
        for (size_t g = 0; g < SEARCH_GROUPS; ++g) best.level[g] = sigma * rows_normal(&state);
        rate(&best);
        for (int j = 0; j < steps; ++j) {
            candidate next = best;
            for (uint64_t changes = 1 + rows_random(&state) % 3; changes > 0; --changes) {
                change(&next, &state);
            }
            rate(&next);
            if (next.share >= best.share) best = next;
        }
        if (best.share > worst.share) worst = best;
    }
    print_message("found by search: %.3f of the bound, with top_p %.3g, top_k %d, flags %u, T "
                  "%.3g, %u tokens %.3g below each group's first; those first ones:\n",
                  worst.share, (double)worst.p.top_p, worst.p.top_k, worst.p.flags,
                  (double)worst.p.temperature, worst.companions, worst.depth);
    for (size_t g = 0; g < SEARCH_GROUPS; ++g) print_message("%.2f ", worst.level[g]);
    print_message("\n");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_one_of_all_groups),
        cmocka_unit_test(test_search),
    };
    slow = argc > 1 && strcmp(argv[1], "slow") == 0;
    return cmocka_run_group_tests_name("attempts", tests, NULL, NULL);
}
