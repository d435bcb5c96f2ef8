/* What other stacks document of penalties, DRY, n-grams, biases, decays and guidance, each in
 * its own way and in double precision, against the oracle of requests with its preset. Where
 * the two differ on purpose, a case says how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/exact_edits.h"
#include "../support/gen.h"
#include "../support/gen_requests.h"
#include "../support/memory.h"
#include "../support/oracle_rows.h"

enum {
    VOCAB = 40,
    LENGTH = 60,
    CASES = 3000
};

/* A sequence over few tokens, logits and a record; everything that the stacks' formulas see. */
typedef struct situation {
    requests *tables;
    int32_t tokens[LENGTH];
    uint32_t length, prompt, ignored;
    float logits[2 * VOCAB];
    float edited[VOCAB];
    float temperature;
    lms_row_edits e;
    uint64_t state;
} situation;

static situation make(uint64_t seed, uint32_t flags)
{
    situation s = {.tables = requests_new(), .temperature = 0.7f, .state = seed};
    s.e = (lms_row_edits)LMS_ROW_EDITS_INIT;
    s.e.flags = flags;
    s.length = gen_below(LENGTH + 1, &s.state);
    s.prompt = gen_below(s.length + 1, &s.state);
    const uint32_t few = 2 + gen_below(VOCAB - 2, &s.state);
    for (uint32_t i = 0; i < s.length; ++i) s.tokens[i] = (int32_t)gen_below(few, &s.state);
    rows_fill_normal(s.logits, 2 * VOCAB, 4.0, &s.state);
    return s;
}

static void edit(situation *s)
{
    oracle_params p = {.temperature = s->temperature, .top_p = 1.0f, .unconditional = 2};
    p.slot = requests_add_slot(s->tables, s->tokens, s->length, s->prompt, s->ignored);
    p.edits = requests_add_edits(s->tables, &s->e);
    const oracle_tables tables = requests_tables(s->tables, 2);
    assert_int_equal(oracle_check_request(&p, VOCAB, &tables), 0);
    const oracle_request r = oracle_request_of(&p, VOCAB, s->logits, &tables);
    oracle_edit(&r, s->logits, VOCAB, s->edited);
}

/* Ends the situation, too. */
static void expect(situation *s, const double *right, const char *stack, uint64_t seed)
{
    for (uint32_t t = 0; t < VOCAB; ++t) {
        const double x = s->edited[t], slack = 1e-5 * (1.0 + fabs(right[t]));
        if (x == right[t] || fabs(x - right[t]) <= slack) continue;
        print_error("%s, seed %llu: token %u was %g, is %g, and is %g there\n", stack,
                    (unsigned long long)seed, t, (double)s->logits[t], x, right[t]);
        fail();
    }
    requests_free(s->tables);
}

static void count(const situation *s, uint32_t from, uint32_t end, uint32_t *counts)
{
    memset(counts, 0, VOCAB * sizeof *counts);
    for (uint32_t i = from; i < end; ++i) ++counts[s->tokens[i]];
}

static double repeated(double x, double penalty) { return x > 0 ? x / penalty : x * penalty; }

static void set_penalties(situation *s)
{
    s->e.repetition = (float)rows_between(&s->state, 0.8, 1.5);
    s->e.frequency = (float)rows_between(&s->state, -2.0, 2.0);
    s->e.presence = (float)rows_between(&s->state, -2.0, 2.0);
}

/* vllm/model_executor/layers/utils.py, apply_penalties: repetition of prompt and output, then
 * frequency and presence of the output. */
static void test_vllm_penalties(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < CASES; ++seed) {
        situation s = make(seed, LMS_EDITS_VLLM);
        uint32_t all[VOCAB], output[VOCAB];
        double right[VOCAB];
        set_penalties(&s);
        count(&s, 0, s.length, all);
        count(&s, s.prompt, s.length, output);
        for (uint32_t t = 0; t < VOCAB; ++t) {
            right[t] = all[t] ? repeated(s.logits[t], s.e.repetition) : s.logits[t];
            right[t] -= (double)s.e.frequency * output[t];
            right[t] -= s.e.presence * (output[t] > 0);
        }
        edit(&s);
        expect(&s, right, "vLLM", seed);
    }
}

/* src/llama-sampler.cpp, llama_sampler_penalties_apply: the last n tokens of all. */
static void test_llama_penalties(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < CASES; ++seed) {
        situation s = make(seed, LMS_EDITS_LLAMA_CPP);
        uint32_t last[VOCAB];
        double right[VOCAB];
        set_penalties(&s);
        s.e.window = 1 + gen_below(2 * LENGTH, &s.state);
        count(&s, s.e.window < s.length ? s.length - s.e.window : 0, s.length, last);
        for (uint32_t t = 0; t < VOCAB; ++t) {
            right[t] = s.logits[t];
            if (last[t] == 0) continue;
            right[t] = repeated(right[t], s.e.repetition);
            right[t] -= last[t] * (double)s.e.frequency + (double)s.e.presence;
        }
        edit(&s);
        expect(&s, right, "llama.cpp", seed);
    }
}

/* transformers, RepetitionPenaltyLogitsProcessor: once for each token of all input ids. */
static void test_hugging_face_repetition(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < CASES; ++seed) {
        situation s = make(seed, LMS_EDITS_HUGGING_FACE);
        uint32_t all[VOCAB];
        double right[VOCAB];
        s.e.repetition = (float)rows_between(&s.state, 0.8, 1.5);
        count(&s, 0, s.length, all);
        for (uint32_t t = 0; t < VOCAB; ++t) {
            const double x = s.logits[t], r = s.e.repetition;
            right[t] = all[t] == 0 ? x : x < 0 ? x * r : x / r;
        }
        edit(&s);
        expect(&s, right, "Hugging Face", seed);
    }
}

/* TensorRT-LLM, batchApplyPenalty: of logits that temperature has divided (by T + 1e-6), prompt
 * and output, without the first prompt_ignore_length tokens for presence and frequency. What is
 * sampled from is edited / T here. */
static void test_tensorrt_penalties(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < CASES; ++seed) {
        situation s = make(seed, LMS_EDITS_TENSORRT_LLM);
        uint32_t all[VOCAB], counted[VOCAB];
        double right[VOCAB];
        set_penalties(&s);
        s.ignored = gen_below(s.prompt + 1, &s.state);
        count(&s, 0, s.length, all);
        count(&s, s.ignored, s.length, counted);
        for (uint32_t t = 0; t < VOCAB; ++t) {
            double x = s.logits[t] / (double)s.temperature;
            if (all[t]) x = x < 0 ? x * (double)s.e.repetition : x / (double)s.e.repetition;
            if (counted[t]) x -= s.e.presence;
            x -= (double)s.e.frequency * counted[t];
            right[t] = x * (double)s.temperature;
        }
        edit(&s);
        expect(&s, right, "TensorRT-LLM", seed);
    }
}

/* MLC-LLM, and SGLang where steps overlap, which is its default: presence and frequency of
 * generated tokens, then repetition of those. */
static void test_mlc_and_sglang(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < CASES; ++seed) {
        const bool mlc = seed % 2;
        situation s = make(seed, mlc ? LMS_EDITS_MLC : LMS_EDITS_SGLANG);
        uint32_t output[VOCAB];
        double right[VOCAB];
        set_penalties(&s);
        count(&s, s.prompt, s.length, output);
        for (uint32_t t = 0; t < VOCAB; ++t) {
            const double add =
                output[t] ? s.e.presence + output[t] * (double)s.e.frequency : 0.0;
            right[t] = s.logits[t];
            if (output[t]) right[t] = repeated(right[t] - add, s.e.repetition);
        }
        edit(&s);
        expect(&s, right, mlc ? "MLC" : "SGLang", seed);
    }
}

/* llama.cpp, llama_sampler_dry_apply. Its exponent is at most ln(FLT_MAX) / ln(base), rounded
 * down; here what is larger than any float is FLT_MAX. Both put the token out of reach. */
static void test_llama_dry(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < CASES; ++seed) {
        situation s = make(seed, LMS_EDITS_LLAMA_CPP);
        const int32_t breakers[] = {0, LMS_NO_TOKEN, 1, 2, LMS_NO_TOKEN, 1, 2, 1, LMS_NO_TOKEN};
        const float zeros[sizeof breakers / 4] = {0};
        oracle_list list = {breakers + 2 * gen_below(2, &s.state), NULL, 0};
        int64_t lengths[VOCAB];
        double right[VOCAB];
        list.count = (uint32_t)(breakers + sizeof breakers / 4 - list.ids);
        if (seed % 3 == 0) list.count = 0;
        for (uint32_t i = 0; i < s.length && seed % 2; ++i) s.tokens[i] %= 3;
        s.e.dry_multiplier = (float)rows_between(&s.state, 0.1, 2.0);
        s.e.dry_base = (float)rows_between(&s.state, 1.0, 1.3);
        s.e.dry_allowed_length = gen_below(5, &s.state);
        s.e.dry_range = gen_below(2, &s.state) ? 0 : 1 + gen_below(2 * LENGTH, &s.state);
        s.e.dry_breakers = requests_add_list(s.tables, list.ids, zeros, list.count);
        const uint32_t range =
            s.e.dry_range && s.e.dry_range < s.length ? s.e.dry_range : s.length;
        exact_dry_lengths(s.tokens + (s.length - range), range, &list, s.e.dry_allowed_length,
                          lengths, VOCAB);
        for (uint32_t t = 0; t < VOCAB; ++t) {
            right[t] = s.logits[t];
            if (lengths[t] < 0) continue;
            right[t] -= s.e.dry_multiplier *
                        pow(s.e.dry_base, (double)(lengths[t] - s.e.dry_allowed_length));
        }
        edit(&s);
        expect(&s, right, "llama.cpp's DRY", seed);
    }
}

/* A repetition by hand: "1 2 3 9 1 2 3" is followed by 9, after three tokens that are repeated;
 * the breaker 2 leaves one of them. */
static void test_dry_by_hand(void **unused)
{
    static const int32_t tokens[] = {1, 2, 3, 9, 1, 2, 3}, two[] = {2, LMS_NO_TOKEN};
    (void)unused;
    for (uint32_t i = 0; i < 2; ++i) {
        situation s = make(1, LMS_EDITS_LLAMA_CPP);
        double right[VOCAB];
        memcpy(s.tokens, tokens, sizeof tokens);
        s.length = s.prompt = sizeof tokens / sizeof *tokens;
        s.e.dry_multiplier = 2.0f;
        s.e.dry_base = 3.0f;
        s.e.dry_allowed_length = 1;
        if (i == 1) s.e.dry_breakers = requests_add_list(s.tables, two, NULL, 2);
        for (uint32_t t = 0; t < VOCAB; ++t) right[t] = s.logits[t];
        right[9] -= i == 0 ? 2.0 * 3.0 * 3.0 : 2.0;
        edit(&s);
        expect(&s, right, "DRY by hand", i);
    }
}

/* transformers, SequenceBiasLogitsProcessor, whose biases of all sequences that match are added
 * at once. It passes over a sequence that is longer than all input ids; here only the tokens
 * before its last one have to be there. */
static void test_hugging_face_sequence_bias(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < CASES; ++seed) {
        situation s = make(seed, LMS_EDITS_HUGGING_FACE);
        int32_t ids[200];
        float values[200];
        double right[VOCAB];
        uint32_t n = 0;
        for (uint32_t t = 0; t < VOCAB; ++t) right[t] = s.logits[t];
        for (uint32_t i = 0; i < 20; ++i) {
            const uint32_t length = 1 + gen_below(4, &s.state), first = n;
            for (uint32_t j = 0; j < length; ++j) {
                const bool tail = s.length + 1 >= length && gen_below(8, &s.state);
                ids[n] = tail && s.length + 1 - length + j < s.length
                             ? s.tokens[s.length + 1 - length + j]
                             : (int32_t)gen_below(VOCAB, &s.state);
                values[n++] = 0.0f;
            }
            ids[n] = LMS_NO_TOKEN;
            values[n] = (float)rows_between(&s.state, -3.0, 3.0);
            if (length - 1 <= s.length &&
                (length == 1 || memcmp(ids + first, s.tokens + (s.length - (length - 1)),
                                       (length - 1) * sizeof *ids) == 0)) {
                right[ids[n - 1]] += values[n];
            }
            ++n;
        }
        s.e.sequence_bias = requests_add_list(s.tables, ids, values, n);
        edit(&s);
        expect(&s, right, "sequence bias", seed);
    }
}

/* transformers, ExponentialDecayLengthPenalty: from start on, counted behind the prompt. */
static void test_hugging_face_decay(void **unused)
{
    static const int32_t ends[] = {3, 5};
    (void)unused;
    for (uint64_t seed = 0; seed < CASES; ++seed) {
        situation s = make(seed, LMS_EDITS_HUGGING_FACE);
        const uint32_t start = gen_below(LENGTH, &s.state), now = s.length;
        const double factor = s.e.decay_factor = (float)rows_between(&s.state, 1.0, 1.1);
        double right[VOCAB];
        for (uint32_t t = 0; t < VOCAB; ++t) right[t] = s.logits[t];
        for (uint32_t i = 0; i < 2 && now > start + s.prompt; ++i) {
            const double power = pow(factor, (double)(now - (start + s.prompt)));
            right[ends[i]] += fabs(right[ends[i]]) * (power - 1.0);
        }
        s.e.decay_start = start;
        s.e.end_tokens = requests_add_list(s.tables, ends, NULL, 2);
        edit(&s);
        expect(&s, right, "exponential decay", seed);
    }
}

static double log_sum(const float *x)
{
    double sum = 0.0;
    for (uint32_t t = 0; t < VOCAB; ++t) sum += exp(x[t]);
    return log(sum);
}

/* transformers, UnbatchedClassifierFreeGuidanceLogitsProcessor, of log-probabilities; and of
 * logits, as TensorRT-LLM's examples and diffusion models have it. */
static void test_guidance(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < CASES; ++seed) {
        const bool logprobs = seed % 2;
        situation s = make(seed, logprobs ? LMS_EDITS_HUGGING_FACE : LMS_EDITS_VLLM);
        const double g = s.e.guidance = (float)rows_between(&s.state, 1.0, 3.0);
        const double of_c = logprobs ? log_sum(s.logits) : 0.0;
        const double of_u = logprobs ? log_sum(s.logits + VOCAB) : 0.0;
        double right[VOCAB];
        for (uint32_t t = 0; t < VOCAB; ++t) {
            const double c = s.logits[t] - of_c, u = s.logits[VOCAB + t] - of_u;
            right[t] = g * (c - u) + u;
        }
        edit(&s);
        expect(&s, right, "guidance", seed);
    }
}

/* TensorRT-LLM's TopPDecay: a top-p that is carried on from token to token. */
static void test_tensorrt_top_p_decay(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < CASES; ++seed) {
        situation s = make(seed, LMS_EDITS_TENSORRT_LLM);
        const float initial = (float)rows_between(&s.state, 0.1, 1.0);
        const bool resets = gen_below(2, &s.state);
        double top_p = initial;
        s.e.top_p_decay = (float)rows_between(&s.state, 0.7, 1.0);
        s.e.top_p_min = (float)rows_between(&s.state, 1e-6, 0.6);
        if (resets) s.e.top_p_reset = 2;
        for (uint32_t i = s.prompt; i < s.length; ++i) {
            top_p = fmax(top_p * (double)s.e.top_p_decay, s.e.top_p_min);
            if (resets && s.tokens[i] == 1) top_p = initial;
        }
        const oracle_request r = {.edits = &s.e, .sequence = {s.tokens, s.length, s.prompt, 0}};
        assert_true(fabs(oracle_edited_top_p(&r, initial) - top_p) < 1e-5);
        requests_free(s.tables);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vllm_penalties),
        cmocka_unit_test(test_llama_penalties),
        cmocka_unit_test(test_hugging_face_repetition),
        cmocka_unit_test(test_tensorrt_penalties),
        cmocka_unit_test(test_mlc_and_sglang),
        cmocka_unit_test(test_llama_dry),
        cmocka_unit_test(test_dry_by_hand),
        cmocka_unit_test(test_hugging_face_sequence_bias),
        cmocka_unit_test(test_hugging_face_decay),
        cmocka_unit_test(test_guidance),
        cmocka_unit_test(test_tensorrt_top_p_decay),
    };
    return cmocka_run_group_tests_name("oracle and other stacks", tests, NULL, NULL);
}
