/* Random calls on many slots, beside a model in plain C: tokens, and what the device has beside
 * them, which is read from its buffers: distinct entries with their counts, and the index.
 * Takes long where programs have to be built, one for each team. */
#include "gen.h"
#include "rig.h"
#include "slots_model.h"

#include "slots/sequences.h" /* of host/ */

enum {
    MOST = 6,     /* slots of a call */
    TOKENS = 900, /* most of a call for one slot */
    PAGES = 60    /* so that they run out */
};

typedef struct world {
    lms_context *ctx;
    cl_command_queue queue;
    lms_slots *slots;
    model m;
    cl_mem tokens;    /* int[MOST][TOKENS] */
    lms_view parents; /* int[MOST] */
    uint64_t state;
    unsigned refused, done;
} world;

static uint32_t below(world *w, uint32_t end) { return gen_below(end, &w->state); }

/* A length: often a few tokens, seldom pages. */
static uint32_t some_length(world *w, uint32_t most)
{
    const uint32_t wide = below(w, 4) == 0 ? most : 12;
    return below(w, (wide < most ? wide : most) + 1);
}

static int32_t some_token(world *w, bool is_good)
{
    const uint32_t kind = below(w, 10);
    if (!is_good && kind == 0) return below(w, 2) ? LMS_NO_TOKEN : (int32_t)w->m.vocab;
    return (int32_t)below(w, kind < 5 ? 20 : w->m.vocab);
}

static void put(world *w, cl_mem mem, const int32_t *values, size_t count)
{
    assert_int_equal(clEnqueueWriteBuffer(w->queue, mem, CL_TRUE, 0, count * sizeof *values,
                                          values, 0, NULL, NULL),
                     CL_SUCCESS);
}

/* --- What the device has ------------------------------------------------------------------ */

static void read_buffer(const world *w, size_t buffer, size_t at, size_t bytes, void *out)
{
    assert_int_equal(clEnqueueReadBuffer(w->queue, w->slots->op.mem[buffer], CL_TRUE, at, bytes,
                                         out, 0, NULL, NULL),
                     CL_SUCCESS);
}

/* The words of all pages that a state has. */
static uint32_t *read_words(const world *w, uint32_t slot, const lms_slot_state *state)
{
    const size_t bytes = LMS_SLOT_PAGE_WORDS * sizeof(uint32_t);
    uint32_t table[MODEL_LENGTH / LMS_SLOT_PAGE];
    uint32_t *const words = malloc((state->pages + (size_t)1) * bytes);
    assert_true(state->pages <= w->slots->pages_each);
    read_buffer(w, LMSI_SLOTS_PAGE_TABLES, slot * w->slots->pages_each * sizeof *table,
                w->slots->pages_each * sizeof *table, table);
    for (uint32_t i = 0; i < state->pages; ++i) {
        assert_true(table[i] < w->slots->pages.count);
        read_buffer(w, LMSI_SLOTS_PAGES, table[i] * bytes, bytes,
                    words + i * (size_t)LMS_SLOT_PAGE_WORDS);
    }
    return words;
}

static uint32_t word(const uint32_t *words, uint32_t place, uint32_t each, uint32_t at)
{
    return words[place / each * LMS_SLOT_PAGE_WORDS + at + place % each];
}

static uint64_t distinct_at(const uint32_t *words, uint32_t entry)
{
    return word(words, 2 * entry, 2 * LMS_SLOT_PAGE, 0) |
           (uint64_t)word(words, 2 * entry + 1, 2 * LMS_SLOT_PAGE, 0) << 32;
}

/* Is every token found, by the probing that kernels do, and is nothing else there? */
static void assert_index(const uint32_t *words, const lms_slot_state *state,
                         const model_distinct *all)
{
    const uint32_t size = state->index_pages * LMS_SLOT_INDEX_WORDS;
    uint32_t used = 0;
    assert_true(state->index_pages <= state->pages);
    assert_true(state->distinct + state->pages * LMS_SLOT_PAGE - state->length <=
                state->index_pages * LMS_SLOT_PAGE);
    for (uint32_t i = 0; i < size; ++i) {
        used += word(words, i, LMS_SLOT_INDEX_WORDS, LMS_SLOT_INDEX_AT) != 0;
    }
    assert_int_equal(used, state->distinct);
    for (uint32_t e = 0; e < state->distinct; ++e) {
        const uint32_t hash = (uint32_t)all[e].token * 0x9e3779b1u;
        uint32_t at = (uint32_t)((uint64_t)hash * size >> 32), found;
        while ((found = word(words, at, LMS_SLOT_INDEX_WORDS, LMS_SLOT_INDEX_AT)) != e + 1) {
            assert_int_not_equal(found, 0);
            at = (at + 1) % size;
        }
    }
}

static void assert_slot(const world *w, uint32_t place)
{
    static model_distinct all[MODEL_LENGTH];
    const model_sequence *const q = &w->m.sequences[place];
    const uint32_t slot = (uint32_t)(lmsi_sequence_of(w->slots, q->name) - w->slots->sequences);
    const uint32_t distinct = model_distincts(q, all);
    lms_slot_state state;
    read_buffer(w, LMSI_SLOTS_STATES, slot * sizeof state, sizeof state, &state);
    assert_true(state.name == q->name);
    assert_int_equal(state.length, q->length);
    assert_int_equal(state.prompt, q->prompt);
    assert_int_equal(state.ignored, q->ignored);
    assert_int_equal(state.distinct, distinct);
    assert_int_equal(state.pages, q->pages);
    uint32_t *const words = read_words(w, slot, &state);
    for (uint32_t e = 0; e < distinct; ++e) {
        const uint64_t d = distinct_at(words, e);
        assert_int_equal(d & 0xfffff, all[e].token);
        assert_int_equal(d >> 20 & 1, all[e].in_prompt);
        assert_int_equal(d >> 21 & 0x1fffff, all[e].prompt_count);
        assert_int_equal(d >> 42, all[e].output_count);
    }
    for (uint32_t i = 0; i < q->length; ++i) {
        assert_int_equal(word(words, i, LMS_SLOT_PAGE, LMS_SLOT_HISTORY_AT),
                         model_entry(q, all, distinct, i));
    }
    assert_index(words, &state, all);
    free(words);
}

static void assert_export(const world *w, uint32_t place)
{
    static int32_t tokens[MODEL_LENGTH];
    const model_sequence *const q = &w->m.sequences[place];
    uint32_t length = 0, prompt = 0, most = 0;
    RIG_OK(lms_slots_length(w->slots, q->name, &most));
    assert_int_equal(most, q->most);
    RIG_OK(lms_slots_export(w->slots, q->name, tokens, MODEL_LENGTH, &length, &prompt));
    assert_int_equal(length, q->length);
    assert_int_equal(prompt, q->prompt);
    assert_memory_equal(tokens, q->tokens, length * sizeof *tokens);
}

static void assert_all(const world *w)
{
    assert_int_equal(clFinish(w->queue), CL_SUCCESS);
    assert_int_equal(lms_slots_room(w->slots), (PAGES - model_used(&w->m)) * LMS_SLOT_PAGE);
    for (uint32_t i = 0; i < MODEL_SLOTS; ++i) {
        if (w->m.sequences[i].name == 0) continue;
        assert_export(w, i);
        assert_slot(w, i);
    }
}

/* --- Random calls ------------------------------------------------------------------------- */

/* Up to MOST slots, which are open or not. */
static uint32_t pick(world *w, bool open, uint32_t *places)
{
    const uint32_t wanted = 1 + below(w, MOST), from = below(w, MODEL_SLOTS);
    uint32_t count = 0;
    for (uint32_t i = 0; i < MODEL_SLOTS && count < wanted; ++i) {
        const uint32_t place = (from + 5 * i) % MODEL_SLOTS;
        if ((w->m.sequences[place].name != 0) == open) places[count++] = place;
    }
    return count;
}

/* What a call that takes so many pages has to come to. */
static bool expect(world *w, lms_status status, uint64_t pages, bool fits)
{
    const bool is_good = fits && pages + model_used(&w->m) <= PAGES;
    assert_int_equal(status, is_good ? LMS_OK : LMS_E_CONTEXT_FULL);
    w->refused += !is_good;
    w->done += is_good;
    return is_good;
}

static void do_open(world *w)
{
    static int32_t tokens[MOST * TOKENS];
    uint32_t places[MOST], lengths[MOST], prompts[MOST], ignored[MOST];
    size_t firsts[MOST];
    uint64_t names[MOST], pages = 0;
    const uint32_t count = pick(w, false, places);
    const bool on_device = below(w, 2);
    for (uint32_t i = 0; i < count; ++i) {
        lengths[i] = some_length(w, TOKENS);
        prompts[i] = below(w, lengths[i] + 1);
        ignored[i] = below(w, 2) ? 0 : below(w, prompts[i] + 1);
        firsts[i] = (size_t)(count - 1 - i) * TOKENS;
        pages += (lengths[i] + LMS_SLOT_PAGE - 1) / LMS_SLOT_PAGE;
    }
    for (size_t i = 0; i < (size_t)MOST * TOKENS; ++i) tokens[i] = some_token(w, !on_device);
    put(w, w->tokens, tokens, (size_t)MOST * TOKENS);
    lms_slots_open_args a = {.count = count,
                             .lengths = lengths,
                             .prompts = prompts,
                             .ignored = ignored,
                             .firsts = firsts,
                             .tokens = tokens,
                             .token_count = (size_t)MOST * TOKENS,
                             .names = names};
    if (on_device) {
        a.tokens = NULL;
        a.tokens_device.buffer = w->tokens;
    }
    if (!expect(w, lms_slots_open(w->slots, w->queue, &a, 0, NULL, NULL), pages, true)) return;
    for (uint32_t i = 0; i < count; ++i) {
        model_open(&w->m, &w->m.sequences[places[i]], names[i], tokens + firsts[i], lengths[i],
                   prompts[i], ignored[i]);
    }
}

static void names_of(const world *w, const uint32_t *places, uint32_t count, uint64_t *names)
{
    for (uint32_t i = 0; i < count; ++i) names[i] = w->m.sequences[places[i]].name;
}

/* Several tokens each, or, in a step, one. */
static void do_append(world *w)
{
    static int32_t tokens[MOST * TOKENS];
    uint32_t places[MOST], counts[MOST], rows[MOST];
    uint64_t names[MOST], pages = 0;
    bool fits = true;
    const uint32_t count = pick(w, true, places), turn = below(w, MOST);
    const bool is_step = below(w, 2);
    const size_t stride = is_step ? 1 : TOKENS;
    names_of(w, places, count, names);
    for (uint32_t i = 0; i < count; ++i) {
        counts[i] = is_step ? 1 : some_length(w, TOKENS);
        rows[i] = is_step ? i : (i + turn) % MOST;
        const model_sequence *const q = &w->m.sequences[places[i]];
        fits = fits && counts[i] <= w->m.max_length - q->most;
        pages += model_lacking(q, counts[i]);
    }
    for (size_t i = 0; i < MOST * stride; ++i) tokens[i] = some_token(w, false);
    put(w, w->tokens, tokens, MOST * stride);
    const lms_slots_append_args a = {.count = count,
                                     .names = names,
                                     .counts = is_step ? NULL : counts,
                                     .tokens = {w->tokens, 0},
                                     .stride = is_step ? 0 : stride,
                                     .rows = is_step ? NULL : rows};
    const lms_status status = lms_slots_append(w->slots, w->queue, &a, 0, NULL, NULL);
    if (!expect(w, status, pages, fits)) return;
    for (uint32_t i = 0; i < count; ++i) {
        model_append(&w->m, &w->m.sequences[places[i]], tokens + rows[i] * stride, counts[i]);
    }
}

static void do_roll_back(world *w)
{
    uint32_t places[MOST], lengths[MOST];
    uint64_t names[MOST];
    const uint32_t count = pick(w, true, places);
    names_of(w, places, count, names);
    for (uint32_t i = 0; i < count; ++i) {
        const model_sequence *const q = &w->m.sequences[places[i]];
        const uint32_t back = some_length(w, TOKENS), least = q->most_prompt;
        lengths[i] = q->most + 2 > back + least ? q->most + 2 - back : least;
    }
    RIG_OK(lms_slots_roll_back(w->slots, w->queue, count, names, lengths, 0, NULL, NULL));
    for (uint32_t i = 0; i < count; ++i) {
        model_roll_back(&w->m.sequences[places[i]], lengths[i]);
    }
}

static void do_fork(world *w)
{
    uint32_t to[MOST], open[MOST], from[MOST];
    uint64_t names[MOST], sources[MOST], pages = 0;
    uint32_t count = pick(w, false, to);
    const uint32_t several = pick(w, true, open);
    if (several == 0) count = 0;
    for (uint32_t i = 0; i < count; ++i) {
        from[i] = open[below(w, several)];
        sources[i] = w->m.sequences[from[i]].name;
        pages += (w->m.sequences[from[i]].most + LMS_SLOT_PAGE - 1) / LMS_SLOT_PAGE;
    }
    const lms_status status =
        lms_slots_fork(w->slots, w->queue, count, sources, names, 0, NULL, NULL);
    if (!expect(w, status, pages, true)) return;
    for (uint32_t i = 0; i < count; ++i) {
        model_fork(&w->m.sequences[from[i]], &w->m.sequences[to[i]], names[i]);
    }
}

static void do_reorder(world *w)
{
    int32_t given[MOST], parents[MOST];
    uint32_t places[MOST], most = 0;
    uint64_t names[MOST];
    const uint32_t count = pick(w, true, places);
    const int32_t first = (int32_t)below(w, 7) - 3;
    names_of(w, places, count, names);
    for (uint32_t i = 0; i < count; ++i) {
        parents[i] = (int32_t)below(w, count + 2) - 1;
        given[i] = parents[i] + first;
        const uint32_t length = w->m.sequences[places[i]].most;
        if (length > most) most = length;
    }
    put(w, w->parents.buffer, given, count);
    const uint64_t pages = (uint64_t)count * ((most + LMS_SLOT_PAGE - 1) / LMS_SLOT_PAGE);
    const lms_status status =
        lms_slots_reorder(w->slots, w->queue, count, names, w->parents, first, 0, NULL, NULL);
    if (expect(w, status, pages, true)) model_reorder(&w->m, places, parents, count);
}

static void do_close(world *w)
{
    uint32_t places[MOST];
    const uint32_t count = pick(w, true, places);
    for (uint32_t i = 0; i < count && i < 3; ++i) {
        model_sequence *const q = &w->m.sequences[places[i]];
        RIG_OK(lms_slots_close(w->slots, q->name));
        model_close(q);
    }
}

static void turn(world *w)
{
    static void (*const calls[])(world *) = {do_open, do_append,    do_append, do_append,
                                             do_fork, do_roll_back, do_close,  do_append,
                                             do_open, do_roll_back, do_close,  do_reorder};
    calls[below(w, sizeof calls / sizeof calls[0])](w);
}

static void play(world *w, unsigned turns, unsigned each)
{
    for (unsigned i = 1; i <= turns; ++i) {
        turn(w);
        if (below(w, 3) == 0) clFinish(w->queue);
        if (i % each == 0) assert_all(w);
    }
    assert_all(w);
    print_message("%u calls, %u more refused\n", w->done, w->refused);
    assert_true(w->done > turns / 4 && w->refused > 3);
}

static void run(const char *shape, uint32_t vocab, unsigned turns)
{
    static world w;
    memset(&w, 0, sizeof w);
    assert_int_equal(setenv("LMS_SHAPE", shape, 1), 0);
    w.state = vocab + 1;
    w.m.vocab = vocab;
    w.m.max_length = 1500;
    const lms_slots_desc desc = {.max_tokens = (uint64_t)PAGES * LMS_SLOT_PAGE,
                                 .max_slots = MODEL_SLOTS,
                                 .max_length = w.m.max_length,
                                 .max_in_flight = 64,
                                 .vocab = vocab};
    RIG_OK(lms_context_open(NULL, &w.ctx));
    w.queue = lms_context_queue(w.ctx);
    w.tokens = rig_buffer(lms_context_cl_context(w.ctx), CL_MEM_READ_ONLY,
                          (size_t)MOST * TOKENS * sizeof(int32_t));
    w.parents.buffer =
        rig_buffer(lms_context_cl_context(w.ctx), CL_MEM_READ_ONLY, MOST * sizeof(int32_t));
    RIG_OK(lms_slots_create(w.ctx, &desc, &w.slots));
    play(&w, turns, 20);
    lms_slots_destroy(w.slots);
    clReleaseMemObject(w.tokens);
    clReleaseMemObject(w.parents.buffer);
    lms_context_destroy(w.ctx);
    unsetenv("LMS_SHAPE");
}

static void test_one_work_item(void **state)
{
    (void)state;
    run("team=1", 300, 1200);
    run("team=1", LMS_MAX_VOCAB, 300);
}

static void test_teams(void **state)
{
    (void)state;
    run("team=64", 2000, 250);
    run("team=4", 300, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_work_item),
        cmocka_unit_test(test_teams),
    };
    return cmocka_run_group_tests_name("slots_model", tests, NULL, NULL);
}
