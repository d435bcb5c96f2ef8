#include "safetensors.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_LENGTH_BYTES 8
#define LARGEST_FILE ((long)1 << 30)

struct lm_tensors {
    unsigned char *file;
    const unsigned char *data; /* what the header's offsets count from */
    size_t data_size;
    cJSON *header;
};

typedef struct {
    const unsigned char *at;
    size_t elements;
    size_t element_size;
    size_t shape[LM_MAX_DIMENSIONS];
    int dimensions;
} tensor_view;

/* Size of an open file, or -1; leaves it at its start. */
static long file_size(FILE *file)
{
    if (fseek(file, 0, SEEK_END) != 0) {
        return -1;
    }
    long size = ftell(file);
    if (fseek(file, 0, SEEK_SET) != 0) {
        return -1;
    }
    return size;
}

unsigned char *lm_read_file(const char *path, size_t *size, char *error, size_t error_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        snprintf(error, error_size, "cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    unsigned char *bytes = NULL;
    long length = file_size(file);
    if (length < 0 || length > LARGEST_FILE) {
        snprintf(error, error_size, "%s is no regular file of a reasonable size", path);
    } else if ((bytes = malloc((size_t)length + 1)) == NULL) {
        snprintf(error, error_size, "no memory for %s (%ld bytes)", path, length);
    } else if (fread(bytes, 1, (size_t)length, file) != (size_t)length) {
        snprintf(error, error_size, "cannot read all of %s", path);
        free(bytes);
        bytes = NULL;
    } else {
        bytes[length] = 0;
        *size = (size_t)length;
    }
    fclose(file);
    return bytes;
}

static uint64_t little_endian(const unsigned char *bytes, int count)
{
    uint64_t value = 0;
    for (int i = count - 1; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

lm_tensors *lm_tensors_open(const char *path, char *error, size_t error_size)
{
    size_t size = 0;
    unsigned char *file = lm_read_file(path, &size, error, error_size);
    if (file == NULL) {
        return NULL;
    }
    lm_tensors *tensors = calloc(1, sizeof *tensors);
    if (tensors == NULL) {
        snprintf(error, error_size, "no memory for %s", path);
        free(file);
        return NULL;
    }
    tensors->file = file;
    uint64_t header =
        size < HEADER_LENGTH_BYTES ? UINT64_MAX : little_endian(file, HEADER_LENGTH_BYTES);
    if (header > size || header > size - HEADER_LENGTH_BYTES) {
        snprintf(error, error_size, "%s is no safetensors file, or is cut off", path);
        lm_tensors_close(tensors);
        return NULL;
    }
    tensors->header =
        cJSON_ParseWithLength((const char *)file + HEADER_LENGTH_BYTES, (size_t)header);
    tensors->data = file + HEADER_LENGTH_BYTES + header;
    tensors->data_size = size - HEADER_LENGTH_BYTES - (size_t)header;
    if (!cJSON_IsObject(tensors->header)) {
        snprintf(error, error_size, "%s: its header is no JSON object", path);
        lm_tensors_close(tensors);
        return NULL;
    }
    return tensors;
}

void lm_tensors_close(lm_tensors *tensors)
{
    if (tensors != NULL) {
        cJSON_Delete(tensors->header);
        free(tensors->file);
        free(tensors);
    }
}

const char *lm_tensors_metadata(const lm_tensors *tensors, const char *key)
{
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(tensors->header, "__metadata__");
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(all, key));
}

/* A JSON number that is a whole number from 0 to limit; returns 0 on success. */
static int whole_number(const cJSON *item, size_t limit, size_t *out)
{
    /* Written so that a NaN fails too. */
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) ||
        !(item->valuedouble <= (double)limit)) {
        return -1;
    }
    *out = (size_t)item->valuedouble;
    return (double)*out == item->valuedouble ? 0 : -1;
}

static int read_shape(const cJSON *shape, size_t limit, tensor_view *view)
{
    int dimensions = cJSON_GetArraySize(shape);
    if (!cJSON_IsArray(shape) || dimensions < 1 || dimensions > LM_MAX_DIMENSIONS) {
        return -1;
    }
    view->elements = 1;
    view->dimensions = dimensions;
    for (int i = 0; i < LM_MAX_DIMENSIONS; i++) {
        view->shape[i] = 1;
        if (i < dimensions &&
            (whole_number(cJSON_GetArrayItem(shape, i), limit, &view->shape[i]) != 0 ||
             view->shape[i] == 0 || view->shape[i] > limit / view->elements)) {
            return -1;
        }
        view->elements *= view->shape[i];
    }
    return 0;
}

/* Returns 0 when the tensor exists, has a type we read, and lies inside the file. */
static int find_tensor(const lm_tensors *tensors, const char *name, tensor_view *view)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(tensors->header, name);
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "dtype"));
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
    size_t begin = 0;
    size_t end = 0;
    if (type == NULL || !cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 ||
        whole_number(cJSON_GetArrayItem(offsets, 0), tensors->data_size, &begin) != 0 ||
        whole_number(cJSON_GetArrayItem(offsets, 1), tensors->data_size, &end) != 0 ||
        begin > end) {
        return -1;
    }
    if (strcmp(type, "F16") == 0) {
        view->element_size = 2;
    } else if (strcmp(type, "F32") == 0) {
        view->element_size = 4;
    } else {
        return -1;
    }
    view->at = tensors->data + begin;
    if (read_shape(cJSON_GetObjectItemCaseSensitive(item, "shape"), tensors->data_size, view) !=
            0 ||
        view->elements > tensors->data_size / view->element_size ||
        view->elements * view->element_size != end - begin) {
        return -1;
    }
    return 0;
}

int lm_tensors_shape(const lm_tensors *tensors, const char *name,
                     size_t shape[LM_MAX_DIMENSIONS])
{
    tensor_view view;
    if (find_tensor(tensors, name, &view) != 0) {
        return 0;
    }
    memcpy(shape, view.shape, sizeof view.shape);
    return view.dimensions;
}

static float float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float float_from_half(uint32_t half)
{
    uint32_t sign = (half & 0x8000u) << 16;
    uint32_t exponent = half >> 10 & 0x1fu;
    uint32_t fraction = half & 0x3ffu;
    if (exponent == 0) { /* zero or subnormal: fraction * 2^-24, which float holds exactly */
        float value = (float)fraction * 0x1p-24f;
        return sign != 0 ? -value : value;
    }
    exponent = exponent == 0x1fu ? 0xffu : exponent + (127 - 15);
    return float_from_bits(sign | exponent << 23 | fraction << 13);
}

int lm_tensors_read(const lm_tensors *tensors, const char *name, float *out)
{
    tensor_view view;
    if (find_tensor(tensors, name, &view) != 0) {
        return -1;
    }
    for (size_t i = 0; i < view.elements; i++) {
        const unsigned char *at = view.at + i * view.element_size;
        out[i] = view.element_size == 2 ? float_from_half((uint32_t)little_endian(at, 2))
                                        : float_from_bits((uint32_t)little_endian(at, 4));
    }
    return 0;
}
