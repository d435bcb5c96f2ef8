#include "memory.h"

#include <stdio.h>
#include <stdlib.h>

void *memory_zeroed(size_t count, size_t size)
{
    void *const p = calloc(count ? count : 1, size);
    if (p) return p;
    fprintf(stderr, "no memory for %zu elements of %zu bytes\n", count, size);
    exit(EXIT_FAILURE);
}
