/* Allocations, and memory of the host that OpenCL gives. */
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

static const char *mapped;
static size_t mapped_size;

int hook_is_mapped(const void *at)
{
    const char *const byte = at;
    return mapped != NULL && byte >= mapped && byte < mapped + mapped_size;
}

#define MAP                                                                                    \
    (cl_command_queue a, cl_mem b, cl_bool c, cl_map_flags d, size_t e, size_t size,           \
     cl_uint f, const cl_event *g, cl_event *h, cl_int *code)
void *__real_clEnqueueMapBuffer MAP;
void *__wrap_clEnqueueMapBuffer MAP;
void *__wrap_clEnqueueMapBuffer MAP
{
    *code = hook_enter("clEnqueueMapBuffer");
    if (*code != CL_SUCCESS) return NULL;
    void *const at = __real_clEnqueueMapBuffer(a, b, c, d, e, size, f, g, h, code);
    mapped = at;
    mapped_size = size;
    hook_change_live(at != NULL);
    return at;
}

#define UNMAP (cl_command_queue a, cl_mem b, void *c, cl_uint d, const cl_event *e, cl_event *f)
cl_int __real_clEnqueueUnmapMemObject UNMAP;
cl_int __wrap_clEnqueueUnmapMemObject UNMAP;
cl_int __wrap_clEnqueueUnmapMemObject UNMAP
{
    (void)hook_enter("clEnqueueUnmapMemObject");
    if (c == mapped) mapped = NULL;
    hook_change_live(-1);
    return __real_clEnqueueUnmapMemObject(a, b, c, d, e, f);
}
