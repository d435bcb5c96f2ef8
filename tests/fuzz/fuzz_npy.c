/* fuzz_npy.c - any bytes as a .npy file: as a header, as a file and as a stream. */
#define _GNU_SOURCE /* memfd_create */
#include "fuzz.h"
#include "logits_file.h"
#include "message.h"
#include "npy.h"

#include <ctype.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    MOST_BYTES = 1 << 16, /* what a pipe holds */
    ROWS_AT_ONCE = 3
};

static void check_reason(const char *error, size_t size)
{
    const size_t length = strlen(error);
    FUZZ_CHECK(length > 0 && length + 1 < size);
    for (size_t i = 0; i < length; i++) FUZZ_CHECK(isprint((unsigned char)error[i]));
}

/* What is parsed can be written, and is parsed to the same. */
static void check_round_trip(const npy_header *header)
{
    npy_header again;
    unsigned char bytes[4096];
    char error[200], type[32];
    const unsigned count = header->item_bytes / (header->kind == 'U' ? 4 : 1);
    snprintf(type, sizeof type, "%c%c%u", header->big_endian ? '>' : '<', header->kind, count);
    const size_t size =
        npy_format(type, header->dimensions, header->shape, bytes, sizeof bytes);
    FUZZ_CHECK(size > 0 && size % 64 == 0 && bytes[size - 1] == '\n');
    FUZZ_CHECK(npy_format(type, header->dimensions, header->shape, bytes, size - 1) == 0);
    FUZZ_CHECK(npy_header_bytes(bytes, NPY_PREFIX_BYTES, error, sizeof error) == size);
    FUZZ_CHECK(npy_parse(bytes, size, &again, error, sizeof error));
    FUZZ_CHECK(again.kind == header->kind && again.item_bytes == header->item_bytes);
    FUZZ_CHECK(again.big_endian == header->big_endian && !again.fortran_order);
    FUZZ_CHECK(again.dimensions == header->dimensions);
    for (unsigned i = 0; i < again.dimensions; i++) {
        FUZZ_CHECK(again.shape[i] == header->shape[i]);
    }
}

/* Returns the bytes of a good header, or 0. */
static size_t check_header(const uint8_t *data, size_t size)
{
    npy_header header;
    char error[200] = "", small[8];
    const size_t bytes = npy_header_bytes(data, size, error, sizeof error);
    if (bytes == 0) check_reason(error, sizeof error);
    FUZZ_CHECK(bytes <= NPY_MAX_HEADER_BYTES);
    const bool is_good = npy_parse(data, size, &header, error, sizeof error);
    FUZZ_CHECK(npy_parse(data, size, &header, small, sizeof small) == is_good);
    if (!is_good) {
        check_reason(error, sizeof error);
        return 0;
    }
    FUZZ_CHECK(bytes > 0 && bytes <= size);
    FUZZ_CHECK(header.dimensions <= NPY_MAX_DIMENSIONS && header.item_bytes > 0);
    check_round_trip(&header);
    return bytes;
}

/* All rows, which must be the bytes behind the header. */
static int read_rows(logits_file *file, const uint8_t *data, size_t size)
{
    const size_t row = file->vocab * logits_file_item(file);
    unsigned char *const rows = malloc(ROWS_AT_ONCE * row);
    int status = EXIT_DONE;
    FUZZ_CHECK(rows != NULL && file->vocab >= 1 && file->vocab <= LMS_MAX_VOCAB);
    for (uint64_t done = 0; done < file->rows && status == EXIT_DONE;) {
        const uint64_t left = file->rows - done;
        const uint64_t count = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
        status = logits_file_read(file, rows, count);
        if (status != EXIT_DONE) break;
        FUZZ_CHECK((done + count) * row <= size);
        const uint8_t *const expected = data + done * row;
        const size_t item = logits_file_item(file);
        const bool is_swapped = memcmp(rows, expected, (size_t)count * row) != 0;
        for (size_t i = 0; i < count * row && is_swapped; i++) {
            FUZZ_CHECK(rows[i] == expected[i / item * item + item - 1 - i % item]);
        }
        done += count;
    }
    if (status == EXIT_DONE) status = logits_file_end(file);
    free(rows);
    return status;
}

static int read_file(const char *path, const uint8_t *data, size_t size, bool as_bfloat16)
{
    logits_file file;
    npy_header header;
    char error[200];
    fuzz_lines = 0;
    int status = logits_file_open(&file, path, as_bfloat16);
    if (status == EXIT_DONE) {
        const size_t begin = npy_header_bytes(data, size, error, sizeof error);
        FUZZ_CHECK(begin > 0 && npy_parse(data, size, &header, error, sizeof error));
        FUZZ_CHECK(header.item_bytes == logits_file_item(&file));
        status = read_rows(&file, data + begin, size - begin);
    }
    logits_file_close(&file);
    FUZZ_CHECK(status == EXIT_DONE || status == EXIT_INPUT);
    FUZZ_CHECK(fuzz_lines == (status == EXIT_DONE ? 0 : 1));
    if (status != EXIT_DONE) check_reason(fuzz_line, sizeof fuzz_line);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int ends[2];
    if (size > MOST_BYTES) return -1;
    check_header(data, size);
    for (int as_bfloat16 = 0; as_bfloat16 < 2; as_bfloat16++) {
        const int memory = memfd_create("fuzz", MFD_CLOEXEC);
        FUZZ_CHECK(memory >= 0 && write(memory, data, size) == (ssize_t)size);
        snprintf(path, sizeof path, "/proc/self/fd/%d", memory);
        const int of_file = read_file(path, data, size, as_bfloat16 != 0);
        close(memory);
        FUZZ_CHECK(pipe(ends) == 0 && write(ends[1], data, size) == (ssize_t)size);
        FUZZ_CHECK(dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        /* A stream tells late what a file tells at once. */
        FUZZ_CHECK(read_file("-", data, size, as_bfloat16 != 0) == of_file);
    }
    return 0;
}
