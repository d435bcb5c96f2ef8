#include "faults.h"

#include "hooks.h"

#include <string.h>

bool is_release(const char *name) { return strncmp(name, "clRelease", 9) == 0; }

bool is_allocation(const char *name)
{
    return strcmp(name, "malloc") == 0 || strcmp(name, "calloc") == 0 ||
           strcmp(name, "realloc") == 0;
}

bool is_after_enqueues(const char *name)
{
    return strcmp(name, "clRetainEvent") == 0 || strcmp(name, "clFlush") == 0;
}

bool says(const char *part) { return strstr(lms_error_message(), part) != NULL; }

void count_calls(unsigned *calls)
{
    for (unsigned f = 0; hook_name(f) != NULL; ++f) calls[f] = hook_count(hook_name(f));
}

bool is_right(const char *name, lms_status status)
{
    if (is_release(name) || is_after_enqueues(name) || strcmp(name, "clWaitForEvents") == 0) {
        return status == LMS_OK;
    }
    if (is_allocation(name)) return status == LMS_E_MEMORY && says("out of memory");
    return status == INJECTED && says(name);
}
