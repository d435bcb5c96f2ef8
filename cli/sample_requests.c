#include "sample_requests.h"

#include "message.h"
#include "npy_array.h"
#include "request_check.h"
#include "target_file.h"
#include "token_lists.h"

#include <stdlib.h>
#include <string.h>

/* What is asked of one row of the batch. */
typedef struct row_state {
    uint64_t slot;
    uint32_t edits, wants, target;
} row_state;

struct sample_requests {
    const sample_options *options;
    const logits_file *logits;
    const params_file *params;
    request_summary asked;
    token_lists lists[FILE_LISTS];
    npy_array mask;
    uint32_t *targets; /* [target_rows], 1 + each */
    uint64_t target_rows;
    logits_file unconditional;
    char *unconditional_row; /* of all rows, or NULL */
    lms_slots *slots;
    /* of the batch */
    uint64_t first_row;
    size_t count;
    row_state *rows;
    lms_row_edits *edits;
    lms_row_wants *wants;
    token_lists table;           /* its lists, a row each */
    uint32_t shared[FILE_LISTS]; /* 1 + the list for all rows, 0: not there yet */
    lms_tables tables;
    uint64_t *names; /* of open slots */
    size_t open;
};

/* --- Opening ----------------------------------------------------------------------------- */

static int load_lists(sample_requests *r)
{
    static const list_kind kinds[FILE_LISTS] = {
        [FILE_HISTORY] = LIST_HISTORIES,     [FILE_BIAS] = LIST_BIASES,
        [FILE_ALLOWED] = LIST_TOKENS,        [FILE_BANNED] = LIST_TOKENS,
        [FILE_BAD_WORDS] = LIST_SEQUENCES,   [FILE_END_TOKENS] = LIST_TOKENS,
        [FILE_DRY_BREAKERS] = LIST_SEQUENCES};
    int status = EXIT_DONE;
    for (unsigned i = 0; i < FILE_LISTS && status == EXIT_DONE; i++) {
        status = token_lists_load(sample_file_options[i], r->options->files[i], kinds[i],
                                  r->logits->vocab, r->logits->rows, &r->lists[i]);
    }
    return status;
}

static int open_unconditional(sample_requests *r)
{
    logits_file *const u = &r->unconditional;
    const char *const path = r->options->files[FILE_UNCONDITIONAL];
    if (path == NULL) return EXIT_DONE;
    const int status = logits_file_open(u, path, r->options->is_bfloat16);
    if (status != EXIT_DONE) return status;
    if (u->type != r->logits->type || u->vocab != r->logits->vocab ||
        (u->rows != 1 && u->rows != r->logits->rows)) {
        return fail(EXIT_INPUT,
                    "%s: has %llu rows of %u logits of %zu bytes, must have 1 row or %llu, of "
                    "%u logits of %zu bytes, as %s",
                    path, (unsigned long long)u->rows, (unsigned)u->vocab, logits_file_item(u),
                    (unsigned long long)r->logits->rows, (unsigned)r->logits->vocab,
                    logits_file_item(r->logits), r->logits->name);
    }
    if (u->rows != 1) return EXIT_DONE;
    const size_t bytes = u->vocab * logits_file_item(u);
    r->unconditional_row = malloc(bytes);
    if (r->unconditional_row == NULL) return fail_memory(path);
    return logits_file_read(u, r->unconditional_row, 1);
}

int sample_requests_open(const sample_options *options, const logits_file *logits,
                         const params_file *params, sample_requests **out)
{
    sample_requests *const r = calloc(1, sizeof *r);
    *out = NULL;
    if (r == NULL) return fail_memory("what rows ask for");
    r->options = options;
    r->logits = logits;
    r->params = params;
    int status = request_check(options, params, logits->vocab, &r->asked);
    if (status == EXIT_DONE) status = load_lists(r);
    if (status == EXIT_DONE) {
        status = npy_array_load_mask(options->files[FILE_MASK], logits->rows, &r->mask);
    }
    if (status == EXIT_DONE) {
        status = target_file_load(options->files[FILE_TARGETS], logits->vocab, logits->rows,
                                  &r->targets, &r->target_rows);
    }
    if (status == EXIT_DONE) status = open_unconditional(r);
    if (status == EXIT_DONE) {
        *out = r;
    } else {
        sample_requests_free(r);
    }
    return status;
}

void sample_requests_free(sample_requests *r)
{
    if (r == NULL) return;
    for (unsigned i = 0; i < FILE_LISTS; i++) token_lists_free(&r->lists[i]);
    token_lists_free(&r->table);
    npy_array_free(&r->mask);
    logits_file_close(&r->unconditional);
    lms_slots_destroy(r->slots);
    free(r->targets);
    free(r->unconditional_row);
    free(r->rows);
    free(r->edits);
    free(r->wants);
    free(r->names);
    free(r);
}

bool sample_requests_any(const sample_requests *r) { return r->asked.has_any; }

bool sample_requests_guide(const sample_requests *r)
{
    return r->options->files[FILE_UNCONDITIONAL] != NULL;
}

uint32_t sample_requests_top(const sample_requests *r) { return r->asked.top; }

/* --- Making ready ------------------------------------------------------------------------ */

static uint64_t tokens_of(const token_lists *histories, uint64_t row)
{
    return histories->firsts[row + 1] - histories->firsts[row];
}

/* Slots for the histories of a batch: one for all rows, or one for each. */
static int make_slots(sample_requests *r, lms_context *context, size_t rows)
{
    const token_lists *const h = &r->lists[FILE_HISTORY];
    uint64_t longest = 1, most_pages = 0, most_tokens = 1, pages = 0, tokens = 0;
    if (h->rows == 0) return EXIT_DONE;
    for (uint64_t row = 0; row < h->rows; row++) {
        if (row % rows == 0) pages = tokens = 0;
        pages += tokens_of(h, row) / LMS_SLOT_PAGE + 1;
        tokens += tokens_of(h, row);
        if (pages > most_pages) most_pages = pages;
        if (tokens > most_tokens) most_tokens = tokens;
        if (tokens_of(h, row) > longest) longest = tokens_of(h, row);
    }
    const lms_slots_desc desc = {
        .vocab = r->logits->vocab,
        .max_slots = h->rows == 1 ? 1 : (uint32_t)rows,
        .max_length = (uint32_t)longest,
        .max_tokens = most_pages * LMS_SLOT_PAGE,
        .max_host_tokens = (uint32_t)most_tokens,
    };
    const lms_status status = lms_slots_create(context, &desc, &r->slots);
    return status == LMS_OK ? EXIT_DONE : fail_library("history", status);
}

int sample_requests_describe(sample_requests *r, lms_context *context, size_t rows,
                             lms_sampler_desc *desc)
{
    if (!r->asked.has_any) return EXIT_DONE;
    r->rows = calloc(rows, sizeof *r->rows);
    r->edits = calloc(rows, sizeof *r->edits);
    r->wants = calloc(rows, sizeof *r->wants);
    r->names = calloc(rows, sizeof *r->names);
    if (r->rows == NULL || r->edits == NULL || r->wants == NULL || r->names == NULL) {
        return fail_memory("what a batch of rows asks for");
    }
    const int status = make_slots(r, context, rows);
    desc->requests = LMS_REQUESTS_EDITS | (r->asked.has_dry ? LMS_REQUESTS_DRY : 0);
    desc->max_top = r->asked.top;
    desc->max_lists = (uint32_t)(FILE_LISTS * rows);
    desc->slots = r->slots;
    return status;
}

/* --- A batch ----------------------------------------------------------------------------- */

/* The number of a list in the table, plus 1, that row `row` of the file has; 0: none. */
static int add_list(sample_requests *r, sample_file file, uint64_t row, uint32_t *number)
{
    const token_lists *const lists = &r->lists[file];
    const size_t at = lists->rows == 1 ? 0 : (size_t)row;
    *number = lists->rows == 1 ? r->shared[file] : 0;
    if (lists->rows == 0 || *number != 0 || lists->is_none[at]) return EXIT_DONE;
    /* An empty list is one only of what is allowed. */
    if (file != FILE_ALLOWED && lists->firsts[at] == lists->firsts[at + 1]) return EXIT_DONE;
    int status = token_lists_add_row(&r->table, false);
    for (uint32_t i = lists->firsts[at]; i < lists->firsts[at + 1] && status == EXIT_DONE;
         i++) {
        status = token_lists_add(&r->table, lists->ids[i], lists->values[i]);
    }
    *number = (uint32_t)r->table.rows;
    if (lists->rows == 1) r->shared[file] = *number;
    return status;
}

/* Rows that follow each other and ask for the same share a record. */
static int add_edits(sample_requests *r, uint64_t row, uint32_t *number)
{
    static const lms_row_edits nothing = LMS_ROW_EDITS_INIT;
    lms_row_edits edits = params_file_request(r->params, row)->edits;
    const struct {
        sample_file file;
        uint32_t *list;
    } uses[] = {
        {FILE_BIAS, &edits.bias},
        {FILE_ALLOWED, &edits.allowed},
        {FILE_BANNED, &edits.banned},
        {FILE_BAD_WORDS, &edits.bad_words},
        {FILE_END_TOKENS, &edits.end_tokens},
        {FILE_DRY_BREAKERS, &edits.dry_breakers},
    };
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        const int status = add_list(r, uses[i].file, row, uses[i].list);
        if (status != EXIT_DONE) return status;
    }
    const uint32_t count = r->tables.edit_count;
    *number = 0;
    if (edits_are_same(&edits, &nothing)) return EXIT_DONE;
    if (count == 0 || !edits_are_same(&edits, &r->edits[count - 1])) {
        r->edits[r->tables.edit_count++] = edits;
    }
    *number = r->tables.edit_count;
    return EXIT_DONE;
}

static uint32_t add_wants(sample_requests *r, uint64_t row)
{
    const uint32_t top = params_file_request(r->params, row)->top;
    const lms_row_wants wants = {.top_n = top, .flags = r->options->logprobs_of};
    const uint32_t count = r->tables.want_count;
    if (top == 0) return 0;
    if (count == 0 || r->wants[count - 1].top_n != top) {
        r->wants[r->tables.want_count++] = wants;
    }
    return r->tables.want_count;
}

static uint32_t target_of(const sample_requests *r, uint64_t row)
{
    if (r->targets != NULL) return r->targets[r->target_rows == 1 ? 0 : row];
    return params_file_request(r->params, row)->target;
}

/* Opens a slot for each history of the batch, one behind the other. */
static int open_slots(sample_requests *r, lms_context *context)
{
    const token_lists *const h = &r->lists[FILE_HISTORY];
    uint32_t lengths[REQUEST_ROWS], prompts[REQUEST_ROWS];
    size_t firsts[REQUEST_ROWS], rows[REQUEST_ROWS];
    uint32_t count = 0;
    const size_t wanted = h->rows == 1 ? 1 : r->count;
    for (size_t i = 0; i < wanted; i++) {
        const size_t row = h->rows == 1 ? 0 : (size_t)r->first_row + i;
        if (h->rows == 0 || h->is_none[row]) continue;
        lengths[count] = (uint32_t)tokens_of(h, row);
        prompts[count] = h->prompts[row];
        firsts[count] = h->firsts[row];
        rows[count++] = i;
    }
    if (count == 0) return EXIT_DONE;
    const lms_slots_open_args args = {.count = count,
                                      .lengths = lengths,
                                      .prompts = prompts,
                                      .firsts = firsts,
                                      .tokens = h->ids,
                                      .token_count = h->entries,
                                      .names = r->names};
    const lms_status status =
        lms_slots_open(r->slots, lms_context_queue(context), &args, 0, NULL, NULL);
    if (status != LMS_OK) return fail_library("history", status);
    r->open = count;
    for (uint32_t i = 0; i < count; i++) r->rows[rows[i]].slot = r->names[i];
    for (size_t i = 1; i < r->count && h->rows == 1; i++) r->rows[i].slot = r->names[0];
    return EXIT_DONE;
}

static int read_unconditional(sample_requests *r, char *logits)
{
    const size_t bytes = r->logits->vocab * logits_file_item(r->logits);
    if (!sample_requests_guide(r)) return EXIT_DONE;
    char *const place = logits + r->count * bytes;
    if (r->unconditional_row == NULL) {
        return logits_file_read(&r->unconditional, place, r->count);
    }
    memcpy(place, r->unconditional_row, bytes);
    return EXIT_DONE;
}

static void set_tables(sample_requests *r)
{
    lms_tables *const t = &r->tables;
    const npy_array *const mask = &r->mask;
    t->edits = t->edit_count > 0 ? r->edits : NULL;
    t->wants = t->want_count > 0 ? r->wants : NULL;
    t->list_count = (uint32_t)r->table.rows;
    t->list_offsets = r->table.firsts;
    t->list_ids = r->table.ids;
    t->list_values = r->table.values;
    if (mask->rows == 0) return;
    const size_t row = mask->rows == 1 ? 0 : (size_t)r->first_row;
    t->mask_count = mask->rows == 1 ? 1 : (uint32_t)r->count;
    t->masks = (const char *)mask->items + row * mask->columns * mask->item_bytes;
    t->mask_type = mask->item_bytes == 4 ? LMS_MASK_BITS : LMS_MASK_BYTES;
    t->mask_columns = (uint32_t)mask->columns;
}

int sample_requests_begin(sample_requests *r, lms_context *context, uint64_t first_row,
                          size_t count, char *logits)
{
    if (!r->asked.has_any) return EXIT_DONE;
    r->first_row = first_row;
    r->count = count;
    r->table.rows = r->table.entries = 0;
    memset(&r->tables, 0, sizeof r->tables);
    memset(r->shared, 0, sizeof r->shared);
    memset(r->rows, 0, count * sizeof *r->rows);
    int status = EXIT_DONE;
    for (size_t i = 0; i < count && status == EXIT_DONE; i++) {
        row_state *const row = &r->rows[i];
        status = add_edits(r, first_row + i, &row->edits);
        row->wants = add_wants(r, first_row + i);
        row->target = target_of(r, first_row + i);
    }
    set_tables(r);
    if (status == EXIT_DONE) status = open_slots(r, context);
    return status == EXIT_DONE ? read_unconditional(r, logits) : status;
}

void sample_requests_row(const sample_requests *r, size_t row, lms_row_params *params)
{
    if (!r->asked.has_any) return;
    params->request.slot = r->rows[row].slot;
    params->request.edits = r->rows[row].edits;
    if (r->tables.mask_count > 0) {
        params->request.mask = r->tables.mask_count == 1 ? 1 : 1 + (uint32_t)row;
    }
    if (sample_requests_guide(r)) {
        const size_t behind = r->unconditional_row == NULL ? row : 0;
        params->request.unconditional = 1 + (uint32_t)(r->count + behind);
    }
    params->wants = r->rows[row].wants;
    params->target = r->rows[row].target;
}

const lms_tables *sample_requests_tables(const sample_requests *r)
{
    return r->asked.has_any ? &r->tables : NULL;
}

int sample_requests_end(sample_requests *r)
{
    for (size_t i = 0; i < r->open; i++) {
        const lms_status status = lms_slots_close(r->slots, r->names[i]);
        if (status != LMS_OK) return fail_library("history", status);
    }
    r->open = 0;
    return EXIT_DONE;
}
