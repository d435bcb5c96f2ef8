/* checks.c - what samplers do at their edges, beside llama.cpp's own ones:  checks MODEL */
#include "common.h"

#include <math.h>

static int failures;

static void check(bool good, const char *what)
{
    if (good) return;
    fprintf(stderr, "checks: FAILED: %s (last error: %s)\n", what, llama_lms_error_message());
    ++failures;
}

static struct llama_model *model;
static struct llama_context *ctx;
static llama_lms *l;
static int32_t V;
static llama_token_data *candidates; /* [V] */

static llama_token draw(struct llama_sampler *smpl, uint32_t number)
{
    llama_token_data_array array = fill_row(candidates, V, number);
    llama_sampler_apply(smpl, &array);
    if (array.selected < 0) return LLAMA_TOKEN_NULL;
    const llama_token token = array.data[array.selected].id;
    llama_sampler_accept(smpl, token);
    return token;
}

static struct llama_sampler *make(llama_lms *of, llama_lms_params p)
{
    struct llama_sampler *smpl = llama_sampler_init_lms(of, &p);
    if (!smpl) stop("llama_sampler_init_lms");
    return smpl;
}

static llama_lms_params usual(void)
{
    llama_lms_params p = LLAMA_LMS_PARAMS_INIT;
    p.seed = 7;
    return p;
}

static void check_refusals(void)
{
    llama_lms *none = NULL;
    llama_lms_options options = LLAMA_LMS_OPTIONS_INIT;
    options.device = "no such device";
    check(llama_lms_create(model, &options, &none) == LMS_E_NO_DEVICE && !none, "no device");
    check(llama_lms_create(NULL, NULL, &none) == LMS_E_ARGUMENT, "no model");
    llama_lms_params p = usual();
    p.min_p = 1.5f;
    check(!llama_sampler_init_lms(l, &p) && strstr(llama_lms_error_message(), "min_p"),
          "min_p above 1 is refused by name");
    p = usual();
    p.temp = NAN;
    check(!llama_sampler_init_lms(l, &p), "temp NaN is refused");
    p = usual();
    p.penalty_repeat = 0;
    check(!llama_sampler_init_lms(l, &p), "penalty_repeat 0 is refused");
    check(!llama_sampler_init_lms(NULL, &p), "no llama_lms");
    p = usual();
    p.seed = LLAMA_DEFAULT_SEED;
    struct llama_sampler *a = make(l, p), *b = make(l, p);
    check(llama_lms_sampler_row(a)->seed != llama_lms_sampler_row(b)->seed, "random seeds");
    llama_sampler_free(a);
    llama_sampler_free(b);
}

static void check_clone_and_reset(void)
{
    llama_lms_params p = usual();
    p.temp = 1.5f;
    p.penalty_repeat = 1.5f;
    struct llama_sampler *a = make(l, p);
    llama_token first[8], again[8];
    for (uint32_t i = 0; i < 4; ++i) first[i] = draw(a, i);
    struct llama_sampler *b = llama_sampler_clone(a);
    for (uint32_t i = 4; i < 8; ++i) {
        first[i] = draw(a, i);
        check(draw(b, i) == first[i], "a clone goes on as the original");
    }
    llama_sampler_reset(a);
    for (uint32_t i = 0; i < 8; ++i) again[i] = draw(a, i);
    check(!memcmp(first, again, sizeof first), "a reset sampler draws the same again");
#ifdef LLAMA_LMS_TEST_COPY
    llama_sampler_reset(b);
    llama_sampler_copy(a, b);
    check(draw(a, 9) == draw(b, 9), "a copied state goes on as the original");
#endif
    check(llama_lms_sampler_row(a)->step >= 8, "a step for each token");
    /* What was said in between counts, whether the slot was there before or not. */
    lms_row_edits *edits = llama_lms_sampler_edits(a);
    edits->presence = 50;
    for (llama_token token = 100; token < 110; ++token) llama_sampler_accept(a, token);
    struct llama_sampler *c = llama_sampler_clone(a);
    check(llama_lms_sampler_row(a)->step == llama_lms_sampler_row(c)->step, "its step");
    llama_token_data_array array = fill_row(candidates, V, 1);
    for (int32_t i = 0; i < V; ++i) array.data[i].logit = i >= 100 && i < 112 ? 40 : 0;
    llama_sampler_apply(a, &array);
    check(array.selected >= 110 && array.selected < 112, "tokens accepted in a row count");
    array.selected = -1;
    llama_sampler_apply(c, &array);
    check(array.selected >= 110 && array.selected < 112, "of a clone too");
    llama_sampler_free(c);
    llama_sampler_free(a);
    llama_sampler_free(b);
}

/* llama.cpp's own bias, penalties and DRY in front of a greedy choice, and ours. */
static void check_edits(void)
{
    static const char *breakers[] = {"\n", ":", "\"", "*"};
    llama_logit_bias bias[3] = {{1000, 3.0f}, {1001, -INFINITY}, {1002, 9.5f}};
    llama_lms_params p = usual();
    p.temp = 0;
    p.penalty_last_n = 40;
    p.penalty_repeat = 1.2f;
    p.penalty_freq = 0.3f;
    p.penalty_present = 0.2f;
    p.dry_multiplier = 1.5f;
    p.dry_allowed_length = 1;
    p.dry_penalty_last_n = 60;
    p.dry_sequence_breakers = breakers;
    p.dry_breaker_count = 4;
    p.logit_bias = bias;
    p.logit_bias_count = 3;
    struct llama_sampler *ours = make(l, p);
    struct llama_sampler *chain =
        llama_sampler_chain_init(llama_sampler_chain_default_params());
    const struct llama_vocab *vocab = llama_model_get_vocab(model);
    llama_sampler_chain_add(chain, llama_sampler_init_logit_bias(V, 3, bias));
    llama_sampler_chain_add(chain, own_penalties(V, 40, 1.2f, 0.3f, 0.2f));
    llama_sampler_chain_add(chain, own_dry(model, 1.5f, 1.75f, 1, 60, breakers, 4));
    llama_sampler_chain_add(chain, llama_sampler_init_greedy());
    const char *text = "one: two\n\"three\" one: two\n\"three\" one: two * three\n";
    llama_token tokens[128];
    const int32_t count =
        llama_tokenize(vocab, text, (int32_t)strlen(text), tokens, 128, false, false);
    for (int32_t i = 0; i < count; ++i) {
        llama_sampler_accept(ours, tokens[i]);
        llama_sampler_accept(chain, tokens[i]);
    }
    int same = 0;
    const int steps = 120;
    for (int step = 0; step < steps; ++step) {
        /* A few kinds of rows, so that texts repeat themselves. */
        const uint32_t number = (uint32_t)(step % 3);
        llama_token_data_array a = fill_row(candidates, V, number);
        for (int32_t i = 0; i < count; ++i) a.data[tokens[i]].logit += 7.0f;
        llama_token_data *copy = malloc(sizeof *copy * (size_t)V);
        memcpy(copy, a.data, sizeof *copy * (size_t)V);
        llama_token_data_array b = {copy, (size_t)V, -1, false};
        llama_sampler_apply(ours, &a);
        llama_sampler_apply(chain, &b);
        const llama_token mine = a.data[a.selected].id, theirs = b.data[b.selected].id;
        same += mine == theirs;
        llama_sampler_accept(ours, theirs);
        llama_sampler_accept(chain, theirs);
        free(copy);
    }
    printf("checks: %d of %d tokens as llama.cpp's bias, penalties and DRY\n", same, steps);
    check(same == steps, "tokens as llama.cpp's bias, penalties and DRY");
    const char *why = NULL;
    check(llama_lms_sampler_status(ours, &why) == LMS_OK && !*why, "no complaint");
    llama_sampler_free(ours);
    llama_sampler_free(chain);
}

static void check_chain(void)
{
    struct llama_sampler *chain =
        llama_sampler_chain_init(llama_sampler_chain_default_params());
    llama_lms_params p = usual();
    p.temp = 100;
    p.top_k = 0;
    p.top_p = 1;
    p.min_p = 0;
    llama_sampler_chain_add(chain, llama_sampler_init_top_k(5));
    llama_sampler_chain_add(chain, make(l, p));
    p.top_k = 5;
    struct llama_sampler *alone = make(l, p);
    bool good = true;
    for (uint32_t i = 0; i < 20; ++i) {
        llama_token_data_array array = fill_row(candidates, V, i);
        llama_sampler_apply(chain, &array);
        good = good && array.size == 5 && array.selected >= 0 && array.selected < 5;
        const llama_token token = good ? array.data[array.selected].id : LLAMA_TOKEN_NULL;
        llama_sampler_accept(chain, token);
        good = good && token == draw(alone, i);
    }
    check(good, "behind another sampler, one of its candidates");
    llama_sampler_free(alone);
    check(llama_lms_sampler_sample(chain, ctx, -1) >= 0, "a chain of two goes the slow way");
    llama_sampler_free(chain);
}

static void check_no_token(void)
{
    const uint32_t nothing[1] = {0};
    const char *why = NULL;
    struct llama_sampler *smpl = make(l, usual());
    llama_lms_sampler_set_mask(smpl, nothing, 1);
    llama_token token = 0;
    check(llama_lms_sample(l, ctx, 1, &smpl, NULL, NULL, &token) == LMS_OK, "all are banned");
    check(token == LLAMA_TOKEN_NULL && llama_lms_sampler_row(smpl)->step == 0, "no token");
    check(llama_lms_sampler_status(smpl, &why) != LMS_OK && strstr(why, "banned"), "why");
    check(llama_lms_sampler_sample(smpl, ctx, -1) == LLAMA_TOKEN_NULL, "no token, one");
    check(llama_sampler_sample(smpl, ctx, -1) >= 0, "llama.cpp's call goes on");
    check(llama_lms_sampler_status(smpl, &why) != LMS_OK, "and the status says so");
    llama_lms_sampler_set_mask(smpl, NULL, 0);
    const uint64_t step = llama_lms_sampler_row(smpl)->step;
    check(llama_lms_sampler_sample(smpl, ctx, -1) >= 0 &&
              llama_lms_sampler_row(smpl)->step == step + 1,
          "a token is a step");
    check(llama_sampler_sample(smpl, ctx, -1) >= 0, "with a mask no more");
    check(llama_lms_sampler_status(smpl, &why) == LMS_OK, "good again");
    llama_token_data_array array = fill_row(candidates, V, 1);
    for (int32_t i = 0; i < V; ++i) array.data[i].logit = NAN;
    llama_sampler_apply(smpl, &array);
    check(array.selected >= 0 && llama_lms_sampler_status(smpl, &why), "NaN");
    llama_sampler_free(smpl);
}

static void check_arguments(void)
{
    struct llama_sampler *two[2] = {make(l, usual()), NULL};
    llama_token tokens[2];
    two[1] = two[0];
    check(llama_lms_sample(l, ctx, 2, two, NULL, NULL, tokens) == LMS_E_ARGUMENT, "twice");
    two[1] = llama_sampler_init_greedy();
    check(llama_lms_sample(l, ctx, 2, two, NULL, NULL, tokens) == LMS_E_ARGUMENT &&
              strstr(llama_lms_error_message(), "samplers[1]"),
          "another kind of sampler");
    check(llama_lms_sampler_sample(two[1], ctx, -1) >= 0, "which goes the slow way");
    check(llama_lms_sample(l, ctx, 0, NULL, NULL, NULL, NULL) == LMS_OK, "no rows");
    check(llama_lms_sample(NULL, ctx, 1, two, NULL, NULL, tokens) == LMS_E_ARGUMENT, "NULL");
    llama_sampler_free(two[1]);
    two[1] = make(l, usual());
    lms_row_params *row = llama_lms_sampler_row(two[1]);
    row->filters.temperature = -1;
    const llama_token before = draw(two[0], 1);
    const uint64_t step = llama_lms_sampler_row(two[0])->step;
    const int32_t places[2] = {-1, -1};
    check(llama_lms_sample(l, ctx, 2, two, places, NULL, tokens) == LMS_E_ROW_PARAMS,
          "a bad record");
    check(llama_lms_sampler_row(two[0])->step == step && before >= 0, "nothing was accepted");
    llama_sampler_free(two[0]);
    llama_sampler_free(two[1]);
}

/* Slots are filled anew where they are full, and end with their samplers. */
static void check_slots(void)
{
    llama_lms *small = NULL;
    llama_lms_options options = LLAMA_LMS_OPTIONS_INIT;
    options.max_length = 32;
    options.max_sequences = 1;
    must(llama_lms_create(model, &options, &small), "llama_lms_create");
    llama_lms_params p = usual();
    /* One of the nine best tokens that are none of the last eight. */
    p.temp = 100;
    p.top_k = 9;
    p.top_p = 1;
    p.min_p = 0;
    p.penalty_present = 50;
    p.penalty_last_n = 8;
    struct llama_sampler *a = make(small, p), *b = make(l, p);
    bool same = true;
    for (uint32_t i = 0; i < 240; ++i) same = draw(a, 3) == draw(b, 3) && same;
    check(same, "sequences longer than max_length");
    struct llama_sampler *c = make(small, p);
    const char *why = NULL;
    draw(c, 1);
    check(llama_lms_sampler_status(c, &why) == LMS_E_CONTEXT_FULL && strstr(why, "sequences"),
          "more sequences than max_sequences");
    llama_sampler_free(a);
    draw(c, 1);
    check(llama_lms_sampler_status(c, &why) == LMS_OK, "as soon as one is freed");
    llama_sampler_free(c);
    p.penalty_last_n = -1;
    a = make(small, p);
    for (uint32_t i = 0; i < 40; ++i) draw(a, i);
    check(llama_lms_sampler_status(a, &why) == LMS_E_CONTEXT_FULL && strstr(why, "max_length"),
          "penalties of more tokens than max_length");
    llama_sampler_free(a);
    llama_sampler_free(b);
    llama_lms_destroy(small);
}

/* More rows than any fixed array would have: one row of logits, drawn 700 times. */
static void check_many_rows(void)
{
    enum {
        ROWS = 700
    };
    static lms_row_params params[ROWS];
    static int32_t places[ROWS];
    static llama_token tokens[ROWS], one;
    const lms_row_params first = LMS_ROW_PARAMS_INIT;
    for (int i = 0; i < ROWS; ++i) {
        params[i] = first;
        params[i].seed = 5;
        params[i].step = (uint64_t)i;
        places[i] = -1;
    }
    check(llama_lms_sample_batch(l, ctx, ROWS, places, params, tokens) == LMS_OK, "700 rows");
    bool same = true;
    for (int i = 0; i < ROWS; i += 60) {
        must(llama_lms_sample_batch(l, ctx, 1, NULL, &params[i], &one), "one row");
        same = same && one == tokens[i];
    }
    check(same, "700 rows as each of them alone");
    check(llama_lms_sample_batch(l, ctx, 2, NULL, params, tokens) == LMS_E_ROW_INDEX,
          "more rows than outputs");
}

static void check_outputs(void)
{
    struct llama_sampler *smpl;
    llama_lms_params p = usual();
    p.temp = 0;
    p.n_probs = 3;
    smpl = make(l, p);
    float raw = 1, values[5];
    int32_t top[5];
    llama_token token;
    const lms_sample_host_args outputs = {
        .logprob_raw = &raw, .top_tokens = top, .top_values = values, .top_stride = 5};
    const int32_t place = -1;
    must(llama_lms_sample(l, ctx, 1, &smpl, &place, &outputs, &token), "outputs");
    check(top[0] == token && values[0] == raw && raw <= 0 && values[1] <= values[0] &&
              top[3] == LLAMA_TOKEN_NULL,
          "log-probability and best tokens");
    llama_sampler_free(smpl);
}

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    model = load_model(argv[1]);
    V = llama_vocab_n_tokens(llama_model_get_vocab(model));
    candidates = malloc(sizeof *candidates * (size_t)V);
    llama_lms_options options = LLAMA_LMS_OPTIONS_INIT;
    options.requests = LMS_REQUESTS_ALL;
    options.outputs = LMS_OUT_LOGPROB_RAW | LMS_OUT_TOP;
    options.max_top = 5;
    must(llama_lms_create(model, &options, &l), "llama_lms_create");
    struct llama_context_params cp = llama_context_default_params();
    cp.n_ctx = 256;
    cp.n_threads = cp.n_threads_batch = 2;
    ctx = llama_init_from_model(model, cp);
    llama_token prompt[64], token;
    const int32_t count = tokens_of(model, 0, prompt, 64);
    struct llama_sampler *early = make(l, usual());
    check(llama_lms_sample(l, ctx, 1, &early, NULL, NULL, &token) == LMS_E_ROW_INDEX,
          "before there are logits");
    llama_sampler_free(early);
    if (llama_decode(ctx, llama_batch_get_one(prompt, count))) return EXIT_FAILURE;
    check_refusals();
    check_clone_and_reset();
    check_edits();
    check_chain();
    check_no_token();
    check_arguments();
    check_slots();
    check_many_rows();
    check_outputs();
    llama_free(ctx);
    llama_lms_destroy(l);
    llama_lms_destroy(NULL);
    llama_model_free(model);
    free(candidates);
    printf("checks: %s\n", failures ? "FAILED" : "passed");
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
