/* Allocations. */
#include "hooks_inside.h"

#include <stddef.h>

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    void *const memory = hook_enter("malloc") ? NULL : __real_malloc(size);
    hook_change_live(memory != NULL);
    return memory;
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    void *const memory = hook_enter("calloc") ? NULL : __real_calloc(count, size);
    hook_change_live(memory != NULL);
    return memory;
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    void *const moved = hook_enter("realloc") ? NULL : __real_realloc(memory, size);
    hook_change_live(memory == NULL && moved != NULL);
    return moved;
}

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    hook_change_live(-(memory != NULL));
    __real_free(memory);
}
