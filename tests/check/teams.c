/* teams.c - every kernel by a team of work-items, as on GPUs, against the oracle, bit for bit:
 * rows of every kind and type by all filters and both doors, short and odd vocabularies, rows
 * that are not aligned, flat rows, small bases of top-p, requests; beam search in all modes;
 * contrastive search.
 *
 * The shape is that of LMS_SHAPE, such as team=64, so that each program is built once for a
 * type: building takes most of the time. `teams tiny` is for simulators. TEAMS_ONLY is a
 * pattern of tests' names. teams.sh runs it with every team on every runtime. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/batch.h"
#include "../support/beam_rig.h"
#include "../support/contrastive_rig.h"
#include "../support/device.h"
#include "../support/edge_batch.h"
#include "../support/oracle_rows.h"
#include "../support/request_batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static lms_context *ctx;
static uint32_t turn; /* of the sets of filters and flags: 128 of them */
static bool is_tiny;
static uint32_t team; /* of LMS_SHAPE, or 0 */

/* --- rows --- */

/* Every type, and both kinds of tokens; more combinations would be more programs. */
static lms_token_type tokens_of(lms_dtype dtype)
{
    return dtype == LMS_BFLOAT16 ? LMS_INT64 : LMS_INT32;
}

/* Rows begin at every place in a vector of four, next to each other or apart. */
static void check_batch(batch *b, bool on_device)
{
    static uint32_t calls;
    const batch_way way = {.work_items = team,
                           .tokens = tokens_of(b->dtype),
                           .offset = calls % 5,
                           .stride_pad = calls % 3 ? calls % 7 : 0,
                           .per_call = calls % 4 == 1 ? 1 + b->rows / 2 : 0,
                           .params_on_device = on_device,
                           .index_on_device = on_device};
    batch_out *const expected = batch_expect(b);
    ++calls;
    batch_check(ctx, b, &way, expected);
    batch_out_free(expected);
    batch_free(b);
}

/* Every kind of row, with all sets of filters in turn, and rows that filters cut right beside a
 * token, some of them with the caller's random words. A tile is 256 tokens, a group 32. */
static void check_rows(lms_dtype dtype)
{
    static const uint32_t vocabs[] = {1, 33, 255, 700, 4097};
    for (size_t i = 0; i < LENGTH(vocabs); ++i) {
        const uint32_t vocab = vocabs[i];
        uint64_t state = 0x7ea30000u + vocab * 4 + (uint64_t)dtype;
        check_batch(batch_of_all_kinds(vocab, 5, dtype, &turn, &state), false);
        check_batch(edge_batch(vocab, 128, dtype, i % 2 ? 40 : 0, &turn, &state), true);
    }
}

/* A simulator has seconds for a hundred rows: every kind once, then a few of each type. */
static void check_tiny_rows(lms_dtype dtype)
{
    uint64_t state = 0x7ea30000u + (uint64_t)dtype;
    uint32_t k_and_p = 3;
    if (dtype == LMS_FLOAT32) {
        check_batch(batch_of_all_kinds(270, 1, dtype, &k_and_p, &state), false);
    }
    check_batch(edge_batch(700, 8, dtype, 0, &turn, &state), true);
}

static void rows_of(lms_dtype dtype)
{
    if (is_tiny) {
        check_tiny_rows(dtype);
    } else {
        check_rows(dtype);
    }
}

static void rows_float32(void **unused)
{
    (void)unused;
    rows_of(LMS_FLOAT32);
}

static void rows_float16(void **unused)
{
    (void)unused;
    rows_of(LMS_FLOAT16);
}

static void rows_bfloat16(void **unused)
{
    (void)unused;
    rows_of(LMS_BFLOAT16);
}

/* Bad parameters and indices between good ones: only the door on the device lets them in. */
static void rows_hostile(void **unused)
{
    uint64_t state = 5;
    (void)unused;
    batch *const b =
        batch_of_all_kinds(is_tiny ? 40 : 700, is_tiny ? 1 : 4, LMS_FLOAT32, &turn, &state);
    for (uint32_t r = 0; r < b->rows; ++r) {
        if (r % 5 == 0) gen_hostile(&b->params[r], &state);
        if (r % 5 == 1) gen_early(&b->params[r], &state);
        if (r % 7 == 2) b->index[r] = r % 2 ? LMS_SKIP_ROW : (int32_t)rows_random(&state);
    }
    check_batch(b, true);
}

/* Thousands of tokens are kept, more than a list has room for, by top-p, k or both. */
static void rows_flat(void **unused)
{
    static const gen_kind kinds[] = {GEN_NORMAL_TINY, GEN_NORMAL_ONE, GEN_EQUAL,
                                     GEN_COARSE,      GEN_NAN_LACED,  GEN_THREE_VALUES,
                                     GEN_SUBNORMAL,   GEN_ZEROS,      GEN_STEEP_TILES};
    static const float top_ps[] = {0.9f, 1.0f, 0.5f, 0.9999f};
    const uint32_t vocab = is_tiny ? 5001 : 20001;
    uint64_t state = 6;
    (void)unused;
    batch *const b = batch_new(vocab, is_tiny ? 4 : 72, LENGTH(kinds), LMS_FLOAT32);
    for (uint32_t i = 0; i < LENGTH(kinds); ++i) {
        gen_row(kinds[i], b->logits + (size_t)i * vocab, vocab, &state);
        b->names[i] = gen_name(kinds[i]);
    }
    for (uint32_t r = 0; r < b->rows; ++r) {
        lms_filters *const f = &b->params[r].filters;
        b->params[r].seed = r;
        f->top_p = top_ps[(r + r / LENGTH(kinds)) % LENGTH(top_ps)];
        if (f->top_p == 1.0f || r % 8 == 0) f->top_k = (int32_t)(vocab / 2 + r);
        if (r % 8 == 5) f->min_p = 1e-4f;
        f->flags = r % 4 == 3 ? gen_below(16, &state) : 0;
    }
    check_batch(b, false);
}

/* Top-p of the few tokens that top-k keeps, of which several tie with the k-th. */
static void rows_small_bases(void **unused)
{
    uint64_t state = 8;
    (void)unused;
    check_batch(small_bases_batch(700, is_tiny ? 24 : 320, is_tiny ? 6 : 10, &state), false);
}

/* More equal tokens than a list holds, of which the last one of the row is the k-th. */
static void rows_last_tie(void **unused)
{
    (void)unused;
    batch *const b = batch_new(2300, 2, 1, LMS_FLOAT32);
    b->names[0] = "equal but for the first";
    for (uint32_t t = 0; t < b->vocab; ++t) b->logits[t] = t < 100 ? -2.0f : -1.0f;
    b->params[0].filters.top_k = 2200;
    b->params[1].filters.top_k = 2199;
    check_batch(b, false);
}

/* More tiles than a team of 256 has work-items. */
static void rows_long(void **unused)
{
    uint64_t state = 7;
    (void)unused;
    if (is_tiny) return;
    check_batch(batch_of_all_kinds(70001, 1, LMS_FLOAT32, &turn, &state), false);
}

/* Mixes of all that a request may ask for. */
static void rows_requests(void **unused)
{
    static const uint32_t vocabs[] = {700, 33, 300, 2500};
    (void)unused;
    for (uint32_t i = 0; i < (is_tiny ? 2 : 16); ++i) {
        uint64_t state = 800 + i;
        const request_mix mix = {.vocab = is_tiny ? 300 : vocabs[i % LENGTH(vocabs)],
                                 .rows = is_tiny ? 4 : 20,
                                 .logits_rows = 4,
                                 .dtype = LMS_FLOAT32,
                                 .longest = is_tiny ? 40 : 200,
                                 .tame = i % 2,
                                 .plain_too = i % 3 == 2};
        batch *const b = request_batch(&mix, &state);
        const batch_way way = request_way(team, &state);
        batch_out *const expected = batch_expect(b), *const out = batch_run(ctx, b, &way);
        assert_int_equal(batch_differences(b, expected, out, "requests"), 0);
        batch_out_free(expected);
        batch_out_free(out);
        batch_free(b);
    }
}

/* --- searches --- */

static const lms_dtype dtypes[] = {LMS_FLOAT32, LMS_FLOAT16, LMS_BFLOAT16};

/* All modes, and rows that suppress tokens, normal, of ties, of all kinds. */
static void check_beams(uint32_t number, uint32_t vocab)
{
    const lms_dtype dtype = dtypes[number % LENGTH(dtypes)];
    const beam_case c = {.seed = 900 + number,
                         .work_items = team,
                         .vocab = vocab,
                         .slots = is_tiny ? 2 : 4,
                         .width = is_tiny ? 3 : 2 + number % 9,
                         .length = is_tiny ? 3 : 6,
                         .end_tokens = number % 4,
                         .modes = 1u << number / LENGTH(dtypes) % LMS_BEAM_MODES,
                         .serve = is_tiny ? 2 : 8,
                         .dtype = dtype,
                         .tokens = tokens_of(dtype),
                         .model = (beam_model_kind)((number + number / 9) % 3),
                         .sigma = 2.0};
    beam_case_run(ctx, &c);
}

/* Nine are every type in every mode; of every thirteenth, each has a type and a mode. */
static void beams(void **unused)
{
    static const uint32_t vocabs[] = {300, 33, 5, 1025};
    (void)unused;
    for (uint32_t i = 0; i < 36; i += is_tiny ? 13 : 1) {
        check_beams(i, vocabs[i % LENGTH(vocabs)]);
    }
}

static void choices(void **unused)
{
    static const uint32_t vocabs[] = {300, 40, 1025}, widths[] = {40, 7, 130};
    (void)unused;
    for (uint32_t i = 0; i < (is_tiny ? 3 : 18); ++i) {
        const lms_dtype dtype = dtypes[i % LENGTH(dtypes)];
        const contrastive_case c = {.seed = 1000 + i,
                                    .work_items = team,
                                    .vocab = is_tiny ? 40 : vocabs[i / 3 % LENGTH(vocabs)],
                                    .width =
                                        is_tiny ? 20 : widths[(i + i / 3) % LENGTH(widths)],
                                    .slots = is_tiny ? 2 : 4,
                                    .k = is_tiny ? 3 : 1 + i % 9,
                                    .length = is_tiny ? 12 : 40 + 20 * (i % 3),
                                    .rounds = is_tiny ? 3 : 12,
                                    .logits = dtype,
                                    .hidden = dtype,
                                    .tokens = tokens_of(dtype),
                                    .rows = (contrastive_logits)(i / 3 % 3),
                                    .hostile = i % 2,
                                    .plain = i % 6 == 5};
        contrastive_case_run(ctx, &c);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_float32),  cmocka_unit_test(rows_float16),
        cmocka_unit_test(rows_bfloat16), cmocka_unit_test(rows_hostile),
        cmocka_unit_test(rows_flat),     cmocka_unit_test(rows_small_bases),
        cmocka_unit_test(rows_last_tie), cmocka_unit_test(rows_long),
        cmocka_unit_test(rows_requests), cmocka_unit_test(beams),
        cmocka_unit_test(choices),
    };
    const char *const only = getenv("TEAMS_ONLY"), *const shape = getenv("LMS_SHAPE");
    /* Asked for by name: of LMS_SHAPE alone, a library makes a smaller team where this one does
     * not build. */
    if (shape && sscanf(shape, "team=%" SCNu32, &team) != 1)
        return fprintf(stderr, "LMS_SHAPE: begins with team=\n"), 2;
    is_tiny = argc > 1 && strcmp(argv[1], "tiny") == 0;
    if (only) cmocka_set_test_filter(only);
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("teams", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows, %llu beams, %llu proposals, %llu choices compared\n",
                  (unsigned long long)batch_compared(), (unsigned long long)beam_compared(),
                  (unsigned long long)contrastive_proposed(),
                  (unsigned long long)contrastive_chosen());
    return failed;
}
