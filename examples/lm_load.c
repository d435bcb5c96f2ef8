#include "lm_internal.h"
#include "lm_math.h"
#include "safetensors.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_DIMENSION (1 << 20)
#define MOST_LAYERS 256

/* What every loading function needs; the first error stays. */
typedef struct {
    const char *path;
    lm_tensors *tensors;
    char *error;
    size_t error_size;
    bool failed;
} loader;

__attribute__((format(printf, 2, 3))) static void fail(loader *load, const char *format, ...)
{
    if (!load->failed) {
        char reason[256];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(reason, sizeof reason, format, arguments);
        va_end(arguments);
        snprintf(load->error, load->error_size, "%s: %s", load->path, reason);
    }
    load->failed = true;
}

/* The rows * columns floats of a tensor that must have that shape, a vector having one row. */
static float *read_tensor(loader *load, const char *name, int rows, int columns)
{
    size_t shape[LM_MAX_DIMENSIONS] = {0};
    int dimensions = load->failed ? 0 : lm_tensors_shape(load->tensors, name, shape);
    bool fits = (dimensions == 1 && rows == 1 && shape[0] == (size_t)columns) ||
                (dimensions == 2 && shape[0] == (size_t)rows && shape[1] == (size_t)columns);
    if (!fits) {
        fail(load, "tensor %s is missing, damaged or not of shape %d x %d", name, rows,
             columns);
        return NULL;
    }
    float *values = malloc((size_t)rows * (size_t)columns * sizeof *values);
    if (values == NULL) {
        fail(load, "no memory for tensor %s", name);
    } else if (lm_tensors_read(load->tensors, name, values) != 0) {
        fail(load, "tensor %s overlaps others", name);
    }
    return values;
}

static void read_matrix(loader *load, const char *name, int outputs, int inputs,
                        lm_matrix *matrix)
{
    float *values = read_tensor(load, name, outputs, inputs);
    if (!load->failed && lm_matrix_pack(matrix, values, outputs, inputs) != 0) {
        fail(load, "no memory for tensor %s", name);
    }
    free(values);
}

static const char *layer_name(char *buffer, size_t size, int layer, const char *part)
{
    snprintf(buffer, size, "layers.%d.%s.weight", layer, part);
    return buffer;
}

static void read_layer(loader *load, const lm_model *model, int number, lm_layer *layer)
{
    char name[64];
    int width = model->width;
    int mlp = model->mlp_width;
    layer->attention_norm =
        read_tensor(load, layer_name(name, sizeof name, number, "attention_norm"), 1, width);
    read_matrix(load, layer_name(name, sizeof name, number, "qkv"), 3 * width, width,
                &layer->qkv);
    read_matrix(load, layer_name(name, sizeof name, number, "attention_out"), width, width,
                &layer->attention_out);
    layer->mlp_norm =
        read_tensor(load, layer_name(name, sizeof name, number, "mlp_norm"), 1, width);
    read_matrix(load, layer_name(name, sizeof name, number, "gate_up"), 2 * mlp, width,
                &layer->gate_up);
    read_matrix(load, layer_name(name, sizeof name, number, "down"), width, mlp, &layer->down);
}

/* A shape of two dimensions that are positive and small enough to multiply as int. */
static bool read_shape(loader *load, const char *name, int *rows, int *columns)
{
    size_t shape[LM_MAX_DIMENSIONS] = {0};
    if (lm_tensors_shape(load->tensors, name, shape) != 2 || shape[0] > LARGEST_DIMENSION ||
        shape[1] > LARGEST_DIMENSION) {
        fail(load, "tensor %s is missing, damaged or no matrix of a reasonable size", name);
        return false;
    }
    *rows = (int)shape[0];
    *columns = (int)shape[1];
    return true;
}

/* A number of the metadata between low and high. */
static double read_number(loader *load, const char *key, double low, double high)
{
    const char *text = lm_tensors_metadata(load->tensors, key);
    char *end = NULL;
    double value = text == NULL ? 0.0 : strtod(text, &end);
    if (text == NULL || end == text || *end != '\0' || !(value >= low && value <= high)) {
        fail(load, "metadata %s is missing or out of range", key);
        return low;
    }
    return value;
}

/* Everything that the tensors' shapes and the metadata say about the sizes. */
static void read_sizes(loader *load, lm_model *model)
{
    int half = 0;
    int rows = 0;
    int columns = 0;
    if (!read_shape(load, "embedding.weight", &model->vocab, &model->width) ||
        !read_shape(load, "rope_cos", &model->context, &half) ||
        !read_shape(load, "layers.0.gate_up.weight", &rows, &columns)) {
        return;
    }
    int heads = (int)read_number(load, "heads", 1.0, 1024.0);
    model->layer_count = (int)read_number(load, "layers", 1.0, MOST_LAYERS);
    model->norm_epsilon = (float)read_number(load, "norm_eps", 1e-12, 1.0);
    model->mlp_width = rows / 2;
    model->head_width = 2 * half;
    model->attention_scale = 1.0f / sqrtf((float)model->head_width);
    if (model->width % LM_DOT_LANES != 0 || model->head_width % LM_DOT_LANES != 0 ||
        heads * (long)model->head_width != model->width) {
        fail(load, "%d heads of width %d do not make a model of width %d", heads,
             model->head_width, model->width);
    }
}

static void read_weights(loader *load, lm_model *model)
{
    int half = model->head_width / 2;
    if (load->failed || model->layer_count < 1) {
        return;
    }
    model->layers = calloc((size_t)model->layer_count, sizeof *model->layers);
    if (model->layers == NULL) {
        fail(load, "no memory for %d layers", model->layer_count);
        return;
    }
    read_matrix(load, "embedding.weight", model->vocab, model->width, &model->embedding);
    model->final_norm = read_tensor(load, "final_norm.weight", 1, model->width);
    model->rope_cos = read_tensor(load, "rope_cos", model->context, half);
    model->rope_sin = read_tensor(load, "rope_sin", model->context, half);
    for (int layer = 0; layer < model->layer_count && !load->failed; layer++) {
        read_layer(load, model, layer, &model->layers[layer]);
    }
}

static void load_tensors(loader *load, lm_model *model)
{
    load->tensors = lm_tensors_open(load->path, load->error, load->error_size);
    if (load->tensors == NULL) {
        load->failed = true;
        return;
    }
    read_sizes(load, model);
    if (!load->failed) {
        read_weights(load, model);
    }
    lm_tensors_close(load->tensors);
}

static bool join_path(char *path, size_t size, const char *directory, const char *name)
{
    int length = snprintf(path, size, "%s/%s", directory, name);
    return length >= 0 && (size_t)length < size;
}

lm_model *lm_model_load(const char *directory, char *error, size_t error_size)
{
    char weights[4096];
    char merges[4096];
    loader load = {.path = weights, .error = error, .error_size = error_size};
    lm_model *model = calloc(1, sizeof *model);
    if (model == NULL || !join_path(weights, sizeof weights, directory, "model.safetensors") ||
        !join_path(merges, sizeof merges, directory, "tokenizer.json")) {
        snprintf(error, error_size, "no memory, or the path is too long: %s", directory);
        free(model);
        return NULL;
    }
    load_tensors(&load, model);
    if (!load.failed) {
        model->tokenizer = lm_tokenizer_open(merges, error, error_size);
        load.failed = model->tokenizer == NULL;
    }
    if (!load.failed && lm_tokenizer_vocab(model->tokenizer) != model->vocab) {
        fail(&load, "its embedding has %d tokens, but tokenizer.json has %d", model->vocab,
             lm_tokenizer_vocab(model->tokenizer));
    }
    if (load.failed) {
        lm_model_free(model);
        return NULL;
    }
    return model;
}

void lm_model_free(lm_model *model)
{
    if (model == NULL) {
        return;
    }
    for (int i = 0; model->layers != NULL && i < model->layer_count; i++) {
        lm_layer *layer = &model->layers[i];
        free(layer->attention_norm);
        free(layer->mlp_norm);
        lm_matrix_free(&layer->qkv);
        lm_matrix_free(&layer->attention_out);
        lm_matrix_free(&layer->gate_up);
        lm_matrix_free(&layer->down);
    }
    free(model->layers);
    lm_matrix_free(&model->embedding);
    free(model->final_norm);
    free(model->rope_cos);
    free(model->rope_sin);
    lm_tokenizer_close(model->tokenizer);
    free(model);
}

int lm_vocab(const lm_model *model) { return model->vocab; }

int lm_width(const lm_model *model) { return model->width; }

int lm_context(const lm_model *model) { return model->context; }

int32_t lm_end_of_text(const lm_model *model)
{
    (void)model; /* one number for all models that there are */
    return LM_END_OF_TEXT;
}

size_t lm_encode(const lm_model *model, const char *text, size_t length, int32_t *tokens,
                 size_t capacity)
{
    return lm_tokenizer_encode(model->tokenizer, text, length, tokens, capacity);
}

const char *lm_token_bytes(const lm_model *model, int32_t token, size_t *length)
{
    return lm_tokenizer_bytes(model->tokenizer, token, length);
}
