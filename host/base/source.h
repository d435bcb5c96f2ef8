/* source.h - the embedded kernel files, and the programs that are made of them. */
#ifndef LMSI_SOURCE_H
#define LMSI_SOURCE_H

#include <stddef.h>

typedef struct lmsi_source {
    const char *name; /* as in an #include: "numeric/philox.cl" */
    const char *text; /* NUL-terminated */
    size_t size;
} lmsi_source;

/* The programs: what they are for. */
typedef enum lmsi_kind {
    LMSI_SAMPLE,
    LMSI_SAMPLE_AND_REPORT,
    LMSI_SAMPLE_REQUESTS, /* rows have requests */
    LMSI_PREPARE,         /* what is prepared for those, ... */
    LMSI_PREPARE_SEARCH,  /* ... and for rows of searches */
    LMSI_BEAM,
    LMSI_BEAM_REQUESTS,
    LMSI_PROPOSE, /* contrastive search: candidates from logits, ... */
    LMSI_PROPOSE_REQUESTS,
    LMSI_CONTEXT, /* ... and the choice from hidden states */
    LMSI_SLOTS    /* what is known of sequences */
} lmsi_kind;

/* A program's text, which the caller frees: `prelude`, then the program's file with the files
 * that it includes in their places, each of them once. A #line before every part lets a
 * compiler's message name file and line. NULL: out of memory. */
char *lmsi_source_join(const char *prelude, lmsi_kind kind);

#endif
