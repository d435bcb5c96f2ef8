#include "rows_file.h"

#include "cli/npy.h"
#include "lmsample.h"
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void map(rows_file *f, const char *name)
{
    struct stat info;
    const int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &info) != 0) fail("--rows-file: %s: %s", name, strerror(errno));
    if (!S_ISREG(info.st_mode) || info.st_size == 0)
        fail("--rows-file: %s: is no file, or is empty", name);
    f->bytes = (size_t)info.st_size;
    f->map = mmap(NULL, f->bytes, PROT_READ, MAP_PRIVATE, file, 0);
    if (f->map == MAP_FAILED) fail("--rows-file: %s: %s", name, strerror(errno));
    close(file);
}

/* Where the logits begin. */
static size_t read_header(rows_file *f, const char *name)
{
    char why[256] = "";
    npy_header header;
    const size_t begin = npy_header_bytes(f->map, f->bytes, why, sizeof why);
    if (begin == 0 || begin > f->bytes || !npy_parse(f->map, begin, &header, why, sizeof why))
        fail("--rows-file: %s: %s", name, why[0] != '\0' ? why : "ends within its header");
    if (header.kind != 'f' || header.item_bytes != sizeof(float) || header.big_endian ||
        header.fortran_order || header.dimensions != 2)
        fail("--rows-file: %s: must be rows of float32, in C order", name);
    if (header.shape[0] < 1 || header.shape[1] < 1 || header.shape[1] > LMS_MAX_VOCAB)
        fail("--rows-file: %s: must have rows of 1 to %u logits", name, LMS_MAX_VOCAB);
    f->vocab = (uint32_t)header.shape[1];
    f->rows = (f->bytes - begin) / sizeof(float) / f->vocab;
    if (f->rows != header.shape[0] || f->bytes - begin != f->rows * f->vocab * sizeof(float))
        fail("--rows-file: %s: is not as long as its header says", name);
    return begin;
}

void rows_file_open(rows_file *f, const char *name)
{
    memset(f, 0, sizeof *f);
    if (name == NULL) return;
    map(f, name);
    const size_t begin = read_header(f, name);
    /* The header is a multiple of 64 bytes in all files that NumPy has written since 1.14. */
    if (begin % sizeof(float) != 0) fail("--rows-file: %s: its logits are not aligned", name);
    f->logits = (const float *)(const void *)((const char *)f->map + begin);
    for (size_t i = 0; i < f->rows * f->vocab; ++i) {
        if (!isfinite(f->logits[i]))
            fail("--rows-file: %s: row %zu has a logit that is not finite", name, i / f->vocab);
    }
}

void rows_file_close(rows_file *f)
{
    if (f->map != NULL) munmap(f->map, f->bytes);
    memset(f, 0, sizeof *f);
}
