#include "lm.h"

#include "lm_internal.h"
#include "lm_math.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Entries that go through the layers together: enough to use a weight often once it is in
 * the cache, few enough that their values stay there too. */
#define MAX_ROWS 32

/* The keys and values of one sequence, [layer][position][width] each. */
typedef struct {
    float *keys;
    float *values;
} cache;

/* One value vector for every row that is under way. */
typedef struct {
    float *row[MAX_ROWS];
    float *all;
} rows_of;

struct lm_batch {
    const lm_model *model;
    int slots;
    cache *caches;
    int *lengths;
    cache *new_caches; /* for lm_batch_reorder */
    int *new_lengths;
    float *scores; /* of one head, one a position */
    rows_of x;     /* the residual stream */
    rows_of normed;
    rows_of qkv;
    rows_of attended;
    rows_of change; /* what a layer adds to x */
    rows_of gate_up;
    rows_of active; /* the mlp's hidden units */
};

static bool make_rows(rows_of *rows, int width)
{
    rows->all = calloc((size_t)MAX_ROWS * (size_t)width, sizeof *rows->all);
    if (rows->all == NULL) {
        return false;
    }
    for (int i = 0; i < MAX_ROWS; i++) {
        rows->row[i] = rows->all + (size_t)i * (size_t)width;
    }
    return true;
}

static size_t layer_floats(const lm_model *model)
{
    return (size_t)model->context * (size_t)model->width;
}

static bool make_caches(lm_batch *batch)
{
    size_t slots = (size_t)batch->slots;
    size_t floats = (size_t)batch->model->layer_count * layer_floats(batch->model);
    batch->caches = calloc(slots, sizeof *batch->caches);
    batch->new_caches = calloc(slots, sizeof *batch->new_caches);
    batch->lengths = calloc(slots, sizeof *batch->lengths);
    batch->new_lengths = calloc(slots, sizeof *batch->new_lengths);
    if (batch->caches == NULL || batch->new_caches == NULL || batch->lengths == NULL ||
        batch->new_lengths == NULL) {
        return false;
    }
    for (size_t i = 0; i < slots; i++) {
        batch->caches[i].keys = malloc(floats * sizeof(float));
        batch->caches[i].values = malloc(floats * sizeof(float));
        if (batch->caches[i].keys == NULL || batch->caches[i].values == NULL) {
            return false;
        }
    }
    return true;
}

lm_batch *lm_batch_create(const lm_model *model, int slots)
{
    lm_batch *batch = slots > 0 ? calloc(1, sizeof *batch) : NULL;
    if (batch == NULL) {
        return NULL;
    }
    batch->model = model;
    batch->slots = slots;
    batch->scores = calloc((size_t)model->context, sizeof *batch->scores);
    if (batch->scores == NULL || !make_caches(batch) || !make_rows(&batch->x, model->width) ||
        !make_rows(&batch->normed, model->width) || !make_rows(&batch->qkv, 3 * model->width) ||
        !make_rows(&batch->attended, model->width) ||
        !make_rows(&batch->change, model->width) ||
        !make_rows(&batch->gate_up, 2 * model->mlp_width) ||
        !make_rows(&batch->active, model->mlp_width)) {
        lm_batch_free(batch);
        return NULL;
    }
    return batch;
}

void lm_batch_free(lm_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    for (int i = 0; batch->caches != NULL && i < batch->slots; i++) {
        free(batch->caches[i].keys);
        free(batch->caches[i].values);
    }
    free(batch->caches);
    free(batch->new_caches);
    free(batch->lengths);
    free(batch->new_lengths);
    free(batch->scores);
    free(batch->x.all);
    free(batch->normed.all);
    free(batch->qkv.all);
    free(batch->attended.all);
    free(batch->change.all);
    free(batch->gate_up.all);
    free(batch->active.all);
    free(batch);
}

/* Turns each head's first and second half against each other by the position's angles. */
static void rotate(const lm_model *model, int position, float *vector)
{
    int half = model->head_width / 2;
    const float *cosine = model->rope_cos + (size_t)position * (size_t)half;
    const float *sine = model->rope_sin + (size_t)position * (size_t)half;
    for (int start = 0; start < model->width; start += model->head_width) {
        float *first = vector + start;
        float *second = first + half;
        for (int i = 0; i < half; i++) {
            float a = first[i] * cosine[i] - second[i] * sine[i];
            float b = first[i] * sine[i] + second[i] * cosine[i];
            first[i] = a;
            second[i] = b;
        }
    }
}

/* Attention of one query to the positions up to its own, whose keys and values are cached. */
static void attend(lm_batch *batch, const float *query, const float *keys, const float *values,
                   int positions, float *out)
{
    const lm_model *model = batch->model;
    size_t width = (size_t)model->width;
    memset(out, 0, width * sizeof *out);
    for (int start = 0; start < model->width; start += model->head_width) {
        for (int p = 0; p < positions; p++) {
            const float *key = keys + (size_t)p * width + start;
            batch->scores[p] =
                lm_dot(query + start, key, model->head_width) * model->attention_scale;
        }
        lm_softmax(batch->scores, positions);
        for (int p = 0; p < positions; p++) {
            const float *value = values + (size_t)p * width + start;
            for (int i = 0; i < model->head_width; i++) {
                out[start + i] += batch->scores[p] * value[i];
            }
        }
    }
}

static void add_rows(rows_of *to, const rows_of *from, int rows, int width)
{
    for (int row = 0; row < rows; row++) {
        for (int i = 0; i < width; i++) {
            to->row[row][i] += from->row[row][i];
        }
    }
}

static void norm_rows(const lm_batch *batch, const float *weight, int rows)
{
    const lm_model *model = batch->model;
    for (int row = 0; row < rows; row++) {
        lm_norm(batch->x.row[row], weight, model->norm_epsilon, model->width,
                batch->normed.row[row]);
    }
}

static void multiply_rows(const lm_matrix *matrix, const rows_of *x, rows_of *y, int rows)
{
    /* Only const is added, but C wants the conversion of inner pointers to be said. */
    lm_matrix_multiply(matrix, rows, (const float *const *)x->row, y->row);
}

/* Keys and values are cached for all rows before any row attends, because a prompt's rows
 * attend to one another; each stops at its own position. */
static void run_attention(lm_batch *batch, int layer, const lm_entry *entries,
                          const int *positions, int rows)
{
    const lm_model *model = batch->model;
    const lm_layer *weights = &model->layers[layer];
    size_t width = (size_t)model->width;
    size_t first = (size_t)layer * layer_floats(model);
    norm_rows(batch, weights->attention_norm, rows);
    multiply_rows(&weights->qkv, &batch->normed, &batch->qkv, rows);
    for (int row = 0; row < rows; row++) {
        float *qkv = batch->qkv.row[row];
        const cache *kept = &batch->caches[entries[row].slot];
        size_t at = first + (size_t)positions[row] * width;
        rotate(model, positions[row], qkv);
        rotate(model, positions[row], qkv + width);
        memcpy(kept->keys + at, qkv + width, width * sizeof *qkv);
        memcpy(kept->values + at, qkv + 2 * width, width * sizeof *qkv);
    }
    for (int row = 0; row < rows; row++) {
        const cache *kept = &batch->caches[entries[row].slot];
        attend(batch, batch->qkv.row[row], kept->keys + first, kept->values + first,
               positions[row] + 1, batch->attended.row[row]);
    }
    multiply_rows(&weights->attention_out, &batch->attended, &batch->change, rows);
    add_rows(&batch->x, &batch->change, rows, model->width);
}

static void run_mlp(lm_batch *batch, int layer, int rows)
{
    const lm_model *model = batch->model;
    const lm_layer *weights = &model->layers[layer];
    norm_rows(batch, weights->mlp_norm, rows);
    multiply_rows(&weights->gate_up, &batch->normed, &batch->gate_up, rows);
    for (int row = 0; row < rows; row++) {
        const float *gate = batch->gate_up.row[row];
        const float *up = gate + model->mlp_width;
        for (int i = 0; i < model->mlp_width; i++) {
            batch->active.row[row][i] = gate[i] / (1.0f + lm_exp(-gate[i])) * up[i];
        }
    }
    multiply_rows(&weights->down, &batch->active, &batch->change, rows);
    add_rows(&batch->x, &batch->change, rows, model->width);
}

static void write_results(lm_batch *batch, const lm_entry *entries, int rows)
{
    const lm_model *model = batch->model;
    const float *hidden[MAX_ROWS];
    float *logits[MAX_ROWS];
    int wanted = 0;
    norm_rows(batch, model->final_norm, rows);
    for (int row = 0; row < rows; row++) {
        const float *normed = batch->normed.row[row];
        if (entries[row].hidden != NULL) {
            memcpy(entries[row].hidden, normed, (size_t)model->width * sizeof *normed);
        }
        if (entries[row].logits != NULL) {
            hidden[wanted] = normed;
            logits[wanted] = entries[row].logits;
            wanted++;
        }
    }
    lm_matrix_multiply(&model->embedding, wanted, hidden, logits);
}

static void step_rows(lm_batch *batch, const lm_entry *entries, int rows)
{
    const lm_model *model = batch->model;
    int positions[MAX_ROWS];
    for (int row = 0; row < rows; row++) {
        positions[row] = batch->lengths[entries[row].slot]++;
        lm_matrix_row(&model->embedding, entries[row].token, batch->x.row[row]);
    }
    for (int layer = 0; layer < model->layer_count; layer++) {
        run_attention(batch, layer, entries, positions, rows);
        run_mlp(batch, layer, rows);
    }
    write_results(batch, entries, rows);
}

static bool is_valid_step(lm_batch *batch, const lm_entry *entries, size_t count)
{
    memcpy(batch->new_lengths, batch->lengths, (size_t)batch->slots * sizeof(int));
    for (size_t i = 0; i < count; i++) {
        int slot = entries[i].slot;
        if (slot < 0 || slot >= batch->slots || entries[i].token < 0 ||
            entries[i].token >= batch->model->vocab ||
            batch->new_lengths[slot]++ >= batch->model->context) {
            return false;
        }
    }
    return true;
}

int lm_batch_step(lm_batch *batch, const lm_entry *entries, size_t count)
{
    if (!is_valid_step(batch, entries, count)) {
        return -1;
    }
    for (size_t start = 0; start < count; start += MAX_ROWS) {
        size_t rows = count - start < MAX_ROWS ? count - start : MAX_ROWS;
        step_rows(batch, entries + start, (int)rows);
    }
    return 0;
}

int lm_batch_prompt(lm_batch *batch, int slot, const int32_t *tokens, size_t count,
                    float *logits, float *hidden)
{
    int length = lm_batch_length(batch, slot);
    if (length < 0 || count > (size_t)(batch->model->context - length)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] < 0 || tokens[i] >= batch->model->vocab) {
            return -1;
        }
    }
    lm_entry entries[MAX_ROWS];
    int rows = 0;
    for (size_t i = 0; i < count; i++) {
        float *to = hidden == NULL ? NULL : hidden + i * (size_t)batch->model->width;
        entries[rows++] = (lm_entry){slot, tokens[i], i + 1 == count ? logits : NULL, to};
        if (rows == MAX_ROWS || i + 1 == count) {
            step_rows(batch, entries, rows);
            rows = 0;
        }
    }
    return 0;
}

int lm_batch_length(const lm_batch *batch, int slot)
{
    return slot >= 0 && slot < batch->slots ? batch->lengths[slot] : -1;
}

int lm_batch_truncate(lm_batch *batch, int slot, int length)
{
    if (length < 0 || length > lm_batch_length(batch, slot)) {
        return -1;
    }
    batch->lengths[slot] = length;
    return 0;
}

static void copy_cache(const lm_model *model, const cache *from, cache *to, int length)
{
    size_t bytes = (size_t)length * (size_t)model->width * sizeof(float);
    for (int layer = 0; layer < model->layer_count; layer++) {
        size_t first = (size_t)layer * layer_floats(model);
        memcpy(to->keys + first, from->keys + first, bytes);
        memcpy(to->values + first, from->values + first, bytes);
    }
}

/* The first child of a parent takes over its memory; the others copy into memory that has no
 * heir. There are as many caches as slots, so that memory always suffices. */
int lm_batch_reorder(lm_batch *batch, const int *parents)
{
    for (int i = 0; i < batch->slots; i++) {
        if (parents[i] < -1 || parents[i] >= batch->slots) {
            return -1;
        }
    }
    cache *old = batch->caches;
    memset(batch->new_caches, 0, (size_t)batch->slots * sizeof *batch->new_caches);
    for (int i = 0; i < batch->slots; i++) {
        int parent = parents[i];
        batch->new_lengths[i] = parent < 0 ? 0 : batch->lengths[parent];
        if (parent >= 0 && old[parent].keys != NULL) {
            batch->new_caches[i] = old[parent];
            old[parent].keys = NULL;
        }
    }
    int spare = 0;
    for (int i = 0; i < batch->slots; i++) {
        if (batch->new_caches[i].keys == NULL) {
            while (old[spare].keys == NULL) {
                spare++;
            }
            batch->new_caches[i] = old[spare++];
        }
    }
    for (int i = 0; i < batch->slots; i++) {
        int parent = parents[i];
        for (int first = 0; parent >= 0 && first < i; first++) {
            if (parents[first] == parent) {
                copy_cache(batch->model, &batch->new_caches[first], &batch->new_caches[i],
                           batch->new_lengths[i]);
                break;
            }
        }
    }
    memcpy(old, batch->new_caches, (size_t)batch->slots * sizeof *old);
    memcpy(batch->lengths, batch->new_lengths, (size_t)batch->slots * sizeof(int));
    return 0;
}
