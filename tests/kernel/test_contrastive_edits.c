/*
 * Contrastive search whose rows have requests: the candidates against those that the oracle
 * takes of rows that the oracle of requests has edited. Each request's slot, which the device
 * alone keeps, is appended to with what select has chosen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/contrastive_gen.h"
#include "../support/device.h"
#include "../support/gen.h"
#include "../support/memory.h"
#include "../support/oracle_contrastive.h"
#include "../support/oracle_rows.h"
#include "../support/out_array.h"
#include "../support/search_requests.h"
#include "../support/stored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

enum {
    REQUESTS = 6,
    K = 4,
    STEPS = 5,
    HIDDEN = 8,
    ROWS = REQUESTS * K
};

static lms_context *ctx;

typedef struct edits_case {
    uint64_t seed;
    uint32_t vocab;
    uint32_t work_items;
    uint32_t kinds; /* of edits; 0: any */
    lms_dtype dtype;
    bool wild, requests_on_device, tables_on_device;
} edits_case;

typedef struct rig {
    const edits_case *c;
    uint64_t random;
    search_requests requests;
    lms_contrastive *contrastive;
    lms_contrastive_params params[REQUESTS];
    uint64_t names[REQUESTS];
    lms_request rows[REQUESTS];
    int32_t chosen[REQUESTS][STEPS];
    unsigned char *stored;
    float *logits, *edited; /* [REQUESTS][vocab] */
    int32_t index[REQUESTS];
    cl_mem hidden, next, choices;
    out_array tokens, probs, status;
} rig;

static const uint32_t slots[REQUESTS] = {0, 1, 2, 3, 4, 5};

static cl_command_queue queue_of(void) { return lms_context_queue(ctx); }

/* With what is at `data`, if that is given. */
static cl_mem buffer(size_t bytes, void *data)
{
    cl_int code = CL_SUCCESS;
    const cl_mem_flags flags = CL_MEM_READ_WRITE | (data ? CL_MEM_COPY_HOST_PTR : 0);
    const cl_mem mem = clCreateBuffer(lms_context_cl_context(ctx), flags, bytes, data, &code);
    device_require(code, "clCreateBuffer");
    return mem;
}

static void begin(rig *r, const edits_case *c)
{
    const search_shape shape = {.vocab = c->vocab,
                                .searches = REQUESTS,
                                .width = 1,
                                .room = STEPS,
                                .kinds = c->kinds,
                                .wild = c->wild,
                                .on_device = c->tables_on_device};
    float hidden[ROWS * HIDDEN];
    memset(r, 0, sizeof *r);
    r->c = c;
    r->random = c->seed;
    search_requests_make(&r->requests, ctx, &shape, &r->random);
    lms_contrastive_desc desc = {.vocab = c->vocab,
                                 .width = HIDDEN,
                                 .max_requests = REQUESTS,
                                 .max_k = K,
                                 .max_length = STEPS,
                                 .logits = c->dtype,
                                 .hidden = LMS_FLOAT32,
                                 .work_items = c->work_items,
                                 .requests = LMS_REQUESTS_ALL,
                                 .table_bytes = 1u << 20,
                                 .slots = r->requests.slots,
                                 .max_lists = 256};
    device_require(lms_contrastive_create(ctx, &desc, &r->contrastive),
                   "lms_contrastive_create");
    r->stored = memory_zeroed((size_t)REQUESTS * c->vocab, stored_size(c->dtype));
    r->logits = memory_zeroed((size_t)REQUESTS * c->vocab, sizeof *r->logits);
    r->edited = memory_zeroed(c->vocab, sizeof *r->edited);
    for (size_t i = 0; i < LENGTH(hidden); ++i) {
        hidden[i] = (float)rows_between(&r->random, -1.0, 1.0);
    }
    r->hidden = buffer(sizeof hidden, hidden);
    r->next = buffer(REQUESTS * sizeof(int32_t), NULL);
    r->choices = buffer(REQUESTS * sizeof(int32_t), NULL);
    for (uint32_t i = 0; i < REQUESTS; ++i) {
        const contrastive_limits limits = {c->vocab, K, STEPS};
        contrastive_gen(&r->params[i], &limits, &r->random);
        device_require(lms_contrastive_open(r->contrastive, i, &r->params[i]),
                       "lms_contrastive_open");
        search_requests_open(&r->requests, i, 1, &r->names[i]);
    }
}

static void end(rig *r)
{
    lms_contrastive_destroy(r->contrastive);
    search_requests_free(&r->requests);
    clReleaseMemObject(r->hidden);
    clReleaseMemObject(r->next);
    clReleaseMemObject(r->choices);
    free(r->stored);
    free(r->logits);
    free(r->edited);
}

static void make_rows(rig *r)
{
    const size_t vocab = r->c->vocab;
    for (uint32_t row = 0; row < REQUESTS; ++row) {
        static const gen_kind kinds[] = {GEN_NORMAL_ONE, GEN_NORMAL_FIVE, GEN_COARSE,
                                         GEN_NAN_LACED};
        float *const x = r->logits + row * vocab;
        gen_row(kinds[gen_below(LENGTH(kinds), &r->random)], x, r->c->vocab, &r->random);
        stored_put(r->c->dtype, x, r->c->vocab,
                   r->stored + row * vocab * stored_size(r->c->dtype));
        r->index[row] = (int32_t)gen_below(REQUESTS, &r->random);
        if (gen_below(12, &r->random) == 0) r->index[row] = LMS_SKIP_ROW;
        r->rows[row] = search_requests_row(&r->requests, row, r->names[row], REQUESTS);
        if (gen_below(10, &r->random) == 0) r->rows[row] = (lms_request)LMS_REQUEST_INIT;
    }
}

/* Behind the tokens that were chosen in `steps` steps; where none was, none was appended. */
static void expect(rig *r, uint32_t steps)
{
    for (uint32_t i = 0; i < REQUESTS; ++i) {
        oracle_candidates c;
        int32_t tokens[STEPS];
        uint32_t n = 0;
        for (uint32_t at = 0; at < steps; ++at) {
            if (r->chosen[i][at] != LMS_NO_TOKEN) tokens[n++] = r->chosen[i][at];
        }
        if (r->index[i] == LMS_SKIP_ROW) {
            oracle_candidates_none(LMS_ROW_SKIPPED, &c);
        } else {
            search_requests_edit(&r->requests, i, &r->rows[i], tokens, n,
                                 r->params[i].filters.temperature, r->logits,
                                 r->logits + (size_t)r->index[i] * r->c->vocab, r->edited);
            assert_true(oracle_candidates_of(r->edited, r->c->vocab, &r->params[i], &c));
        }
        for (uint32_t k = 0; k < r->params[i].k; ++k) {
            out_array_token(&r->tokens, i * K + k, c.tokens[k]);
            out_array_f32(&r->probs, i * K + k, c.probs[k]);
        }
        out_array_i32(&r->status, i, (int32_t)c.status);
    }
}

static void propose(rig *r)
{
    const cl_mem logits =
        buffer((size_t)REQUESTS * r->c->vocab * stored_size(r->c->dtype), r->stored);
    const cl_mem rows = search_requests_buffer(ctx, r->rows, REQUESTS);
    lms_contrastive_propose_args args = {.requests = REQUESTS,
                                         .slots = slots,
                                         .logits = {logits, 0},
                                         .index = r->index,
                                         .tokens = out_array_view(&r->tokens),
                                         .probs = out_array_view(&r->probs),
                                         .status = out_array_view(&r->status),
                                         .tables = &r->requests.tables.tables};
    if (r->c->requests_on_device) args.row_requests_device.buffer = rows;
    if (!r->c->requests_on_device) args.row_requests = r->rows;
    device_require(lms_contrastive_propose(r->contrastive, queue_of(), &args, 0, NULL, NULL),
                   "lms_contrastive_propose");
    clReleaseMemObject(logits);
    clReleaseMemObject(rows);
}

/* The choice goes to the slots by what is on the device; the test is told of it, too. */
static void choose(rig *r, uint32_t at)
{
    int32_t next[REQUESTS];
    const lms_contrastive_select_args args = {.requests = REQUESTS,
                                              .slots = slots,
                                              .hidden = {r->hidden, 0},
                                              .tokens = out_array_view(&r->tokens),
                                              .probs = out_array_view(&r->probs),
                                              .next = {r->next, 0},
                                              .rows = {r->choices, 0}};
    const lms_slots_append_args append = {
        .count = REQUESTS, .names = r->names, .tokens = {r->next, 0}};
    device_require(lms_contrastive_select(r->contrastive, queue_of(), &args, 0, NULL, NULL),
                   "lms_contrastive_select");
    device_require(lms_slots_append(r->requests.slots, queue_of(), &append, 0, NULL, NULL),
                   "lms_slots_append");
    device_require(
        clEnqueueReadBuffer(queue_of(), r->next, CL_TRUE, 0, sizeof next, next, 0, NULL, NULL),
        "clEnqueueReadBuffer");
    for (uint32_t i = 0; i < REQUESTS; ++i) r->chosen[i][at] = next[i];
}

static void run(const edits_case *c)
{
    rig r;
    bool good = true;
    if (c->work_items > device_work_items(ctx)) return;
    begin(&r, c);
    for (uint32_t at = 0; good && at < STEPS; ++at) {
        make_rows(&r);
        out_array_new(ctx, &r.tokens, "tokens", 4, 0, ROWS);
        out_array_new(ctx, &r.probs, "probs", 4, 0, ROWS);
        out_array_new(ctx, &r.status, "status", 4, 0, REQUESTS);
        expect(&r, at);
        propose(&r);
        choose(&r, at);
        good = out_array_check(queue_of(), &r.tokens);
        good = out_array_check(queue_of(), &r.probs) && good;
        good = out_array_check(queue_of(), &r.status) && good;
        if (!good) {
            fprintf(stderr, "step %u of seed %llu, vocab %u, team %u, dtype %d\n", at,
                    (unsigned long long)c->seed, c->vocab, c->work_items, (int)c->dtype);
        }
    }
    end(&r);
    assert_true(good);
}

/* --- Tests -------------------------------------------------------------------------------- */

static void test_kinds(void **unused)
{
    (void)unused;
    for (uint32_t kind = 0; kind < GEN_EDIT_KINDS; ++kind) {
        const edits_case c = {.seed = 100 + kind,
                              .vocab = 300,
                              .kinds = 1u << kind,
                              .dtype = LMS_FLOAT32,
                              .requests_on_device = kind % 2 != 0,
                              .tables_on_device = kind / 2 % 2 != 0};
        if (kind != GEN_EDIT_TOP_P_DECAY) run(&c);
    }
}

/* Teams of 8 too: their programs, as those of 64, take long to compile, and have nothing of
 * edits that one of the others has not. LMS_SLOW_TESTS */
static bool is_slow;

/* Everything at once, by teams of some sizes. */
static void test_mixed(void **unused)
{
    (void)unused;
    static const uint32_t teams[] = {0, 0, 0, 0, 0, 0, 8, 8, 8, 64, 64};
    for (size_t i = 0; i < LENGTH(teams); ++i) {
        if (teams[i] == 8 && !is_slow) continue;
        const edits_case c = {.seed = 200 + i,
                              .vocab = i % 3 == 0   ? 1000
                                       : i % 3 == 1 ? 37
                                                    : 257,
                              .work_items = teams[i],
                              .dtype = i == 2 ? LMS_FLOAT16 : LMS_FLOAT32,
                              .wild = i % 4 == 3,
                              .requests_on_device = i % 2 != 0,
                              .tables_on_device = i % 4 < 2};
        run(&c);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_mixed),
    };
    is_slow = argc > 1 && strcmp(argv[1], "slow") == 0;
    ctx = device_open();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lms_context_destroy(ctx);
    return failed;
}
