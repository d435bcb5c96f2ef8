#include "request_verify.h"

#include "oracle_outputs.h"
#include "oracle_tables.h"
#include "say.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS_MOST = 4
};
#define WORK_MOST 4e9 /* tokens of sequences that are looked at, for one row */

typedef struct checking {
    const asks *a;
    oracle_tables tables;
    oracle_sequence *sequences;
    float *logits; /* all rows of the batch */
    uint32_t rows[ROWS_MOST];
    unsigned count;
} checking;

static bool is_too_much(const asks *a)
{
    unsigned looks = 0;
    for (uint32_t edits = a->what->edits; edits != 0; edits >>= 1) looks += edits & 1u;
    return (double)a->size.vocab * a->what->history * 4 * looks > WORK_MOST;
}

static void load_logits(checking *c, const batches *b, size_t which)
{
    const size_t rows = c->a->size.rows, vocab = c->a->size.vocab;
    c->logits = malloc(rows * vocab * sizeof *c->logits);
    if (c->logits == NULL) fail("out of memory for rows");
    for (size_t r = 0; r < rows; ++r)
        pool_row(b->logits, which * rows + r, c->logits + r * vocab);
}

/* Slots are named by 1 + the row here. */
static void load_tables(checking *c)
{
    const asks *const a = c->a;
    const uint32_t rows = a->size.rows, history = a->what->history;
    c->sequences = calloc(rows, sizeof *c->sequences);
    if (c->sequences == NULL) fail("out of memory for rows");
    for (uint32_t r = 0; history > 0 && r < rows; ++r)
        c->sequences[r] =
            (oracle_sequence){a->histories + (size_t)r * history, history, history / 2, 0};
    c->tables = (oracle_tables){
        .slot_count = history > 0 ? rows : 0,
        .edit_count = a->given.edit_count,
        .want_count = a->given.want_count,
        .mask_count = a->given.mask_count,
        .slots = c->sequences,
        .edits = a->edits,
        .wants = a->wants,
        .lists = {a->lists, a->offsets, a->ids, a->values, a->entries},
        .masks = a->masks,
        .mask_stride = a->given.mask_columns,
        .mask_type = a->given.mask_type,
        .mask_columns = a->given.mask_columns,
        .logits_rows = rows,
        .max_top = a->what->top,
    };
}

static void refuse(const checking *c, const char *what, uint32_t row, double found,
                   double wanted)
{
    const request_setting *const s = &c->a->size;
    fail("%s, %s, %u x %u %s: row %u has %s %.9g, the oracle has %.9g", c->a->what->name,
         shape_name(s->shape), s->rows, s->vocab, dtype_name(s->dtype), row, what, found,
         wanted);
}

static float told_float(const asks *a, size_t place)
{
    float x;
    memcpy(&x, &a->told[place], sizeof x);
    return x;
}

static void check_float(const checking *c, const char *what, uint32_t row, size_t at,
                        float wanted)
{
    if (at == 0) return;
    const float found = told_float(c->a, at + row);
    if (oracle_bits(found) != oracle_bits(wanted) && !(isnan(found) && isnan(wanted)))
        refuse(c, what, row, (double)found, (double)wanted);
}

static void check_rank(const checking *c, const oracle_both *row, oracle_of of, uint32_t r,
                       uint32_t token)
{
    const size_t at = of == ORACLE_RAW ? c->a->at.rank_raw : c->a->at.rank_edited;
    if (at == 0) return;
    const uint32_t wanted = oracle_rank(row, of, token, false);
    if (c->a->told[at + r] != wanted) refuse(c, "rank", r, c->a->told[at + r], wanted);
}

static void check_top(const checking *c, const oracle_both *row, uint32_t r)
{
    const asks *const a = c->a;
    const uint32_t top = a->what->top;
    if (top == 0 || !asks_row(a, r)) return;
    int32_t *const tokens = malloc(top * sizeof *tokens);
    float *const values = malloc(top * sizeof *values);
    if (tokens == NULL || values == NULL) fail("out of memory for the best tokens");
    oracle_top(row, &a->wants[r], top, tokens, values);
    for (uint32_t i = 0; i < top; ++i) {
        const int32_t found = (int32_t)a->told[a->at.top_tokens + (size_t)r * top + i];
        if (found != tokens[i]) refuse(c, "a best token", r, found, tokens[i]);
        check_float(c, "the value of a best token", 0, a->at.top_values + (size_t)r * top + i,
                    values[i]);
    }
    free(tokens);
    free(values);
}

static void check_row(const checking *c, const oracle_both *both, uint32_t r,
                      const oracle_params *left, uint32_t target)
{
    const asks *const a = c->a;
    oracle_result drawn;
    oracle_draw(both->edited, left->seed, left->step, NULL, 0, &drawn);
    if (target != 0) drawn.token = target - 1;
    if ((int32_t)a->told[r] != drawn.token)
        refuse(c, "token", r, (int32_t)a->told[r], (double)drawn.token);
    if (drawn.token < 0) return;
    const uint32_t token = (uint32_t)drawn.token;
    check_float(c, "log-probability", r, a->at.logprob_raw,
                oracle_value(both, ORACLE_RAW, token, false));
    check_float(c, "raw entropy", r, a->at.entropy_raw, oracle_entropy(both, ORACLE_RAW));
    check_float(c, "entropy", r, a->at.entropy, oracle_entropy(both, ORACLE_PROCESSED));
    check_rank(c, both, ORACLE_RAW, r, token);
    check_rank(c, both, ORACLE_EDITED, r, token);
    check_top(c, both, r);
}

static void check_one(void *job, size_t part)
{
    checking *const c = job;
    const asks *const a = c->a;
    const uint32_t r = c->rows[part], vocab = a->size.vocab;
    const oracle_params raw = {.temperature = 1.0f, .top_p = 1.0f};
    const size_t from = a->index != NULL ? (size_t)a->index[r] : r;
    const float *const stored = c->logits + from * vocab;
    oracle_params p;
    _Static_assert(sizeof p == sizeof a->params[r], "the same fields");
    memcpy(&p, &a->params[r], sizeof p);
    if (p.slot != 0) p.slot = r + 1;
    const uint32_t bad = oracle_check_request(&p, vocab, &c->tables);
    if (bad != 0) fail("%s: the oracle refuses row %u: status %#x", a->what->name, r, bad);
    const oracle_request request = oracle_request_of(&p, vocab, c->logits, &c->tables);
    const oracle_params left = oracle_edited_params(&p, &request);
    float *const edited = malloc(vocab * sizeof *edited);
    if (edited == NULL) fail("out of memory for a row");
    oracle_edit(&request, stored, vocab, edited);
    const oracle_both both = {stored, edited, oracle_prepare(stored, vocab, &raw),
                              oracle_prepare(edited, vocab, &left)};
    if (both.raw == NULL || both.edited == NULL) fail("out of memory for the oracle");
    check_row(c, &both, r, &left, p.target);
    oracle_row_free(both.raw);
    oracle_row_free(both.edited);
    free(edited);
}

unsigned verify_asks(const asks *a, const batches *b, size_t which)
{
    checking c = {.a = a};
    const uint32_t rows = a->size.rows, few[ROWS_MOST] = {0, rows / 3, rows / 2, rows - 1};
    if (is_too_much(a)) return 0;
    for (unsigned i = 0; i < ROWS_MOST; ++i) {
        if (c.count == 0 || few[i] > c.rows[c.count - 1]) c.rows[c.count++] = few[i];
    }
    load_logits(&c, b, which);
    load_tables(&c);
    crew_run(b->on->all, check_one, &c, c.count);
    free(c.logits);
    free(c.sequences);
    return c.count;
}
