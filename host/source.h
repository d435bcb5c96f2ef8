/* source.h - the embedded kernel files, and which of them make a program. */
#ifndef LMSI_SOURCE_H
#define LMSI_SOURCE_H

#include <stddef.h>

typedef struct lmsi_source {
    const char *label;
    const char *text; /* NUL-terminated */
    size_t size;
} lmsi_source;

/* The programs: what they are for. */
typedef enum lmsi_kind {
    LMSI_SAMPLE,
    LMSI_SAMPLE_AND_REPORT,
    LMSI_BEAM,
    LMSI_PROPOSE, /* contrastive search: candidates from logits, ... */
    LMSI_CONTEXT  /* ... and the choice from hidden states */
} lmsi_kind;

/* The files of a program, in order. Returns how many; `files` has room for
 * LMSI_MAX_SOURCES. */
#define LMSI_MAX_SOURCES 40
size_t lmsi_sources(lmsi_kind kind, const lmsi_source **files);

#endif
