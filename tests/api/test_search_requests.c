/* What a step of a beam search, and a proposal of a contrastive search, say of their rows'
 * requests: on the host every mistake by name, value and rule; on the device by the status of
 * whose row it is, and of nobody else. */
#include "rig.h"

#include <limits.h>
#include <math.h>

enum {
    VOCAB = 64,
    ROWS = 3, /* of beams: two of the first search, one of the second */
    SEARCHES = 2,
    WIDTH = 2,
    LISTS = 3,
    TABLE_BYTES = 1024
};

typedef struct world {
    lms_context *ctx;
    cl_command_queue queue;
    lms_slots *slots;
    uint64_t name, stale;
    lms_beam *beam;
    lms_contrastive *contrastive;
    cl_mem logits, out[5], rows_on_device;
} world;

/* Good tables and requests, to be spoiled. */
typedef struct asked {
    lms_tables tables;
    lms_row_edits edits[2];
    uint32_t offsets[LISTS + 2];
    int32_t ids[4];
    uint32_t masks[2];
    lms_request rows[ROWS];
    const world *w;
    bool by_both_doors;
    size_t device_offset;
} asked;

static const uint32_t open_slots[SEARCHES] = {0, 1}, first_rows[SEARCHES] = {0, WIDTH};
static const uint32_t three_slots[ROWS] = {0, 1, 2};

static void make_asked(const world *w, asked *a)
{
    const lms_row_edits edits = LMS_ROW_EDITS_INIT;
    memset(a, 0, sizeof *a);
    a->w = w;
    a->edits[0] = a->edits[1] = edits;
    a->edits[0].repetition = 1.5f;
    a->edits[0].banned = 1;
    a->edits[1].allowed = 2;
    a->offsets[1] = 2;
    a->offsets[2] = 4;
    for (int32_t i = 0; i < 4; ++i) a->ids[i] = 5 + i;
    a->masks[0] = a->masks[1] = 0xffff00f0u;
    a->tables = (lms_tables){.edit_count = 2,
                             .list_count = 2,
                             .mask_count = 1,
                             .edits = a->edits,
                             .list_offsets = a->offsets,
                             .list_ids = a->ids,
                             .masks = a->masks,
                             .mask_columns = 2};
    a->rows[0] = (lms_request){.slot = w->name, .edits = 1};
    a->rows[1] = (lms_request){.mask = 1};
    a->rows[2] = (lms_request){.edits = 2, .unconditional = ROWS};
}

/* --- The world --------------------------------------------------------------------------- */

static cl_mem buffer_of(const world *w, size_t bytes, void *data)
{
    cl_int code = CL_SUCCESS;
    const cl_mem_flags flags = CL_MEM_READ_WRITE | (data != NULL ? CL_MEM_COPY_HOST_PTR : 0);
    const cl_mem mem =
        clCreateBuffer(lms_context_cl_context(w->ctx), flags, bytes, data, &code);
    assert_int_equal(code, CL_SUCCESS);
    return mem;
}

static void make_slots(world *w)
{
    const lms_slots_desc desc = {.max_slots = 4, .max_length = 8, .vocab = VOCAB};
    const int32_t tokens[3] = {5, 9, 20};
    const uint32_t length = 3;
    lms_slots_open_args args = {.count = 1, .lengths = &length, .tokens = tokens};
    args.token_count = 3;
    RIG_OK(lms_slots_create(w->ctx, &desc, &w->slots));
    args.names = &w->stale;
    RIG_OK(lms_slots_open(w->slots, w->queue, &args, 0, NULL, NULL));
    args.names = &w->name;
    RIG_OK(lms_slots_open(w->slots, w->queue, &args, 0, NULL, NULL));
    RIG_OK(lms_slots_close(w->slots, w->stale));
}

static void open_beams(const world *w)
{
    for (uint32_t i = 0; i < SEARCHES; ++i) {
        lms_beam_params p = LMS_BEAM_PARAMS_INIT(i == 0 ? WIDTH : 1);
        p.max_length = 4;
        RIG_OK(lms_beam_open(w->beam, w->queue, i, &p, NULL, 0, NULL, NULL));
    }
}

static void restart(const world *w)
{
    for (uint32_t i = 0; i < SEARCHES; ++i) RIG_OK(lms_beam_close(w->beam, i));
    open_beams(w);
}

static int make_world(void **state)
{
    static world w;
    float logits[ROWS * VOCAB];
    for (uint32_t i = 0; i < ROWS * VOCAB; ++i) logits[i] = (float)(i * 2654435761u >> 24) / 64;
    RIG_OK(lms_context_open("", &w.ctx));
    w.queue = lms_context_queue(w.ctx);
    make_slots(&w);
    const lms_beam_desc beam = {.vocab = VOCAB,
                                .max_requests = SEARCHES,
                                .max_width = WIDTH,
                                .max_length = 4,
                                .logits = LMS_FLOAT32,
                                .requests = LMS_REQUESTS_EDITS,
                                .max_lists = LISTS,
                                .table_bytes = TABLE_BYTES,
                                .slots = w.slots};
    const lms_contrastive_desc contrastive = {.vocab = VOCAB,
                                              .width = 4,
                                              .max_requests = ROWS,
                                              .max_k = 2,
                                              .max_length = 4,
                                              .logits = LMS_FLOAT32,
                                              .hidden = LMS_FLOAT32,
                                              .requests = LMS_REQUESTS_EDITS,
                                              .table_bytes = TABLE_BYTES,
                                              .slots = w.slots,
                                              .max_lists = LISTS};
    const lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 2);
    RIG_OK(lms_beam_create(w.ctx, &beam, &w.beam));
    RIG_OK(lms_contrastive_create(w.ctx, &contrastive, &w.contrastive));
    open_beams(&w);
    for (uint32_t i = 0; i < ROWS; ++i) RIG_OK(lms_contrastive_open(w.contrastive, i, &p));
    w.logits = buffer_of(&w, sizeof logits, logits);
    w.rows_on_device = buffer_of(&w, ROWS * sizeof(lms_request), NULL);
    for (int i = 0; i < 5; ++i) w.out[i] = buffer_of(&w, 8 * 2 * ROWS, NULL);
    *state = &w;
    return 0;
}

static int end_world(void **state)
{
    world *const w = *state;
    for (int i = 0; i < 5; ++i) clReleaseMemObject(w->out[i]);
    clReleaseMemObject(w->logits);
    clReleaseMemObject(w->rows_on_device);
    lms_beam_destroy(w->beam);
    lms_contrastive_destroy(w->contrastive);
    lms_slots_destroy(w->slots);
    lms_context_destroy(w->ctx);
    return 0;
}

/* What a call writes of it: tokens, parents or probabilities, scores, status. */
typedef struct told {
    int32_t tokens[2 * ROWS];
    int32_t others[2 * ROWS];
    int64_t scores[ROWS];
    uint32_t status[ROWS];
} told;

static void read_told(const world *w, told *t)
{
    void *const to[4] = {t->tokens, t->others, t->scores, t->status};
    const size_t bytes[4] = {sizeof t->tokens, sizeof t->others, sizeof t->scores,
                             sizeof t->status};
    for (int i = 0; i < 4; ++i) {
        RIG_OK(clEnqueueReadBuffer(w->queue, w->out[i], CL_TRUE, 0, bytes[i], to[i], 0, NULL,
                                   NULL));
    }
}

static const lms_request *on_host(const asked *a) { return a->device_offset ? NULL : a->rows; }

static lms_view on_device(const asked *a)
{
    const bool is_there = a->by_both_doors || a->device_offset;
    return (lms_view){is_there ? a->w->rows_on_device : NULL, a->device_offset, NULL};
}

static lms_status step(const asked *a)
{
    const world *const w = a->w;
    const lms_beam_step_args args = {.requests = SEARCHES,
                                     .slots = open_slots,
                                     .first_rows = first_rows,
                                     .logits = {w->logits, 0},
                                     .tokens = {w->out[0], 0},
                                     .parents = {w->out[1], 0},
                                     .scores_fixed = {w->out[2], 0},
                                     .status = {w->out[3], 0},
                                     .done = {w->out[4], 0},
                                     .tables = &a->tables,
                                     .row_requests = on_host(a),
                                     .row_requests_device = on_device(a)};
    return lms_beam_step(w->beam, w->queue, &args, 0, NULL, NULL);
}

static lms_status propose(const asked *a)
{
    const world *const w = a->w;
    const lms_contrastive_propose_args args = {.requests = ROWS,
                                               .slots = three_slots,
                                               .logits = {w->logits, 0},
                                               .tokens = {w->out[0], 0},
                                               .probs = {w->out[1], 0},
                                               .status = {w->out[3], 0},
                                               .tables = &a->tables,
                                               .row_requests = on_host(a),
                                               .row_requests_device = on_device(a)};
    return lms_contrastive_propose(w->contrastive, w->queue, &args, 0, NULL, NULL);
}

/* --- On the host ------------------------------------------------------------------------- */

static void stale_slot(asked *a) { a->rows[1].slot = a->w->stale; }
static void no_slot(asked *a) { a->rows[1].slot = INT64_MAX; }
static void edits_beyond(asked *a) { a->rows[2].edits = 3; }
static void mask_beyond(asked *a) { a->rows[0].mask = 2; }
static void row_beyond(asked *a) { a->rows[1].unconditional = ROWS + 1; }
static void reserved_request(asked *a) { a->rows[1].reserved = 7; }
static void top_p_decay(asked *a) { a->edits[1].top_p_decay = 0.5f; }
static void dry(asked *a) { a->edits[0].dry_multiplier = 1.0f; }
static void id_beyond(asked *a) { a->ids[3] = VOCAB; }
static void lists_beyond(asked *a) { a->tables.list_count = LISTS + 1; }
static void too_much(asked *a) { a->tables.mask_count = 500; }
static void both_doors(asked *a) { a->by_both_doors = true; }
static void rows_short(asked *a) { a->device_offset = 1; }

static const struct {
    void (*spoil)(asked *a);
    lms_status status;
    const char *text, *rule;
} mistakes[] = {
    {stale_slot, LMS_E_ROW_PARAMS, "row_requests[1].slot: 0x", "is no open slot"},
    {no_slot, LMS_E_ROW_PARAMS, "row_requests[1].slot: 0x7fffffffffffffff", "is no open slot"},
    {edits_beyond, LMS_E_ROW_PARAMS, "row_requests[2].edits: 3", "edit_count (2)"},
    {mask_beyond, LMS_E_ROW_PARAMS, "row_requests[0].mask: 2", "mask_count (1)"},
    {row_beyond, LMS_E_ROW_PARAMS, "row_requests[1].unconditional: 4", "logits_rows (3)"},
    {reserved_request, LMS_E_ROW_PARAMS, "row_requests[1].reserved: is not 0", ""},
    {top_p_decay, LMS_E_ROW_PARAMS,
     "row_requests[2].edits: ", "tables.edits[1].top_p_decay is 0.5, not 0"},
    {dry, LMS_E_ARGUMENT, "tables.edits[0].dry_multiplier: ", "without LMS_REQUESTS_DRY"},
    {id_beyond, LMS_E_ARGUMENT, "tables.list_ids[3]: 64", "0..63"},
    {lists_beyond, LMS_E_ARGUMENT, "tables.list_count: 4", "max_lists (3)"},
    {too_much, LMS_E_ARGUMENT, "tables: ", "table_bytes (1024)"},
    {both_doors, LMS_E_ARGUMENT, "row_requests, row_requests_device: at most one", ""},
    {rows_short, LMS_E_BUFFER_SIZE, "row_requests_device: ", ""},
};

/* Each is refused, and after all of them the searches are as they were. */
static void test_mistakes(void **state)
{
    const world *const w = *state;
    asked a;
    told before, after;
    make_asked(w, &a);
    restart(w);
    RIG_OK(step(&a));
    read_told(w, &before);
    restart(w);
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; ++i) {
        make_asked(w, &a);
        mistakes[i].spoil(&a);
        RIG_FAILS(mistakes[i].status, step(&a), mistakes[i].text, mistakes[i].rule);
        RIG_FAILS(mistakes[i].status, propose(&a), mistakes[i].text, mistakes[i].rule);
    }
    make_asked(w, &a);
    RIG_OK(step(&a));
    read_told(w, &after);
    assert_memory_equal(&before.tokens, &after.tokens, ROWS * sizeof(int32_t));
    assert_memory_equal(&before.scores, &after.scores, sizeof before.scores);
    RIG_OK(propose(&a));
}

/* --- On the device ----------------------------------------------------------------------- */

/* Rows from the device: the first one of the buffer is none of theirs. */
static void by_device(world *w, asked *a)
{
    lms_request rows[ROWS + 1] = {{0}};
    clReleaseMemObject(w->rows_on_device);
    memcpy(rows + 1, a->rows, sizeof a->rows);
    w->rows_on_device = buffer_of(w, sizeof rows, rows);
    a->device_offset = 1;
}

static const struct {
    void (*spoil)(asked *a);
    uint32_t row, field;
} bad_rows[] = {
    {no_slot, 1, LMS_FIELD_SLOT},
    {edits_beyond, 2, LMS_FIELD_EDITS},
    {mask_beyond, 0, LMS_FIELD_MASK},
    {row_beyond, 1, LMS_FIELD_UNCONDITIONAL},
    {reserved_request, 1, LMS_FIELD_RESERVED},
    {top_p_decay, 2, LMS_FIELD_RECORD},
};

static void test_proposals_by_device(void **state)
{
    world *const w = *state;
    asked a;
    told good, found;
    make_asked(w, &a);
    RIG_OK(propose(&a));
    read_told(w, &good);
    for (size_t i = 0; i < sizeof bad_rows / sizeof bad_rows[0]; ++i) {
        make_asked(w, &a);
        bad_rows[i].spoil(&a);
        by_device(w, &a);
        RIG_OK(propose(&a));
        read_told(w, &found);
        for (uint32_t r = 0; r < ROWS; ++r) {
            const bool bad = r == bad_rows[i].row;
            const uint32_t status = LMS_ROW_BAD_PARAMS | bad_rows[i].field << 8;
            assert_int_equal(found.status[r], bad ? status : good.status[r]);
            for (uint32_t k = 2 * r; k < 2 * r + 2; ++k) {
                assert_int_equal(found.tokens[k], bad ? LMS_NO_TOKEN : good.tokens[k]);
                assert_int_equal(found.others[k], bad ? 0 : good.others[k]);
            }
        }
    }
}

/* A beam whose request is bad has no candidate; one that is not live has nothing to say. */
static void test_steps_by_device(void **state)
{
    world *const w = *state;
    asked a;
    told good, found;
    make_asked(w, &a);
    restart(w);
    RIG_OK(step(&a));
    read_told(w, &good);
    for (size_t i = 0; i < sizeof bad_rows / sizeof bad_rows[0]; ++i) {
        const uint32_t none = LMS_BEAM_DONE | LMS_BEAM_EMPTY | LMS_BEAM_BAD_REQUEST;
        make_asked(w, &a);
        bad_rows[i].spoil(&a);
        by_device(w, &a);
        restart(w);
        RIG_OK(step(&a));
        read_told(w, &found);
        for (uint32_t r = 0; r < ROWS; ++r) {
            const bool bad = bad_rows[i].row != 1 && r / WIDTH == bad_rows[i].row / WIDTH;
            assert_int_equal(found.tokens[r], bad ? LMS_NO_TOKEN : good.tokens[r]);
            if (r % WIDTH > 0) continue;
            assert_int_equal(found.status[r / WIDTH], bad ? none : good.status[r / WIDTH]);
        }
    }
}

/* The second step has two live beams: the group goes on with what the good one offers. */
static void test_one_beam_of_two(void **state)
{
    world *const w = *state;
    asked a;
    told found;
    make_asked(w, &a);
    restart(w);
    RIG_OK(step(&a));
    no_slot(&a);
    by_device(w, &a);
    RIG_OK(step(&a));
    read_told(w, &found);
    assert_int_equal(found.status[0], LMS_BEAM_BAD_REQUEST);
    assert_int_equal(found.status[1], 0);
    for (uint32_t r = 0; r < WIDTH; ++r) {
        assert_int_equal(found.others[r], 0);
        assert_int_not_equal(found.tokens[r], LMS_NO_TOKEN);
    }
    make_asked(w, &a);
    RIG_OK(step(&a));
    read_told(w, &found);
    assert_int_equal(found.status[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_proposals_by_device),
        cmocka_unit_test(test_steps_by_device),
        cmocka_unit_test(test_one_beam_of_two),
    };
    return cmocka_run_group_tests(tests, make_world, end_world);
}
