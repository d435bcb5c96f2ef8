/* Rows with requests against the oracle, bit for bit: every edit alone, mixes of them, all
 * outputs, any state of slots and tables; and the same bits wherever and however a row is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/device.h"
#include "../support/oracle_rows.h"
#include "../support/request_batch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static lms_context *ctx;

static void check(const batch *b, const batch_way *way, const batch_out *expected,
                  const char *what)
{
    char text[200];
    batch_out *const actual = batch_run(ctx, b, way);
    snprintf(text, sizeof text,
             "%s: vocab %u, dtype %d, work_items %u, tokens %d, per call %u, doors %d %d %d, "
             "slots %d, others %u, append %d",
             what, b->vocab, (int)b->dtype, way->work_items, (int)way->tokens, way->per_call,
             way->params_on_device, way->index_on_device, way->tables_on_device,
             (int)way->slots, way->other_slots, way->append);
    const uint32_t bad = batch_differences(b, expected, actual, text);
    batch_out_free(actual);
    assert_int_equal(bad, 0);
}

static void check_mix(const request_mix *mix, uint32_t work_items, const char *what,
                      uint64_t seed)
{
    uint64_t state = seed;
    char text[80];
    batch *const b = request_batch(mix, &state);
    batch_way way = request_way(work_items, &state);
    batch_out *const expected = batch_expect(b);
    snprintf(text, sizeof text, "%s, seed %llu", what, (unsigned long long)seed);
    if (mix->hostile) way.params_on_device = way.tables_on_device = true;
    way.append = mix->own_slots && !way.params_on_device && b->requests->slot_count > 0;
    check(b, &way, expected, text);
    /* Where nothing is told of edited rows, teams of one keep values in another way. */
    way.not_wanted = LMS_OUT_ALL & ~(uint32_t)LMS_OUT_LOGPROB_RAW;
    if (work_items == 1) check(b, &way, expected, text);
    batch_out_free(expected);
    batch_free(b);
}

static uint32_t some_vocab(uint32_t most, uint64_t *state)
{
    static const uint32_t edges[] = {1, 2, 31, 32, 33, 255, 256, 257, 512, 1000, 2048, 2049};
    if (gen_below(3, state) == 0) return edges[gen_below(LENGTH(edges), state)];
    return (uint32_t)exp2(rows_between(state, 0.0, log2(most)));
}

static void check_each(uint32_t work_items, uint32_t batches)
{
    for (uint32_t kind = 0; kind < GEN_EDIT_KINDS; ++kind) {
        /* of DRY, few random sequences have a breaker where it matters */
        const uint32_t all = kind == GEN_EDIT_DRY ? 10 * batches : batches;
        for (uint32_t i = 0; i < all; ++i) {
            uint64_t state = 1000 * kind + i;
            const request_mix mix = {.vocab = some_vocab(1500, &state),
                                     .rows = 12,
                                     .logits_rows = 5,
                                     .dtype = LMS_FLOAT32,
                                     .kinds = 1u << kind,
                                     .longest = i % 4 ? 80 : 700,
                                     .tame = i % 2 == 0};
            check_mix(&mix, work_items, gen_edit_name((gen_edit)kind), 1000 * kind + i);
        }
    }
}

static void check_mixes(uint32_t work_items, lms_dtype dtype, uint32_t batches, uint64_t seed)
{
    for (uint32_t i = 0; i < batches; ++i) {
        uint64_t state = seed + i;
        const request_mix mix = {.vocab = some_vocab(4000, &state),
                                 .rows = 1 + gen_below(40, &state),
                                 .logits_rows = 1 + gen_below(6, &state),
                                 .dtype = dtype,
                                 .longest = (seed + i) % 4 ? 100 : 600,
                                 .tame = (seed + i) / 2 % 2,
                                 .plain_too = (seed + i) % 3 == 0,
                                 .own_slots = (seed + i) % 5 == 0};
        check_mix(&mix, work_items, "mix", seed + i);
    }
}

static void test_each_edit(void **unused)
{
    (void)unused;
    check_each(1, 6);
}

static void test_each_edit_of_teams(void **unused)
{
    (void)unused;
    check_each(64, 4);
}

static void test_mixes(void **unused)
{
    (void)unused;
    check_mixes(1, LMS_FLOAT32, 60, 100000);
    check_mixes(1, LMS_BFLOAT16, 20, 200000);
}

static void test_mixes_of_teams(void **unused)
{
    (void)unused;
    check_mixes(64, LMS_FLOAT32, 40, 300000);
}

static void test_bad_records(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 20; ++i) {
        const request_mix mix = {.vocab = 40 + 100 * i,
                                 .rows = 40,
                                 .logits_rows = 3,
                                 .dtype = LMS_FLOAT32,
                                 .longest = 60,
                                 .tame = true,
                                 .hostile = true};
        check_mix(&mix, i % 4 ? 1 : 64, "bad records", 400000 + i);
    }
}

/* All lists of a call are empty, so that there are no ids and no values. */
static void test_empty_lists(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 4; ++i) {
        uint64_t state = i;
        batch *const b = batch_new(50, 2, 1, LMS_FLOAT32);
        lms_row_edits e = LMS_ROW_EDITS_INIT;
        b->requests = requests_new();
        gen_row(GEN_NORMAL_ONE, b->logits, b->vocab, &state);
        e.bias = e.banned = e.end_tokens = requests_add_list(b->requests, NULL, NULL, 0);
        e.sequence_bias = e.bad_words = requests_add_list(b->requests, NULL, NULL, 0);
        b->params[0].request.edits = requests_add_edits(b->requests, &e);
        e.allowed = e.bias; /* bans all tokens */
        b->params[1].request.edits = requests_add_edits(b->requests, &e);
        const batch_way way = {
            .work_items = 1, .params_on_device = i % 2, .tables_on_device = i / 2};
        batch_out *const expected = batch_expect(b);
        assert_int_equal(expected->status[1], LMS_ROW_EMPTY);
        check(b, &way, expected, "empty lists");
        batch_out_free(expected);
        batch_free(b);
    }
}

static void test_large_vocabularies(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 3; ++i) {
        const request_mix mix = {.vocab = 100000 + 77 * i,
                                 .rows = 6,
                                 .logits_rows = 3,
                                 .dtype = LMS_FLOAT32,
                                 .longest = 100,
                                 .tame = i > 0};
        check_mix(&mix, i % 2 ? 64 : 1, "large", 500000 + i);
    }
}

static void test_long_histories(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 4; ++i) {
        const request_mix mix = {.vocab = 300 + 500 * i,
                                 .rows = 4,
                                 .logits_rows = 2,
                                 .dtype = LMS_FLOAT32,
                                 .longest = 4000,
                                 .tame = true};
        check_mix(&mix, i % 2 ? 64 : 1, "long", 600000 + i);
    }
}

/* Tokens that are there more often than the lower half of an entry can tell. */
static void test_many_times(void **unused)
{
    static const uint32_t times[] = {2047, 2048, 2049, 2500};
    enum {
        KINDS = 4,
        MOST = 2 * (2047 + 2048 + 2049 + 2500)
    };
    int32_t tokens[MOST];
    uint32_t length = 0, prompt = 0;
    (void)unused;
    for (int32_t part = 0; part < 2; ++part) { /* the prompt, then what was generated */
        for (uint32_t k = 0; k < KINDS; ++k) {
            for (uint32_t i = 0; i < times[k]; ++i) {
                tokens[length++] = (int32_t)(k + 2 * (uint32_t)part);
            }
        }
        if (part == 0) prompt = length;
    }
    for (uint32_t team = 1; team <= 64; team += 63) {
        static const uint32_t flags[] = {LMS_EDITS_LLAMA_CPP, LMS_FREQUENCY_NOT_OUTPUT,
                                         LMS_PRESENCE_PROMPT | LMS_PRESENCE_NOT_OUTPUT,
                                         LMS_FREQUENCY_PROMPT};
        uint64_t state = team;
        batch *const b = batch_new(20, LENGTH(flags), 1, LMS_FLOAT32);
        b->requests = requests_new();
        gen_row(GEN_NORMAL_ONE, b->logits, b->vocab, &state);
        const uint32_t slot = requests_add_slot(b->requests, tokens, length, prompt, 0);
        for (uint32_t r = 0; r < b->rows; ++r) {
            lms_row_edits e = LMS_ROW_EDITS_INIT;
            e.flags = flags[r];
            e.frequency = 0.001f;
            e.presence = 0.25f;
            b->params[r].request.edits = requests_add_edits(b->requests, &e);
            b->params[r].request.slot = slot;
        }
        const batch_way way = {.work_items = team};
        batch_out *const expected = batch_expect(b);
        check(b, &way, expected, "many times");
        batch_out_free(expected);
        batch_free(b);
    }
}

/* Guidance by logits of which most are less than 2^-64, so taken for 0: with a large factor it
 * shows if they are not. */
static void test_tiny_guidance(void **unused)
{
    static const float factors[] = {1e19f, -1e19f, 1e20f, 3.0f};
    (void)unused;
    for (uint32_t team = 1; team <= 64; team += 63) {
        uint64_t state = 900000 + team;
        batch *const b = batch_new(50, 40, 2, LMS_FLOAT32);
        b->requests = requests_new();
        for (uint32_t i = 0; i < b->logits_rows * b->vocab; ++i) {
            b->logits[i] = 0x1p-67f * (float)gen_below(10, &state);
        }
        for (uint32_t r = 0; r < b->rows; ++r) {
            lms_row_edits e = LMS_ROW_EDITS_INIT;
            e.guidance = factors[r % LENGTH(factors)];
            b->params[r].seed = r;
            b->params[r].request.edits = requests_add_edits(b->requests, &e);
            b->params[r].request.unconditional = 1 + (r % 2);
            b->index[r] = (int32_t)(r / 2 % 2);
        }
        const batch_way way = {.work_items = team};
        batch_out *const expected = batch_expect(b);
        check(b, &way, expected, "tiny guidance");
        batch_out_free(expected);
        batch_free(b);
    }
}

/* What a row leaves in its place of the workspace is nothing to the next one: rows of a few
 * slots, with penalties and with another edit in turn, all in one place. */
static void test_one_place(void **unused)
{
    enum {
        ROWS = 200,
        VOCAB = 300
    };
    (void)unused;
    for (uint32_t team = 1; team <= 64; team += 63) {
        uint64_t state = 800000 + team;
        batch *const b = batch_new(VOCAB, ROWS, 4, LMS_FLOAT32);
        const gen_of g = {VOCAB, 120, false, &state};
        b->requests = requests_new();
        for (uint32_t l = 0; l < b->logits_rows; ++l) {
            gen_row(GEN_NORMAL_ONE, b->logits + (size_t)l * VOCAB, VOCAB, &state);
        }
        for (uint32_t i = 0; i < 6; ++i) gen_slot(b->requests, &g);
        for (uint32_t r = 0; r < ROWS; ++r) {
            const uint32_t penalties = 7u << GEN_EDIT_REPETITION,
                           slot = 1 + gen_below(6, &state);
            const uint32_t kinds = r % 2 ? penalties : 1u << gen_below(GEN_EDIT_KINDS, &state);
            const uint32_t edits = gen_edits(b->requests, &g, kinds, slot);
            lms_row_params *const p = &b->params[r];
            b->requests->edits[edits - 1].window = gen_below(60, &state);
            gen_params(p, gen_below(128, &state), VOCAB, &state);
            p->request = (lms_request){.slot = slot, .edits = edits};
            p->request.unconditional = 1 + gen_below(4, &state);
        }
        const batch_way way = {.work_items = team, .per_call = 1};
        batch_out *const expected = batch_expect(b);
        check(b, &way, expected, "one place");
        batch_out_free(expected);
        batch_free(b);
    }
}

/* Other seeds in every run. LMS_FUZZ_SEED=seed repeats one of its mixes. */
static void test_random(void **unused)
{
    const char *const one = getenv("LMS_FUZZ_SEED");
    const time_t begin = time(NULL);
    (void)unused;
    for (uint64_t i = 0; one || time(NULL) - begin < 300; ++i) {
        const uint64_t seed = one ? strtoull(one, NULL, 0) : ((uint64_t)begin << 20) + i;
        check_mixes(seed % 2 ? 64 : 1, LMS_FLOAT32, 1, seed);
        if (one) return;
    }
}

/* --- the same bits ---------------------------------------------------------------------- */

static void check_rows(const batch *b, const batch_out *whole, const uint32_t *from,
                       uint32_t rows, const batch_way *way)
{
    batch *const part = request_rows(b, from, rows);
    batch_out *const out = batch_run(ctx, part, way);
    for (uint32_t r = 0; r < rows; ++r) {
        if (batch_same_row(b, whole, from[r], out, r)) continue;
        print_error("row %u of the batch is not what it is as row %u of %u (slots %d)\n",
                    from[r], r, rows, (int)way->slots);
        batch_tell_request(b, from[r]);
        fail();
    }
    batch_out_free(out);
    part->requests = NULL; /* b's */
    batch_free(part);
}

static void shuffle(uint32_t *order, uint32_t n, uint64_t *state)
{
    for (uint32_t i = n; i > 1; --i) {
        const uint32_t j = gen_below(i, state), kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
}

/* A thousand mixes: each row alone, in other places, in slots that got what they have in other
 * ways, and by other teams. */
static void test_same_bits(void **unused)
{
    enum {
        ROWS = 100
    };
    (void)unused;
    for (uint32_t i = 0; i < 10; ++i) {
        uint64_t state = 700000 + i;
        uint32_t order[ROWS];
        const request_mix mix = {.vocab = some_vocab(1500, &state),
                                 .rows = ROWS,
                                 .logits_rows = 20,
                                 .dtype = LMS_FLOAT32,
                                 .longest = 200,
                                 .plain_too = true};
        batch *const b = request_batch(&mix, &state);
        const batch_way plain = {.work_items = 1}, alone = {.work_items = 1, .per_call = 1};
        batch_out *const whole = batch_run(ctx, b, &plain);
        check(b, &alone, whole, "alone");
        for (uint32_t r = 0; r < ROWS; ++r) order[r] = r;
        for (uint32_t j = 0; j < BATCH_SLOTS_WAYS; ++j) {
            batch_way way = request_way(j % 2 ? 64 : 1, &state);
            way.slots = (batch_slots)j;
            shuffle(order, ROWS, &state);
            check_rows(b, whole, order, ROWS - 10 * j, &way);
        }
        batch_out_free(whole);
        batch_free(b);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_edit),      cmocka_unit_test(test_mixes),
        cmocka_unit_test(test_bad_records),    cmocka_unit_test(test_each_edit_of_teams),
        cmocka_unit_test(test_mixes_of_teams), cmocka_unit_test(test_large_vocabularies),
        cmocka_unit_test(test_long_histories), cmocka_unit_test(test_one_place),
        cmocka_unit_test(test_empty_lists),    cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_many_times),     cmocka_unit_test(test_tiny_guidance),
    };
    /* LMS_SLOW_TESTS */
    const struct CMUnitTest slow[] = {cmocka_unit_test(test_random)};
    const bool is_slow = (argc > 1 && strcmp(argv[1], "slow") == 0) || getenv("LMS_FUZZ_SEED");
    if (argc > 1 && !is_slow) cmocka_set_test_filter(argv[1]);
    ctx = device_open();
    const int failed = is_slow ? cmocka_run_group_tests_name("requests", slow, NULL, NULL)
                               : cmocka_run_group_tests_name("requests", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows compared\n", (unsigned long long)batch_compared());
    return failed;
}
