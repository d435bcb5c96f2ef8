/* numeric/tell.cl - what a probe tells of a record: its size, and where its last field is. The
 * host has the same two of its own layout. */
#pragma once

#define LMS_TELL(type, field)                                                                  \
    {                                                                                          \
        type r;                                                                                \
        const ulong at = (ulong)((__private char *)&r.field - (__private char *)&r);           \
        results[n++] = (ulong)sizeof(type) << 32 | at;                                         \
    }
