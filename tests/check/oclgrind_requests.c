/* oclgrind_requests.c - runs the kernels of samplers whose rows have requests: every edit,
 * masks of both types, all outputs, appending. Prints all that they write, and the slots.
 *
 * Run once on a simulated device that finds races and stray accesses, and once on another: the
 * output has to be the same. */
#define _POSIX_C_SOURCE 200112L /* setenv() */
#include "oclgrind_print.h"

#include <math.h>
#include <string.h>

enum {
    ROWS = 7,
    SLOTS = 3,
    LENGTH = 600,
    RECORDS = 6,
    LISTS = 6,
    ENTRIES = 24,
    TOP = 9,
    NAMED = 4,
    OUTPUTS = 14,
    WIDEST = 700
};

/* Lists: ids with values, ids, end tokens, sequences with values, named tokens, a text. */
static const uint32_t offsets[LISTS + 1] = {0, 4, 7, 9, 15, 18, ENTRIES};
static const int32_t ids[ENTRIES] = {
    1, 5,  1, 33, 2, 3, 34, 7, 0, 4, 5, LMS_NO_TOKEN, 10, 6, LMS_NO_TOKEN,
    0, 36, 8, 4,  5, 6, 4,  5, 7};
static const float list_values[ENTRIES] = {1.5f, -INFINITY,   0.75f,
                                           2.0f, [11] = 3.0f, [14] = -2.0f};

typedef struct world {
    lms_context *context;
    cl_command_queue queue;
    uint32_t vocab, team;
    lms_slots *slots;
    lms_sampler *sampler;
    uint64_t names[SLOTS];
    lms_row_edits edits[RECORDS];
    lms_row_wants wants[3];
    uint32_t words[2 * (WIDEST / 32 + 1)];
    uint8_t bytes[2 * WIDEST];
    lms_row_params params[ROWS];
    cl_mem logits, out[OUTPUTS];
} world;

static const uint32_t lengths[SLOTS] = {400, 30, 3};

/* --- What is asked for ------------------------------------------------------------------- */

static void fill_edits(lms_row_edits *e)
{
    const lms_row_edits none = LMS_ROW_EDITS_INIT;
    for (int i = 0; i < RECORDS; ++i) e[i] = none;
    e[0].repetition = 1.25f;
    e[0].frequency = 0.5f;
    e[0].presence = -0.25f;
    e[0].window = 50;
    e[0].bias = 1;
    e[0].banned = 2;
    e[1].guidance = 2.0f;
    e[1].flags = LMS_EDITS_HUGGING_FACE;
    e[1].repetition = 0.8f;
    e[1].ngram = 2;
    e[2].dry_multiplier = 0.75f;
    e[2].dry_breakers = 4;
    e[2].bad_words = 4;
    e[2].sequence_bias = 4;
    e[2].ngram = 3;
    e[3].encoder_ngram = 2;
    e[3].encoder = 6;
    e[3].end_tokens = 3;
    e[3].min_tokens = 1000;
    e[3].decay_factor = 1.125f;
    e[3].top_p_decay = 0.875f;
    e[3].top_p_min = 0.25f;
    e[4].forced = 9;
    e[5].allowed = 2;
    e[5].guidance = 0.5f;
    e[5].presence = 1.0f;
    e[5].flags = LMS_EDITS_TENSORRT_LLM;
}

/* The last row asks for nothing. */
static void fill_rows(world *w)
{
    for (uint32_t r = 0; r < ROWS; ++r) {
        const lms_row_params usual = LMS_ROW_PARAMS_INIT;
        w->params[r] = usual;
        w->params[r].seed = 99 + r;
        w->params[r].filters.temperature = r == 3 ? 0.0f : 0.75f;
        w->params[r].filters.top_k = r % 3 == 1 ? 20 : 0;
        w->params[r].filters.top_p = r % 2 ? 0.875f : 1.0f;
        if (r == RECORDS) break;
        w->params[r].request.edits = r + 1;
        w->params[r].request.mask = r % 3;
        w->params[r].request.unconditional = 1 + (r + 2) % ROWS;
        w->params[r].request.slot = r < SLOTS ? w->names[r] : 0;
        w->params[r].wants = r % 4;
        w->params[r].target = r == 5 ? 4 : 0;
    }
    w->wants[0] = (lms_row_wants){.top_n = TOP, .named = 5};
    w->wants[1] = (lms_row_wants){.top_n = 2, .named = 5, .flags = LMS_WANT_EDITED};
    w->wants[2] = (lms_row_wants){.top_n = TOP, .named = 5, .flags = LMS_WANT_PROCESSED};
}

static void fill_masks(world *w)
{
    for (size_t i = 0; i < COUNT(w->words); ++i)
        w->words[i] = i % 5 ? 0xfffff7ffu : 0x0f0f0f3fu;
    for (size_t i = 0; i < COUNT(w->bytes); ++i) w->bytes[i] = i % 7 != 3;
}

static cl_mem input(const world *w, const void *data, size_t bytes)
{
    cl_int code = CL_SUCCESS;
    const cl_mem mem = clCreateBuffer(lms_context_cl_context(w->context),
                                      CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes,
                                      (void *)(uintptr_t)data, &code);
    check(code, "clCreateBuffer");
    return mem;
}

static void make_logits(world *w)
{
    static float values[ROWS * WIDEST];
    uint32_t noise = 7;
    for (uint32_t i = 0; i < ROWS * w->vocab; ++i) {
        noise = noise * 1664525u + 1013904223u;
        values[i] = (float)(noise >> 16) * 0x1p-13f - 4.0f;
        if (noise % 31 == 0) values[i] = noise % 2 ? NAN : -INFINITY;
    }
    w->logits = input(w, values, ROWS * w->vocab * sizeof *values);
}

/* --- Objects ----------------------------------------------------------------------------- */

static void open_slots(world *w)
{
    static int32_t tokens[LENGTH];
    static const uint32_t prompts[SLOTS] = {300, 10, 3}, ignored[SLOTS] = {5, 0, 1};
    const lms_slots_desc desc = {.max_slots = SLOTS, .max_length = LENGTH, .vocab = w->vocab};
    const lms_slots_open_args open = {.count = SLOTS,
                                      .lengths = lengths,
                                      .prompts = prompts,
                                      .ignored = ignored,
                                      .tokens = tokens,
                                      .token_count = LENGTH,
                                      .names = w->names};
    for (int i = 0; i < LENGTH; ++i) tokens[i] = i % 11 == 3 ? i % 37 : 4 + i % 7;
    check(lms_slots_create(w->context, &desc, &w->slots), "lms_slots_create");
    check(lms_slots_open(w->slots, w->queue, &open, 0, NULL, NULL), "lms_slots_open");
}

static void open_sampler(world *w)
{
    const lms_sampler_desc desc = {.vocab = w->vocab,
                                   .max_rows = ROWS,
                                   .logits = LMS_FLOAT32,
                                   .outputs = 0x7ff,
                                   .work_items = w->team,
                                   .requests = LMS_REQUESTS_ALL,
                                   .max_top = TOP,
                                   .max_lists = LISTS,
                                   .table_bytes = 8192,
                                   .slots = w->slots};
    check(lms_sampler_create(w->context, &desc, &w->sampler), "lms_sampler_create");
}

/* --- Calls ------------------------------------------------------------------------------- */

static lms_tables host_tables(const world *w, uint32_t mask_type)
{
    const uint32_t words = (w->vocab + 31) / 32;
    return (lms_tables){.edit_count = RECORDS,
                        .want_count = 3,
                        .list_count = LISTS,
                        .mask_count = 2,
                        .edits = w->edits,
                        .wants = w->wants,
                        .list_offsets = offsets,
                        .list_ids = ids,
                        .list_values = list_values,
                        .masks = mask_type == LMS_MASK_BITS ? (const void *)w->words : w->bytes,
                        .mask_type = mask_type,
                        .mask_columns = mask_type == LMS_MASK_BITS ? words : w->vocab - 1};
}

/* The same in buffers, which are to be released. */
static lms_tables device_tables(const world *w, const lms_tables *t)
{
    const size_t each = t->mask_type == LMS_MASK_BITS ? 4 : 1;
    lms_tables d = *t;
    d.edits = NULL;
    d.wants = NULL;
    d.list_offsets = NULL;
    d.list_ids = NULL;
    d.list_values = NULL;
    d.masks = NULL;
    d.list_entries = ENTRIES;
    d.edits_device.buffer = input(w, w->edits, sizeof w->edits);
    d.wants_device.buffer = input(w, w->wants, sizeof w->wants);
    d.list_offsets_device.buffer = input(w, offsets, sizeof offsets);
    d.list_ids_device.buffer = input(w, ids, sizeof ids);
    d.list_values_device.buffer = input(w, list_values, sizeof list_values);
    d.masks_device.buffer = input(w, t->masks, 2 * each * t->mask_columns);
    return d;
}

static void release_tables(const lms_tables *d)
{
    const cl_mem all[] = {d->edits_device.buffer,        d->wants_device.buffer,
                          d->list_offsets_device.buffer, d->list_ids_device.buffer,
                          d->list_values_device.buffer,  d->masks_device.buffer};
    for (size_t i = 0; i < COUNT(all); ++i) clReleaseMemObject(all[i]);
}

static void print_outputs(const world *w, const size_t *columns)
{
    static uint32_t data[ROWS * WIDEST];
    for (size_t o = 0; o < OUTPUTS; ++o) {
        const size_t count = ROWS * columns[o];
        uint64_t hash = 14695981039346656037u;
        check(clEnqueueReadBuffer(w->queue, w->out[o], CL_TRUE, 0, count * 4, data, 0, NULL,
                                  NULL),
              "clEnqueueReadBuffer");
        printf("  %zu:", o);
        for (size_t i = 0; i < count; ++i) {
            /* NaN has many patterns. */
            const uint32_t x = (data[i] & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : data[i];
            hash = (hash ^ x) * 1099511628211u;
            if (count <= ROWS * TOP) printf(" %" PRIx32, x);
        }
        printf(" %016" PRIx64 "\n", hash);
        clReleaseMemObject(w->out[o]);
    }
}

/* With records and tables on the host, which then appends, or on the device. */
static void run(world *w, uint32_t mask_type, int on_device)
{
    const size_t columns[OUTPUTS] = {1, 1, 1, 1, 1, w->vocab, 1, 1, 1, 1, 1, TOP, TOP, NAMED};
    lms_tables t = host_tables(w, mask_type);
    const cl_mem params = input(w, w->params, sizeof w->params);
    lms_sampler_run_args a = {.rows = ROWS,
                              .logits = {w->logits, 0},
                              .tables = &t,
                              .append = !on_device,
                              .top_stride = TOP,
                              .named_stride = NAMED};
    lms_view *const views[OUTPUTS] = {
        &a.tokens,  &a.status,         &a.logprob_raw, &a.logprob,     &a.kept,
        &a.probs,   &a.logprob_edited, &a.rank_raw,    &a.rank_edited, &a.entropy_raw,
        &a.entropy, &a.top_tokens,     &a.top_values,  &a.named_values};
    if (on_device) t = device_tables(w, &t);
    if (on_device) a.params_device.buffer = params;
    if (!on_device) a.params = w->params;
    for (size_t o = 0; o < OUTPUTS; ++o) {
        w->out[o] =
            new_buffer(lms_context_cl_context(w->context), w->queue, ROWS * columns[o] * 4);
        views[o]->buffer = w->out[o];
    }
    printf("team %u vocab %u masks %u device %d\n", (unsigned)w->team, (unsigned)w->vocab,
           (unsigned)mask_type, on_device);
    check(lms_sampler_run(w->sampler, w->queue, &a, 0, NULL, NULL), "lms_sampler_run");
    print_outputs(w, columns);
    clReleaseMemObject(params);
    if (on_device) release_tables(&t);
}

static void print_slots(const world *w)
{
    static int32_t tokens[LENGTH];
    for (uint32_t i = 0; i < SLOTS; ++i) {
        uint32_t length = 0;
        check(lms_slots_export(w->slots, w->names[i], tokens, LENGTH, &length, NULL), "export");
        printf("  %u:", (unsigned)length);
        for (uint32_t t = lengths[i]; t < length; ++t) printf(" %d", (int)tokens[t]);
        printf("\n");
    }
}

static void run_all(world *w)
{
    open_slots(w);
    open_sampler(w);
    fill_edits(w->edits);
    fill_rows(w);
    fill_masks(w);
    make_logits(w);
    run(w, LMS_MASK_BITS, 0);
    run(w, LMS_MASK_BYTES, 1);
    run(w, LMS_MASK_BITS, 1);
    print_slots(w);
    clReleaseMemObject(w->logits);
    lms_sampler_destroy(w->sampler);
    lms_slots_destroy(w->slots);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct {
        uint32_t team, vocab;
        const char *shape;
    } shapes[] = {{1, 300, "fuse_from=1"},
                  {1, 300, "fuse_from=1000000"},
                  {1, 37, "fuse_from=1"},
                  {4, 300, "fuse_from=1000000"},
                  {64, 700, "fuse_from=1000000"}};
    static world w;
    check(lms_context_open(argc > 1 ? argv[1] : "", &w.context), "lms_context_open");
    w.queue = lms_context_queue(w.context);
    for (size_t i = 0; i < COUNT(shapes); ++i) {
        setenv("LMS_SHAPE", shapes[i].shape, 1);
        w.team = shapes[i].team;
        w.vocab = shapes[i].vocab;
        run_all(&w);
    }
    lms_context_destroy(w.context);
    return 0;
}
