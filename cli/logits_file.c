#include "logits_file.h"

#include "message.h"
#include "npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READ_BYTES = 1 << 26, /* of one call, far below what read() may be asked for */
    ERROR_BYTES = 200
};

typedef struct logits_stream {
    int descriptor;
    bool is_swapped; /* items are in the other byte order */
    uint64_t row_bytes;
    uint64_t rows_read;
} logits_stream;

size_t logits_file_item(const logits_file *file) { return file->type == LMS_FLOAT32 ? 4 : 2; }

void logits_file_close(logits_file *file)
{
    if (file->stream == NULL) return;
    if (file->stream->descriptor != STDIN_FILENO) close(file->stream->descriptor);
    free(file->stream);
    file->stream = NULL;
}

/* Fewer bytes than wanted only at the end of the file. */
static int read_bytes(const logits_file *file, void *bytes, size_t wanted, size_t *got)
{
    *got = 0;
    while (*got < wanted) {
        const size_t rest = wanted - *got;
        const ssize_t n = read(file->stream->descriptor, (char *)bytes + *got,
                               rest < READ_BYTES ? rest : READ_BYTES);
        if (n == 0) break;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(EXIT_INPUT, "%s: cannot read: %s", file->name, strerror(errno));
        *got += (size_t)n;
    }
    return EXIT_DONE;
}

/* --- Opening ---------------------------------------------------------------------------- */

static int open_descriptor(logits_file *file, const char *path)
{
    struct stat status;
    if (strcmp(path, "-") == 0) {
        file->name = "standard input";
        if (isatty(STDIN_FILENO)) {
            return fail(EXIT_INPUT, "standard input: is a terminal, must be a .npy file");
        }
        file->stream->descriptor = STDIN_FILENO;
    } else {
        file->stream->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (file->stream->descriptor < 0) {
            file->stream->descriptor = STDIN_FILENO; /* which close leaves alone */
            return fail(EXIT_INPUT, "%s: cannot open: %s", path, strerror(errno));
        }
    }
    if (fstat(file->stream->descriptor, &status) != 0) {
        return fail(EXIT_INPUT, "%s: cannot read: %s", file->name, strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return fail(EXIT_INPUT, "%s: is a folder, must be a .npy file", file->name);
    }
    return EXIT_DONE;
}

static int read_header(logits_file *file, npy_header *header)
{
    unsigned char bytes[NPY_MAX_HEADER_BYTES];
    char error[ERROR_BYTES];
    size_t got = 0, rest = 0;
    int status = read_bytes(file, bytes, NPY_PREFIX_BYTES, &got);
    if (status != EXIT_DONE) return status;
    const size_t total = npy_header_bytes(bytes, got, error, sizeof error);
    if (total == 0) return fail(EXIT_INPUT, "%s: %s", file->name, error);
    status = read_bytes(file, bytes + got, total - got, &rest);
    if (status != EXIT_DONE) return status;
    if (!npy_parse(bytes, got + rest, header, error, sizeof error)) {
        return fail(EXIT_INPUT, "%s: %s", file->name, error);
    }
    return EXIT_DONE;
}

/* "float64", as NumPy names it. */
static void name_type(const npy_header *header, char *text, size_t size)
{
    static const struct {
        char kind;
        const char *name;
    } kinds[] = {{'f', "float"}, {'i', "int"}, {'u', "uint"}, {'c', "complex"}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].kind == header->kind) {
            snprintf(text, size, "%s%lu", kinds[i].name, 8ul * header->item_bytes);
            return;
        }
    }
    if (header->kind == 'b') {
        snprintf(text, size, "bool");
    } else {
        snprintf(text, size, "'%c%u'", header->kind, header->item_bytes);
    }
}

static int check_type(logits_file *file, const npy_header *header, bool as_bfloat16)
{
    char type[32];
    /* Bits have no type of their own in NumPy: what stands in for bfloat16 is one of these. */
    const bool is_bits = header->item_bytes == 2 && strchr("uiV", header->kind) != NULL;
    name_type(header, type, sizeof type);
    if (as_bfloat16) {
        file->type = LMS_BFLOAT16;
        if (is_bits) return EXIT_DONE;
        return fail(EXIT_INPUT,
                    "%s: holds %s, must hold uint16, int16 or 'V2' to be read with --bfloat16",
                    file->name, type);
    }
    file->type = header->item_bytes == 4 ? LMS_FLOAT32 : LMS_FLOAT16;
    if (header->kind == 'f' && (header->item_bytes == 4 || header->item_bytes == 2)) {
        return EXIT_DONE;
    }
    if (is_bits) {
        return fail(EXIT_INPUT,
                    "%s: holds %s, must hold float32 or float16; --bfloat16 reads it as "
                    "bfloat16",
                    file->name, type);
    }
    return fail(EXIT_INPUT,
                "%s: holds %s, must hold float32, float16 or the bits of bfloat16: "
                "x.astype(np.float32) converts it",
                file->name, type);
}

static int check_shape(logits_file *file, const npy_header *header)
{
    const unsigned dimensions = header->dimensions;
    if (dimensions < 1 || dimensions > 2) {
        return fail(EXIT_INPUT,
                    "%s: has %u dimensions, must have 1 (a row) or 2 (rows, vocabulary)%s",
                    file->name, dimensions,
                    dimensions > 2 ? ": x.reshape(-1, x.shape[-1]) makes them rows" : "");
    }
    const uint64_t vocab = header->shape[dimensions - 1];
    if (vocab < 1 || vocab > LMS_MAX_VOCAB) {
        return fail(EXIT_INPUT, "%s: has %llu logits a row, must have 1 to %u", file->name,
                    (unsigned long long)vocab, LMS_MAX_VOCAB);
    }
    file->is_vector = dimensions == 1;
    file->vocab = (uint32_t)vocab;
    file->rows = file->is_vector ? 1 : header->shape[0];
    file->stream->row_bytes = vocab * logits_file_item(file);
    if (file->rows > INT64_MAX / file->stream->row_bytes) {
        return fail(EXIT_INPUT,
                    "%s: has %llu rows of %u logits, must have fewer than 2^63 bytes",
                    file->name, (unsigned long long)file->rows, file->vocab);
    }
    if (header->fortran_order && file->rows > 1 && vocab > 1) {
        return fail(EXIT_INPUT,
                    "%s: is stored column by column (fortran_order), must be row by row: "
                    "np.ascontiguousarray(x) makes it so",
                    file->name);
    }
    return EXIT_DONE;
}

/* The place in the file is where the data begins. */
static int check_length(const logits_file *file)
{
    struct stat status;
    const uint64_t needed = file->rows * file->stream->row_bytes;
    const int descriptor = file->stream->descriptor;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return EXIT_DONE;
    const off_t begin = lseek(descriptor, 0, SEEK_CUR);
    /* A file with a header and no length is one of the kernel's, in /proc. */
    if (begin < 0 || status.st_size == 0) return EXIT_DONE;
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
    const uint64_t there = status.st_size > begin ? (uint64_t)(status.st_size - begin) : 0;
    if (there == needed) return EXIT_DONE;
    return fail(EXIT_INPUT,
                "%s: has %llu bytes of logits, must have %llu: %llu rows of %u logits of %zu "
                "bytes",
                file->name, (unsigned long long)there, (unsigned long long)needed,
                (unsigned long long)file->rows, file->vocab, logits_file_item(file));
}

static int open_all(logits_file *file, const char *path, bool as_bfloat16)
{
    npy_header header = {0};
    int status = open_descriptor(file, path);
    if (status == EXIT_DONE) status = read_header(file, &header);
    if (status == EXIT_DONE) status = check_type(file, &header, as_bfloat16);
    if (status == EXIT_DONE) status = check_shape(file, &header);
    if (status == EXIT_DONE) status = check_length(file);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    if (status == EXIT_DONE) file->stream->is_swapped = !header.big_endian;
#else
    if (status == EXIT_DONE) file->stream->is_swapped = header.big_endian;
#endif
    return status;
}

int logits_file_open(logits_file *file, const char *path, bool as_bfloat16)
{
    memset(file, 0, sizeof *file);
    file->name = path;
    file->stream = calloc(1, sizeof *file->stream);
    if (file->stream == NULL) return fail_memory(path);
    const int status = open_all(file, path, as_bfloat16);
    if (status != EXIT_DONE) logits_file_close(file);
    return status;
}

/* --- Rows ------------------------------------------------------------------------------- */

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

int logits_file_read(logits_file *file, void *rows, uint64_t count)
{
    logits_stream *const stream = file->stream;
    size_t got = 0;
    if (count > file->rows - stream->rows_read || count > SIZE_MAX / stream->row_bytes) {
        return fail(EXIT_INPUT, "%s: has %llu rows, must have %llu more", file->name,
                    (unsigned long long)file->rows, (unsigned long long)count);
    }
    const size_t wanted = (size_t)(count * stream->row_bytes);
    const int status = read_bytes(file, rows, wanted, &got);
    if (status != EXIT_DONE) return status;
    if (got < wanted) {
        const uint64_t row = stream->rows_read + got / stream->row_bytes;
        return fail(
            EXIT_INPUT,
            "%s: ends in row %llu, after %llu of its %llu bytes; must have rows 0 to %llu",
            file->name, (unsigned long long)row, (unsigned long long)(got % stream->row_bytes),
            (unsigned long long)stream->row_bytes, (unsigned long long)(file->rows - 1));
    }
    stream->rows_read += count;
    if (stream->is_swapped) swap_items(rows, wanted, logits_file_item(file));
    return EXIT_DONE;
}

int logits_file_end(logits_file *file)
{
    char byte = 0;
    size_t got = 0;
    const int status = read_bytes(file, &byte, 1, &got);
    if (status != EXIT_DONE || got == 0) return status;
    return fail(EXIT_INPUT, "%s: has more bytes than its %llu rows of %u logits", file->name,
                (unsigned long long)file->rows, file->vocab);
}
