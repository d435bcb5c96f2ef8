#include "npy_array.h"

#include "message.h"
#include "npy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    ERROR_BYTES = 200
};

void npy_array_free(npy_array *array)
{
    free(array->items);
    memset(array, 0, sizeof *array);
}

static int read_header(const char *path, FILE *file, npy_header *header)
{
    unsigned char bytes[NPY_MAX_HEADER_BYTES];
    char error[ERROR_BYTES];
    const size_t got = fread(bytes, 1, NPY_PREFIX_BYTES, file);
    const size_t total = npy_header_bytes(bytes, got, error, sizeof error);
    if (total == 0) return fail(EXIT_INPUT, "%s: %s", path, error);
    const size_t rest = fread(bytes + got, 1, total - got, file);
    if (!npy_parse(bytes, got + rest, header, error, sizeof error)) {
        return fail(EXIT_INPUT, "%s: %s", path, error);
    }
    if (header->fortran_order && header->dimensions > 1) {
        return fail(EXIT_INPUT,
                    "%s: is stored column by column (fortran_order), must be row by row: "
                    "np.ascontiguousarray(x) makes it so",
                    path);
    }
    return EXIT_DONE;
}

static int set_shape(const char *path, const npy_header *header, unsigned most, npy_array *out)
{
    const unsigned dimensions = header->dimensions;
    if (dimensions < 1 || dimensions > most) {
        return fail(EXIT_INPUT, "%s: has %u dimensions, must have %s", path, dimensions,
                    most == 1 ? "1" : "1 or 2");
    }
    out->rows = dimensions == 1 ? 1 : header->shape[0];
    out->columns = header->shape[dimensions - 1];
    out->kind = header->kind;
    out->item_bytes = header->item_bytes;
    if (out->rows < 1 || out->columns < 1 || out->item_bytes < 1 ||
        out->rows > SIZE_MAX / 16 / out->columns) { /* 16: no item is larger */
        return fail(EXIT_INPUT, "%s: has %llu rows of %llu items, must have some, not too many",
                    path, (unsigned long long)out->rows, (unsigned long long)out->columns);
    }
    return EXIT_DONE;
}

static void swap_items(unsigned char *bytes, size_t size, size_t item)
{
    for (size_t i = 0; i < size; i += item) {
        for (size_t low = 0, high = item - 1; low < high; low++, high--) {
            const unsigned char byte = bytes[i + low];
            bytes[i + low] = bytes[i + high];
            bytes[i + high] = byte;
        }
    }
}

static int wrong_length(const char *path, bool is_short, const npy_array *array)
{
    return fail(EXIT_INPUT, "%s: has %s bytes than %llu rows of %llu items of %u", path,
                is_short ? "fewer" : "more", (unsigned long long)array->rows,
                (unsigned long long)array->columns, array->item_bytes);
}

/* Of a regular file, before anything is allocated: is it as long as its header says? */
static int check_length(const char *path, FILE *file, const npy_array *array, size_t size)
{
    struct stat status;
    const long begin = ftell(file);
    if (begin < 0 || fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode)) {
        return EXIT_DONE;
    }
    const uint64_t there = status.st_size > begin ? (uint64_t)(status.st_size - begin) : 0;
    return there == size ? EXIT_DONE : wrong_length(path, there < size, array);
}

static int read_items(const char *path, FILE *file, bool is_swapped, npy_array *out)
{
    const size_t size = (size_t)(out->rows * out->columns) * out->item_bytes;
    const int status = check_length(path, file, out, size);
    if (status != EXIT_DONE) return status;
    out->items = malloc(size + 1); /* so never of none */
    if (out->items == NULL) return fail_memory(path);
    const size_t got = fread(out->items, 1, size, file);
    if (ferror(file)) return fail(EXIT_INPUT, "%s: cannot read: %s", path, strerror(errno));
    if (got < size || fgetc(file) != EOF) return wrong_length(path, got < size, out);
    if (is_swapped && out->item_bytes > 1) swap_items(out->items, size, out->item_bytes);
    return EXIT_DONE;
}

static int load(const char *path, FILE *file, bool is_mask, npy_array *out)
{
    npy_header header = {0};
    int status = read_header(path, file, &header);
    if (status != EXIT_DONE) return status;
    const bool is_whole = header.kind == 'i' || header.kind == 'u';
    const bool is_bytes = header.item_bytes == 1 && (header.kind == 'u' || header.kind == 'b');
    if (is_mask && !(is_whole && header.item_bytes == 4) && !is_bytes) {
        return fail(EXIT_INPUT,
                    "%s: holds '%c%u', must hold int32 or uint32 (32 tokens each), or uint8 or "
                    "bool (a token each)",
                    path, header.kind, header.item_bytes);
    }
    const bool is_known = header.item_bytes == 1 || header.item_bytes == 2 ||
                          header.item_bytes == 4 || header.item_bytes == 8;
    if (!is_mask && !(is_whole && is_known)) {
        return fail(EXIT_INPUT, "%s: holds '%c%u', must hold integers", path, header.kind,
                    header.item_bytes);
    }
    status = set_shape(path, &header, is_mask ? 2 : 1, out);
    if (status != EXIT_DONE) return status;
    const bool is_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    return read_items(path, file, header.big_endian != is_big, out);
}

static int open_and_load(const char *path, bool is_mask, npy_array *out)
{
    memset(out, 0, sizeof *out);
    FILE *const file = fopen(path, "rbe");
    if (file == NULL) return fail(EXIT_INPUT, "%s: cannot open: %s", path, strerror(errno));
    const int status = load(path, file, is_mask, out);
    fclose(file);
    return status;
}

int npy_array_load_mask(const char *path, uint64_t logits_rows, npy_array *out)
{
    memset(out, 0, sizeof *out);
    if (path == NULL) return EXIT_DONE;
    const int status = open_and_load(path, true, out);
    if (status != EXIT_DONE || out->rows == 1 || out->rows == logits_rows) return status;
    return fail(EXIT_INPUT, "%s: has %llu rows, must have 1 or the %llu of the logits", path,
                (unsigned long long)out->rows, (unsigned long long)logits_rows);
}

int npy_array_load_tokens(const char *path, npy_array *out)
{
    return open_and_load(path, false, out);
}

int64_t npy_array_item(const npy_array *array, uint64_t column)
{
    const bool is_signed = array->kind == 'i';
    const void *const items = array->items;
    switch (array->item_bytes) {
    case 1:
        if (is_signed) return ((const int8_t *)items)[column];
        return ((const uint8_t *)items)[column];
    case 2:
        if (is_signed) return ((const int16_t *)items)[column];
        return ((const uint16_t *)items)[column];
    case 4:
        if (is_signed) return ((const int32_t *)items)[column];
        return ((const uint32_t *)items)[column];
    default: /* what is above that is no token anyhow */
        if (is_signed || ((const uint64_t *)items)[column] <= INT64_MAX) {
            return ((const int64_t *)items)[column];
        }
        return INT64_MAX;
    }
}
