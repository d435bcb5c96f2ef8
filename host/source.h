/* source.h - the embedded kernel files, and which of them make a program. */
#ifndef LMSI_SOURCE_H
#define LMSI_SOURCE_H

#include <stddef.h>

typedef struct lmsi_source {
    const char *label;
    const char *text; /* NUL-terminated */
    size_t size;
} lmsi_source;

/* The files of the sampling program, in order, without report.cl unless wanted. Returns how
 * many; `files` has room for LMSI_MAX_SOURCES. */
#define LMSI_MAX_SOURCES 32
size_t lmsi_sources(int with_report, const lmsi_source **files);

#endif
