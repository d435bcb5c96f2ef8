/*
 * Beam search whose rows have requests, against the oracle of beams on rows that the oracle of
 * requests has edited: every move and score, bit for bit. Each beam has a slot, which the
 * device alone keeps: reordered by the step's parents, and appended to with its tokens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/beam_gen.h"
#include "../support/beam_model.h"
#include "../support/device.h"
#include "../support/gen.h"
#include "../support/memory.h"
#include "../support/oracle_beam.h"
#include "../support/oracle_rows.h"
#include "../support/out_array.h"
#include "../support/search_requests.h"
#include "../support/stored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

enum {
    SEARCHES = 4,
    WIDTH = 5,
    STEPS = 7,
    ENDS = 3,
    EACH = WIDTH + 1, /* rows of a search: the first one is no beam's */
    ROWS = SEARCHES * EACH
};

static const uint32_t first_rows[SEARCHES] = {1, 1 + EACH, 1 + 2 * EACH, 1 + 3 * EACH};

static lms_context *ctx;

typedef struct edits_case {
    uint64_t seed;
    uint32_t vocab;
    uint32_t work_items;
    uint32_t kinds; /* of edits; 0: any */
    lms_dtype dtype;
    beam_model_kind model;
    bool wild, requests_on_device, tables_on_device;
} edits_case;

typedef struct rig {
    const edits_case *c;
    uint64_t random;
    search_requests requests;
    lms_beam *beam;
    lms_beam_params params[SEARCHES];
    int32_t ends[SEARCHES][ENDS];
    uint64_t names[ROWS];
    lms_request rows[ROWS];
    oracle_beam *oracles[SEARCHES];
    unsigned char *stored;
    float *logits, *edited; /* [ROWS][vocab] */
    out_array parents, tokens, scores, done, status;
} rig;

static cl_command_queue queue_of(void) { return lms_context_queue(ctx); }

static void open_search(rig *r, uint32_t i)
{
    const beam_limits limits = {r->c->vocab, WIDTH, STEPS, ENDS, 7};
    beam_gen(&r->params[i], r->ends[i], &limits, &r->random);
    r->params[i].groups = r->params[i].width == WIDTH ? r->params[i].groups : 1;
    r->params[i].width = WIDTH;
    r->oracles[i] = oracle_beam_new(&r->params[i], r->ends[i], r->c->vocab);
    device_require(
        lms_beam_open(r->beam, queue_of(), i, &r->params[i], r->ends[i], 0, NULL, NULL),
        "lms_beam_open");
    search_requests_open(&r->requests, i, WIDTH, r->names + first_rows[i]);
}

static void begin(rig *r, const edits_case *c)
{
    const search_shape shape = {.vocab = c->vocab,
                                .searches = SEARCHES,
                                .width = WIDTH,
                                .room = STEPS,
                                .kinds = c->kinds,
                                .wild = c->wild,
                                .on_device = c->tables_on_device};
    memset(r, 0, sizeof *r);
    r->c = c;
    r->random = c->seed;
    search_requests_make(&r->requests, ctx, &shape, &r->random);
    lms_beam_desc desc = {.vocab = c->vocab,
                          .max_requests = SEARCHES,
                          .max_width = WIDTH,
                          .max_length = STEPS,
                          .max_end_tokens = ENDS,
                          .logits = c->dtype,
                          .work_items = c->work_items,
                          .requests = LMS_REQUESTS_ALL,
                          .max_lists = 256,
                          .table_bytes = 1u << 20,
                          .slots = r->requests.slots};
    device_require(lms_beam_create(ctx, &desc, &r->beam), "lms_beam_create");
    r->stored = memory_zeroed((size_t)ROWS * c->vocab, stored_size(c->dtype));
    r->logits = memory_zeroed((size_t)ROWS * c->vocab, sizeof *r->logits);
    r->edited = memory_zeroed((size_t)ROWS * c->vocab, sizeof *r->edited);
    for (uint32_t i = 0; i < SEARCHES; ++i) open_search(r, i);
}

static void end(rig *r)
{
    for (uint32_t i = 0; i < SEARCHES; ++i) oracle_beam_free(r->oracles[i]);
    lms_beam_destroy(r->beam);
    search_requests_free(&r->requests);
    free(r->stored);
    free(r->logits);
    free(r->edited);
}

/* A row for every beam, live or not, and others: one may guide another. */
static void make_rows(rig *r)
{
    const size_t vocab = r->c->vocab;
    for (uint32_t row = 0; row < ROWS; ++row) {
        const uint32_t i = row / EACH, at = row % EACH;
        const beam_model model = {r->c->seed + i, r->c->vocab, r->c->model, 2.0};
        float *const x = r->logits + row * vocab;
        int32_t tokens[STEPS];
        const uint32_t n = at ? oracle_beam_sequence(r->oracles[i], at - 1, tokens) : 0;
        beam_model_row(&model, tokens, n, x);
        stored_put(r->c->dtype, x, r->c->vocab,
                   r->stored + row * vocab * stored_size(r->c->dtype));
        r->rows[row] = search_requests_row(&r->requests, i, r->names[row], ROWS);
        if (gen_below(10, &r->random) == 0) r->rows[row] = (lms_request)LMS_REQUEST_INIT;
        if (at == 0) r->rows[row].slot = INT64_MAX; /* which nobody looks at */
    }
}

static void edit_rows(rig *r)
{
    const size_t vocab = r->c->vocab;
    for (uint32_t i = 0; i < SEARCHES; ++i) {
        for (uint32_t beam = 0; beam < WIDTH; ++beam) {
            const uint32_t row = first_rows[i] + beam;
            int32_t tokens[STEPS];
            if (!oracle_beam_reads(r->oracles[i], beam)) continue;
            const uint32_t n = oracle_beam_sequence(r->oracles[i], beam, tokens);
            search_requests_edit(&r->requests, i, &r->rows[row], tokens, n,
                                 r->params[i].filters.temperature, r->logits,
                                 r->logits + row * vocab, r->edited + row * vocab);
        }
    }
}

static void make_outputs(rig *r)
{
    out_array_new(ctx, &r->parents, "parents", 4, 0, ROWS);
    out_array_new(ctx, &r->tokens, "tokens", 4, 0, ROWS);
    out_array_new(ctx, &r->scores, "scores_fixed", 8, 0, ROWS);
    out_array_new(ctx, &r->done, "done", 4, 0, SEARCHES);
    out_array_new(ctx, &r->status, "status", 4, 0, SEARCHES);
}

static void expect(rig *r)
{
    for (uint32_t i = 0; i < SEARCHES; ++i) {
        oracle_beam_move moves[WIDTH];
        const uint32_t first = first_rows[i];
        const uint32_t status = oracle_beam_step(
            r->oracles[i], r->edited + (size_t)first * r->c->vocab, r->c->vocab, moves);
        for (uint32_t n = 0; n < WIDTH; ++n) {
            out_array_i32(&r->parents, first + n, (int32_t)first + moves[n].parent);
            out_array_i32(&r->tokens, first + n, moves[n].token);
            out_array_i64(&r->scores, first + n, moves[n].score);
        }
        out_array_i32(&r->done, i, status & LMS_BEAM_DONE ? 1 : 0);
        out_array_i32(&r->status, i, (int32_t)status);
    }
}

/* Each beam's slot follows it, by what is on the device. */
static void follow(const rig *r)
{
    for (uint32_t i = 0; i < SEARCHES; ++i) {
        const uint64_t *const names = r->names + first_rows[i];
        const lms_view parents = {r->parents.mem, first_rows[i], NULL};
        const lms_slots_append_args args = {
            .count = WIDTH, .names = names, .tokens = {r->tokens.mem, first_rows[i]}};
        device_require(lms_slots_reorder(r->requests.slots, queue_of(), WIDTH, names, parents,
                                         (int32_t)first_rows[i], 0, NULL, NULL),
                       "lms_slots_reorder");
        device_require(lms_slots_append(r->requests.slots, queue_of(), &args, 0, NULL, NULL),
                       "lms_slots_append");
        device_require(clFinish(queue_of()), "clFinish");
    }
}

static void step_device(rig *r)
{
    static const uint32_t slots[SEARCHES] = {0, 1, 2, 3};
    cl_int code = CL_SUCCESS;
    const cl_mem logits =
        clCreateBuffer(lms_context_cl_context(ctx), CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                       (size_t)ROWS * r->c->vocab * stored_size(r->c->dtype), r->stored, &code);
    const cl_mem rows = search_requests_buffer(ctx, r->rows, ROWS);
    lms_beam_step_args args = {.requests = SEARCHES,
                               .slots = slots,
                               .first_rows = first_rows,
                               .logits = {logits, 0},
                               .parents = out_array_view(&r->parents),
                               .tokens = out_array_view(&r->tokens),
                               .scores_fixed = out_array_view(&r->scores),
                               .done = out_array_view(&r->done),
                               .status = out_array_view(&r->status),
                               .tables = &r->requests.tables.tables};
    device_require(code, "clCreateBuffer");
    if (r->c->requests_on_device) args.row_requests_device.buffer = rows;
    if (!r->c->requests_on_device) args.row_requests = r->rows;
    device_require(lms_beam_step(r->beam, queue_of(), &args, 0, NULL, NULL), "lms_beam_step");
    follow(r);
    clReleaseMemObject(logits);
    clReleaseMemObject(rows);
}

static bool step(rig *r)
{
    out_array *const all[] = {&r->parents, &r->tokens, &r->scores, &r->done, &r->status};
    bool good = true;
    make_rows(r);
    make_outputs(r);
    edit_rows(r);
    step_device(r);
    expect(r);
    for (size_t i = 0; i < LENGTH(all); ++i) good = out_array_check(queue_of(), all[i]) && good;
    return good;
}

static void tell(const rig *r, uint32_t at)
{
    fprintf(stderr, "step %u of seed %llu, vocab %u, team %u, dtype %d\n", at,
            (unsigned long long)r->c->seed, r->c->vocab, r->c->work_items, (int)r->c->dtype);
    for (uint32_t i = 0; i < SEARCHES; ++i) {
        fprintf(stderr, "rows from %u on: edits %u, mask %u, slot of %u tokens\n",
                first_rows[i], r->requests.common[i].edits, r->requests.common[i].mask,
                r->requests.named->slots[i].length);
        beam_gen_tell(&r->params[i], r->ends[i]);
    }
}

static void run(const edits_case *c)
{
    rig r;
    bool good = true;
    if (c->work_items > device_work_items(ctx)) return;
    begin(&r, c);
    for (uint32_t at = 0; good && at < STEPS; ++at) {
        good = step(&r);
        if (!good) tell(&r, at);
    }
    end(&r);
    assert_true(good);
}

/* --- Tests -------------------------------------------------------------------------------- */

/* Penalties and n-grams by each beam's own history, and masks. */
static void test_usual(void **unused)
{
    (void)unused;
    for (uint64_t i = 0; i < 3; ++i) {
        const edits_case c = {.seed = 100 + i,
                              .vocab = 300,
                              .kinds = 1u << GEN_EDIT_REPETITION | 1u << GEN_EDIT_NGRAM,
                              .dtype = LMS_FLOAT32,
                              .model = BEAM_MODEL_NORMAL};
        run(&c);
    }
}

static void test_kinds(void **unused)
{
    (void)unused;
    for (uint32_t kind = 0; kind < GEN_EDIT_KINDS; ++kind) {
        const edits_case c = {.seed = 200 + kind,
                              .vocab = 300,
                              .kinds = 1u << kind,
                              .dtype = LMS_FLOAT32,
                              .model = BEAM_MODEL_NORMAL,
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
        const edits_case c = {.seed = 300 + i,
                              .vocab = i % 3 == 0   ? 1000
                                       : i % 3 == 1 ? 37
                                                    : 257,
                              .work_items = teams[i],
                              .dtype = i == 2 ? LMS_BFLOAT16 : LMS_FLOAT32,
                              .model = i % 2 ? BEAM_MODEL_ALL_KINDS : BEAM_MODEL_NORMAL,
                              .wild = i % 4 == 3,
                              .requests_on_device = i % 2 != 0,
                              .tables_on_device = i % 4 < 2};
        run(&c);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usual),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_mixed),
    };
    is_slow = argc > 1 && strcmp(argv[1], "slow") == 0;
    ctx = device_open();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lms_context_destroy(ctx);
    return failed;
}
