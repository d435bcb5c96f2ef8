#include "cases.h"

#include "say.h"

#include <stdlib.h>
#include <string.h>

typedef struct strategy {
    const char *name;
    float temperature;
    int32_t top_k;
    float top_p;
    float min_p;
} strategy;

/* clang-format off */
static const strategy strategies[ROW_STRATEGIES] = {
    {"greedy",                   0.0f,    0, 1.0f,  0.0f },
    {"temperature",              0.8f,    0, 1.0f,  0.0f },
    {"top-k 1",                  1.0f,    1, 1.0f,  0.0f },
    {"top-k 50",                 1.0f,   50, 1.0f,  0.0f },
    {"top-k 1024",               1.0f, 1024, 1.0f,  0.0f },
    {"top-p 0.5",                1.0f,    0, 0.5f,  0.0f },
    {"top-p 0.9",                1.0f,    0, 0.9f,  0.0f },
    {"top-p 0.99",               1.0f,    0, 0.99f, 0.0f },
    {"min-p 0.05",               1.0f,    0, 1.0f,  0.05f},
    {"k 50 + p 0.9",             1.0f,   50, 0.9f,  0.0f },
    {"k 50 + p 0.9 + min-p 0.05", 1.0f,  50, 0.9f,  0.05f},
};
/* clang-format on */

const char *subject_name(unsigned subject)
{
    static const char *const others[] = {"every row different", "C tile maxima", "C row mass"};
    return subject < ROW_STRATEGIES ? strategies[subject].name
                                    : others[subject - ROW_STRATEGIES];
}

const char *subject_strategy(unsigned subject)
{
    return subject == TILE_MAXIMA ? "tile maxima"
           : subject == ROW_MASS  ? "row mass"
                                  : subject_name(subject);
}

const char *subject_who(unsigned subject)
{
    return subject >= TILE_MAXIMA ? subject_name(subject) : "lmsample";
}

unsigned row_strategy(unsigned subject, size_t row)
{
    return subject < ROW_STRATEGIES ? subject : (unsigned)(row % ROW_STRATEGIES);
}

void set_strategy(lms_row_params *params, unsigned which)
{
    const strategy *const s = &strategies[which];
    params->filters.temperature = s->temperature;
    params->filters.top_k = s->top_k;
    params->filters.top_p = s->top_p;
    params->filters.min_p = s->min_p;
}

enum {
    MOST_SETTINGS = 4096
};

#define STRATEGIES ((1u << TILE_MAXIMA) - 1u)
#define LIMITS (1u << TILE_MAXIMA | 1u << ROW_MASS)

static const choice usual_rows = {{64}, 1};
static const choice usual_vocabs = {{128256}, 1};
static const choice usual_dtypes = {{LMS_FLOAT32}, 1};
static const choice usual_shapes = {{SHAPE_PEAKED, SHAPE_DOMINANT, SHAPE_MODEL, SHAPE_FLAT}, 4};
const choice all_rows = {{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}, 11};
const choice all_vocabs = {{32000, 128256, 151936, 262144}, 4};
const choice all_dtypes = {{LMS_FLOAT32, LMS_FLOAT16, LMS_BFLOAT16}, 3};
const choice all_shapes = {{0, 1, 2, 3, 4, 5, 6}, SHAPE_REAL};
static const choice real_shape = {{SHAPE_REAL}, 1};
static const choice two_shapes = {{SHAPE_PEAKED, SHAPE_FLAT}, 2};

bool is_selected(const selection *s)
{
    return s->rows.count > 0 || s->vocabs.count > 0 || s->dtypes.count > 0 ||
           s->shapes.count > 0 || s->subjects != 0 || s->fresh;
}

static void add(plan *p, setting s)
{
    if (p->count == MOST_SETTINGS) fail("there are more than %d settings", MOST_SETTINGS);
    for (size_t i = 0; i < p->count; ++i) {
        setting *const old = &p->settings[i];
        if (old->shape == s.shape && old->rows == s.rows && old->vocab == s.vocab &&
            old->dtype == s.dtype && old->rotated == s.rotated) {
            old->subjects |= s.subjects;
            return;
        }
    }
    p->settings[p->count++] = s;
}

/* Every combination of the chosen values. */
static void add_product(plan *p, const choice *shapes, const choice *vocabs,
                        const choice *dtypes, const choice *rows, uint32_t subjects)
{
    const size_t all = (size_t)shapes->count * vocabs->count * dtypes->count * rows->count;
    for (size_t i = 0; i < all; ++i) {
        size_t rest = i;
        setting s;
        s.rotated = true;
        s.subjects = subjects;
        s.rows = rows->values[rest % rows->count];
        rest /= rows->count;
        s.dtype = (lms_dtype)dtypes->values[rest % dtypes->count];
        rest /= dtypes->count;
        s.vocab = vocabs->values[rest % vocabs->count];
        rest /= vocabs->count;
        s.shape = (bench_shape)shapes->values[rest];
        if (s.shape == SHAPE_REAL) s.vocab = p->real_vocab;
        /* Plain C shares rows among its threads. */
        if (s.rows < 8) s.subjects &= STRATEGIES;
        if (s.subjects != 0) add(p, s);
    }
}

/* One row whose logits have just been written, as in a server. */
static void add_fresh(plan *p, const choice *shapes)
{
    for (unsigned i = 0; i < shapes->count; ++i) {
        const setting s = {
            (bench_shape)shapes->values[i],           1, 128256, LMS_FLOAT32, false,
            STRATEGIES & ~(1u << EVERY_ROW_DIFFERENT)};
        add(p, s);
    }
}

static void plan_quick(plan *p)
{
    static const choice some_rows = {{1, 4, 16, 256, 1024}, 5};
    const choice one_row = {{1}, 1}, peaked = {{SHAPE_PEAKED}, 1};
    add_product(p, &usual_shapes, &usual_vocabs, &usual_dtypes, &usual_rows, ALL_SUBJECTS);
    add_product(p, &peaked, &usual_vocabs, &usual_dtypes, &one_row,
                STRATEGIES & ~(1u << EVERY_ROW_DIFFERENT));
    add_fresh(p, &peaked);
    add_product(p, &peaked, &usual_vocabs, &usual_dtypes, &some_rows, FEW_SUBJECTS);
    add_product(p, &two_shapes, &usual_vocabs, &all_dtypes, &usual_rows, FEW_SUBJECTS | LIMITS);
    add_product(p, &peaked, &all_vocabs, &usual_dtypes, &usual_rows, FEW_SUBJECTS);
}

/* The axes through 64 x 128256 float32, and the corners; bench/README.md. */
static void plan_full(plan *p)
{
    static const choice some_rows = {{1, 4, 16, 64, 256, 1024}, 6};
    const choice ends = {{1, 1024}, 2}, far = {{32000, 262144}, 2};
    const choice bfloat16 = {{LMS_BFLOAT16}, 1};
    add_product(p, &all_shapes, &usual_vocabs, &usual_dtypes, &usual_rows, ALL_SUBJECTS);
    add_product(p, &all_shapes, &usual_vocabs, &usual_dtypes, &some_rows, STRATEGIES);
    add_product(p, &two_shapes, &usual_vocabs, &usual_dtypes, &all_rows, ALL_SUBJECTS);
    add_fresh(p, &two_shapes);
    add_product(p, &all_shapes, &usual_vocabs, &all_dtypes, &usual_rows, STRATEGIES);
    add_product(p, &two_shapes, &usual_vocabs, &all_dtypes, &usual_rows, LIMITS);
    add_product(p, &all_shapes, &all_vocabs, &usual_dtypes, &usual_rows, STRATEGIES);
    add_product(p, &two_shapes, &far, &usual_dtypes, &ends, STRATEGIES);
    add_product(p, &two_shapes, &far, &bfloat16, &ends, STRATEGIES);
}

/* Rows of a real model have the vocabulary that they have. */
static void plan_real(plan *p, bool full)
{
    static const choice some_rows = {{1, 4, 16, 64}, 4};
    add_product(p, &real_shape, &usual_vocabs, &usual_dtypes, &usual_rows, ALL_SUBJECTS);
    if (!full) return;
    add_product(p, &real_shape, &usual_vocabs, &usual_dtypes, &some_rows, STRATEGIES);
    add_product(p, &real_shape, &usual_vocabs, &all_dtypes, &usual_rows, STRATEGIES);
}

/* By logits, which take time to make, so that they are made once. */
static int by_logits(const void *a, const void *b)
{
    const setting *const x = a, *const y = b;
    if (x->shape != y->shape) return x->shape < y->shape ? -1 : 1;
    if (x->vocab != y->vocab) return x->vocab < y->vocab ? -1 : 1;
    if (x->dtype != y->dtype) return x->dtype < y->dtype ? -1 : 1;
    if (x->rows != y->rows) return x->rows < y->rows ? -1 : 1;
    return (int)x->rotated - (int)y->rotated;
}

/* Exactly the combinations that were asked for. */
static void plan_selection(plan *p, const selection *s, uint32_t subjects)
{
    choice shapes = s->shapes;
    if (shapes.count == 0) {
        shapes = s->full ? all_shapes : usual_shapes;
        if (s->real_vocab != 0) shapes.values[shapes.count++] = SHAPE_REAL;
    }
    const choice *const vocabs = s->full ? &all_vocabs : &usual_vocabs;
    const choice *const dtypes = s->full ? &all_dtypes : &usual_dtypes;
    const choice *const rows = s->full ? &all_rows : &usual_rows;
    add_product(p, &shapes, s->vocabs.count > 0 ? &s->vocabs : vocabs,
                s->dtypes.count > 0 ? &s->dtypes : dtypes, s->rows.count > 0 ? &s->rows : rows,
                subjects);
    for (size_t i = 0; i < p->count; ++i) p->settings[i].rotated = !s->fresh;
}

static void keep(plan *p, uint32_t subjects)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->count; ++i) {
        p->settings[i].subjects &= subjects;
        if (p->settings[i].subjects != 0) p->settings[kept++] = p->settings[i];
    }
    p->count = kept;
}

plan make_plan(const selection *s)
{
    plan p = {calloc(MOST_SETTINGS, sizeof *p.settings), 0, s->real_vocab};
    if (p.settings == NULL) fail("out of memory for the list of settings");
    const uint32_t subjects = s->subjects != 0 ? s->subjects : ALL_SUBJECTS;
    if (is_selected(s)) {
        plan_selection(&p, s, subjects);
    } else {
        if (s->full) {
            plan_full(&p);
        } else {
            plan_quick(&p);
        }
        if (s->real_vocab != 0) plan_real(&p, s->full);
    }
    keep(&p, subjects);
    qsort(p.settings, p.count, sizeof *p.settings, by_logits);
    return p;
}

void plan_free(plan *p)
{
    free(p->settings);
    p->settings = NULL;
    p->count = 0;
}
