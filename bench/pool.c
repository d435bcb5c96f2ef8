#include "pool.h"

#include "oracle.h"
#include "say.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

const char *dtype_name(lms_dtype dtype)
{
    return dtype == LMS_FLOAT32 ? "float32" : dtype == LMS_FLOAT16 ? "float16" : "bfloat16";
}

size_t dtype_size(lms_dtype dtype) { return dtype == LMS_FLOAT32 ? 4 : 2; }

/* To the nearest, ties to even; x is finite. */
static uint16_t to_bfloat16(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}

/* The same. What is below the smallest normal number becomes 0, what is above the largest
 * becomes that. */
static uint16_t to_float16(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    const uint32_t sign = u >> 16 & 0x8000u, magnitude = u & 0x7fffffffu;
    if (magnitude < 0x38800000u) return (uint16_t)sign;
    const uint32_t half = (magnitude + 0xfffu + (magnitude >> 13 & 1u) - 0x38000000u) >> 13;
    return (uint16_t)(sign | (half > 0x7bffu ? 0x7bffu : half));
}

typedef struct filling {
    pool *p;
    char *base; /* rows that all are made of, as stored */
    size_t base_rows;
    const float *floats;
} filling;

static void store_row(void *job, size_t part)
{
    const filling *const f = job;
    const float *const from = f->floats + part * f->p->vocab;
    char *const to = f->base + part * f->p->row_bytes;
    if (f->p->dtype == LMS_FLOAT32) {
        memcpy(to, from, f->p->row_bytes);
        return;
    }
    for (uint32_t i = 0; i < f->p->vocab; ++i) {
        const uint16_t x =
            f->p->dtype == LMS_FLOAT16 ? to_float16(from[i]) : to_bfloat16(from[i]);
        memcpy(to + i * sizeof x, &x, sizeof x);
    }
}

/* A row is one of the base rows with its tokens rotated. */
static void fill_row(void *job, size_t row)
{
    const filling *const f = job;
    const size_t row_bytes = f->p->row_bytes;
    const char *const from = f->base + row % f->base_rows * row_bytes;
    char *const to = f->p->memory + row * row_bytes;
    uint64_t state = row / f->base_rows;
    const size_t by =
        state == 0 ? 0 : (size_t)(random_next(&state) % f->p->vocab) * dtype_size(f->p->dtype);
    memcpy(to, from + by, row_bytes - by);
    memcpy(to + row_bytes - by, from, by);
}

static void map(pool *p, size_t bytes, bool huge_pages)
{
    if (p->bytes >= bytes) return;
    pool_free(p);
    bytes = (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    void *const memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) fail("out of memory for %zu MiB of logits", bytes >> 20);
    madvise(memory, bytes, huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    p->memory = memory;
    p->bytes = bytes;
}

/* All rows, from a few that are made or are in a file. */
static void make_rows(pool *p, crew *all, const pool_wish *wish)
{
    const bool is_real = wish->shape == SHAPE_REAL;
    filling f = {p, NULL, BASE_ROWS, NULL};
    float *made = NULL;
    if (is_real) f.base_rows = wish->real->rows < p->rows ? wish->real->rows : p->rows;
    f.base = malloc(f.base_rows * p->row_bytes);
    if (!is_real) made = malloc(f.base_rows * wish->vocab * sizeof *made);
    if (f.base == NULL || (!is_real && made == NULL)) fail("out of memory for logits");
    if (!is_real) shape_rows(all, wish->shape, wish->model, made, f.base_rows, wish->vocab);
    f.floats = is_real ? wish->real->logits : made;
    crew_run(all, store_row, &f, f.base_rows);
    crew_run(all, fill_row, &f, p->rows);
    free(made);
    free(f.base);
}

void pool_fill(pool *p, crew *all, const pool_wish *wish)
{
    const size_t row_bytes = wish->vocab * dtype_size(wish->dtype);
    const size_t bytes = wish->bytes < wish->memory_most ? wish->bytes : wish->memory_most;
    size_t rows = (bytes + row_bytes - 1) / row_bytes;
    if (rows < wish->least_rows) rows = wish->least_rows;
    if (p->memory != NULL && p->shape == wish->shape && p->vocab == wish->vocab &&
        p->dtype == wish->dtype && p->rows >= rows) {
        return;
    }
    progress("making %zu MiB of %s logits, %u %s a row ...", rows * row_bytes >> 20,
             shape_name(wish->shape), wish->vocab, dtype_name(wish->dtype));
    map(p, rows * row_bytes, wish->huge_pages);
    p->shape = wish->shape;
    p->vocab = wish->vocab;
    p->dtype = wish->dtype;
    p->row_bytes = row_bytes;
    p->rows = rows;
    make_rows(p, all, wish);
}

void pool_free(pool *p)
{
    if (p->memory != NULL) munmap(p->memory, p->bytes);
    memset(p, 0, sizeof *p);
}

void pool_row(const pool *p, size_t row, float *out)
{
    const char *const from = p->memory + row * p->row_bytes;
    if (p->dtype == LMS_FLOAT32) {
        memcpy(out, from, p->row_bytes);
        return;
    }
    for (uint32_t i = 0; i < p->vocab; ++i) {
        uint16_t x;
        memcpy(&x, from + i * sizeof x, sizeof x);
        out[i] = p->dtype == LMS_FLOAT16 ? oracle_from_half(x) : oracle_from_bfloat16(x);
    }
}

pool pool_as(const pool *p, uint32_t vocab)
{
    pool other = *p;
    other.vocab = vocab;
    other.row_bytes = vocab * dtype_size(p->dtype);
    other.rows = p->rows * p->row_bytes / other.row_bytes;
    return other;
}
