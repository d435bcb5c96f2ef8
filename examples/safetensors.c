#include "safetensors.h"

#include "strict_json.h"

#include <json-c/json.h>
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
    json_object *header;
    size_t unread; /* bytes: tensors do not overlap, so that a small file stays small */
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
    char reason[128] = "no object";
    tensors->header = strict_json_parse((const char *)file + HEADER_LENGTH_BYTES,
                                        (size_t)header, reason, sizeof reason);
    tensors->data = file + HEADER_LENGTH_BYTES + header;
    tensors->data_size = size - HEADER_LENGTH_BYTES - (size_t)header;
    tensors->unread = tensors->data_size;
    if (!json_object_is_type(tensors->header, json_type_object)) {
        snprintf(error, error_size, "%s: its header is no JSON object: %s", path, reason);
        lm_tensors_close(tensors);
        return NULL;
    }
    return tensors;
}

void lm_tensors_close(lm_tensors *tensors)
{
    if (tensors != NULL) {
        json_object_put(tensors->header);
        free(tensors->file);
        free(tensors);
    }
}

const char *lm_tensors_metadata(const lm_tensors *tensors, const char *key)
{
    const json_object *all = strict_json_member(tensors->header, "__metadata__");
    return strict_json_string(strict_json_member(all, key));
}

static bool whole_number(const json_object *array, size_t index, size_t limit, size_t *out)
{
    uint64_t value = 0;
    if (!strict_json_whole(json_object_array_get_idx(array, index), limit, &value)) {
        return false;
    }
    *out = (size_t)value;
    return true;
}

static bool read_shape(const json_object *shape, size_t limit, tensor_view *view)
{
    size_t dimensions =
        json_object_is_type(shape, json_type_array) ? json_object_array_length(shape) : 0;
    if (dimensions < 1 || dimensions > LM_MAX_DIMENSIONS) {
        return false;
    }
    view->elements = 1;
    view->dimensions = (int)dimensions;
    for (size_t i = 0; i < LM_MAX_DIMENSIONS; i++) {
        view->shape[i] = 1;
        if (i < dimensions &&
            (!whole_number(shape, i, limit, &view->shape[i]) || view->shape[i] == 0 ||
             view->shape[i] > limit / view->elements)) {
            return false;
        }
        view->elements *= view->shape[i];
    }
    return true;
}

static size_t element_size(const char *type)
{
    if (type == NULL) {
        return 0;
    }
    if (strcmp(type, "F16") == 0) {
        return 2;
    }
    return strcmp(type, "F32") == 0 ? 4 : 0;
}

/* Whether the tensor exists, has a type we read, and lies inside the file. */
static bool find_tensor(const lm_tensors *tensors, const char *name, tensor_view *view)
{
    const json_object *item = strict_json_member(tensors->header, name);
    const json_object *offsets = strict_json_member(item, "data_offsets");
    size_t begin = 0;
    size_t end = 0;
    if (!json_object_is_type(offsets, json_type_array) ||
        json_object_array_length(offsets) != 2 ||
        !whole_number(offsets, 0, tensors->data_size, &begin) ||
        !whole_number(offsets, 1, tensors->data_size, &end) || begin > end) {
        return false;
    }
    view->at = tensors->data + begin;
    view->element_size = element_size(strict_json_string(strict_json_member(item, "dtype")));
    return view->element_size > 0 &&
           read_shape(strict_json_member(item, "shape"), tensors->data_size, view) &&
           view->elements <= tensors->data_size / view->element_size &&
           view->elements * view->element_size == end - begin;
}

int lm_tensors_shape(const lm_tensors *tensors, const char *name,
                     size_t shape[LM_MAX_DIMENSIONS])
{
    tensor_view view;
    if (!find_tensor(tensors, name, &view)) {
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

int lm_tensors_read(lm_tensors *tensors, const char *name, float *out)
{
    tensor_view view;
    if (!find_tensor(tensors, name, &view) ||
        view.elements * view.element_size > tensors->unread) {
        return -1;
    }
    tensors->unread -= view.elements * view.element_size;
    for (size_t i = 0; i < view.elements; i++) {
        const unsigned char *at = view.at + i * view.element_size;
        out[i] = view.element_size == 2 ? float_from_half((uint32_t)little_endian(at, 2))
                                        : float_from_bits((uint32_t)little_endian(at, 4));
    }
    return 0;
}
