/* oclgrind_slots.c - runs the kernels of slots and prints what is in them.
 *
 * Run once on a simulated device that finds races and stray accesses, and once on another: the
 * output has to be the same. Pages are few, so that those of closed slots are taken again. */
#define _POSIX_C_SOURCE 200112L /* setenv() */
#include "oclgrind_print.h"

enum {
    VOCAB = 200,
    LENGTH = 700,
    TOKENS = 1024,
    SLOTS = 4
};

typedef struct world {
    lms_context *context;
    cl_command_queue queue;
    lms_slots *slots;
    cl_mem tokens;
    cl_mem parents;
    int32_t values[TOKENS];
    uint64_t names[SLOTS];
} world;

static void print_slots(const world *w)
{
    static int32_t tokens[LENGTH];
    for (uint32_t i = 0; i < SLOTS; ++i) {
        uint32_t length = 0, prompt = 0;
        if (lms_slots_export(w->slots, w->names[i], tokens, LENGTH, &length, &prompt) != 0) {
            printf("  none\n");
            continue;
        }
        printf("  %u, %u:", (unsigned)length, (unsigned)prompt);
        for (uint32_t t = 0; t < length; ++t) printf(" %d", (int)tokens[t]);
        printf("\n");
    }
}

static void open_slots(world *w, const int32_t *host, const uint32_t *lengths, uint32_t at,
                       uint32_t count)
{
    const uint32_t prompts[] = {lengths[0] / 2, lengths[count - 1] / 3},
                   ignored[] = {3, lengths[count - 1] / 5};
    lms_slots_open_args a = {.count = count,
                             .lengths = lengths,
                             .prompts = prompts,
                             .ignored = ignored,
                             .tokens = host,
                             .token_count = TOKENS,
                             .names = w->names + at};
    if (host == NULL) a.tokens_device.buffer = w->tokens;
    check(lms_slots_open(w->slots, w->queue, &a, 0, NULL, NULL), "open");
}

static void append(world *w, uint32_t slot, uint32_t first, uint32_t count)
{
    const lms_slots_append_args a = {
        .count = 1, .names = w->names + slot, .counts = &count, .tokens = {w->tokens, first}};
    check(lms_slots_append(w->slots, w->queue, &a, 0, NULL, NULL), "append");
}

/* Tokens, of which those on the device have some that are none. */
static void make_tokens(world *w)
{
    static const int32_t parents[SLOTS] = {3, 2, 2, 9};
    static int32_t values[TOKENS];
    for (int i = 0; i < TOKENS; ++i) {
        w->values[i] = i * i % 193 % VOCAB;
        values[i] = i % 19 == 5 ? (i % 2 ? VOCAB : -1) : w->values[i];
    }
    cl_context context = lms_context_cl_context(w->context);
    w->tokens = new_buffer(context, w->queue, sizeof values);
    w->parents = new_buffer(context, w->queue, sizeof parents);
    check(clEnqueueWriteBuffer(w->queue, w->tokens, CL_TRUE, 0, sizeof values, values, 0, NULL,
                               NULL),
          "tokens");
    check(clEnqueueWriteBuffer(w->queue, w->parents, CL_TRUE, 0, sizeof parents, parents, 0,
                               NULL, NULL),
          "parents");
}

static void run(world *w, const char *shape)
{
    static const uint32_t lengths[] = {250, 300}, one[] = {400}, back = 200;
    const lms_slots_desc desc = {.max_tokens = 11 * LMS_SLOT_PAGE,
                                 .max_slots = SLOTS,
                                 .max_length = LENGTH,
                                 .vocab = VOCAB};
    const lms_view parents = {w->parents, 0};
    setenv("LMS_SHAPE", shape, 1);
    printf("slots, %s\n", shape);
    check(lms_slots_create(w->context, &desc, &w->slots), "create");
    open_slots(w, w->values, lengths, 0, 2);
    append(w, 0, 20, 12);
    append(w, 1, 100, 200);
    print_slots(w);
    check(lms_slots_roll_back(w->slots, w->queue, 1, w->names, &back, 0, NULL, NULL), "back");
    check(lms_slots_fork(w->slots, w->queue, 2, w->names, w->names + 2, 0, NULL, NULL), "fork");
    print_slots(w);
    check(lms_slots_close(w->slots, w->names[1]), "close");
    check(lms_slots_close(w->slots, w->names[3]), "close");
    open_slots(w, NULL, one, 1, 1);
    check(lms_slots_reorder(w->slots, w->queue, 3, w->names, parents, 2, 0, NULL, NULL),
          "reorder");
    append(w, 0, 300, 250);
    print_slots(w);
    lms_slots_destroy(w->slots);
}

int main(int argc, char **argv)
{
    static world w;
    check(lms_context_open(argc > 1 ? argv[1] : NULL, &w.context), "lms_context_open");
    w.queue = lms_context_queue(w.context);
    make_tokens(&w);
    print_words(w.queue, "parents", w.parents, SLOTS);
    run(&w, "team=1");
    run(&w, "team=4");
    run(&w, "team=64");
    clReleaseMemObject(w.tokens);
    clReleaseMemObject(w.parents);
    lms_context_destroy(w.context);
    return 0;
}
