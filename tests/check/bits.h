/* bits.h - what the parts of the program bits share: a case's random numbers, its hash, and
 * arrays on the device that are filled with a pattern before a call and hashed after it. */
#ifndef LMSAMPLE_TESTS_BITS_H
#define LMSAMPLE_TESTS_BITS_H

#include "lmsample.h"

#include <stdbool.h>

#define BITS_MARGIN 3u /* elements behind an array, which no call may write */

/* One case: all that is random in it comes from `state`. */
typedef struct bits_case {
    lms_context *ctx;
    cl_command_queue queue;
    const char *shape; /* LMS_SHAPE of the whole run, or NULL: each case has its own */
    bool full;         /* print every element, not only the hash of all */
    uint64_t state;
    uint64_t in;  /* hash of the inputs: where it differs, the cases are not the same ones */
    uint64_t out; /* hash of the outputs */
} bits_case;

/* A number in [0, end); a chance of one in n. */
uint32_t bits_below(bits_case *c, uint32_t end);
bool bits_one_in(bits_case *c, uint32_t n);

/* How many shapes of the kernels a kind of case has. */
typedef enum bits_variety {
    BITS_ONE,
    BITS_TWO,
    BITS_FEW,
    BITS_MANY
} bits_variety;

/* A shape for the case: sets LMS_SHAPE, and returns the work_items to ask for. */
uint32_t bits_work_items(bits_case *c, bits_variety variety);

/* Inputs: a buffer with some bytes, and their hash, which no record of parameters is part of:
 * their layout may change. */
cl_mem bits_input(const bits_case *c, const void *data, size_t bytes);
void bits_hash_input(bits_case *c, const void *data, size_t bytes);

typedef enum bits_type {
    BITS_WORDS,  /* of 4 bytes */
    BITS_FLOATS, /* ... of which every NaN is the same one */
    BITS_LONGS   /* of 8 bytes */
} bits_type;

typedef struct bits_array {
    const char *name;
    bits_type type;
    size_t offset, count; /* `count` elements from `offset` on, a margin behind them */
    cl_mem mem;           /* NULL: on the host alone */
    unsigned char *host;  /* all of it; what the device has after bits_array_take() */
} bits_array;

/* Filled with a pattern. `wanted` false: neither buffer nor memory, and taking it does nothing.
 * On the host: memory alone. */
void bits_array_new(bits_case *c, bits_array *a, const char *name, bits_type type,
                    size_t offset, size_t count, bool wanted);
void bits_array_on_host(bits_array *a, const char *name, bits_type type, size_t count,
                        bool wanted);
bits_type bits_tokens(lms_token_type tokens);
lms_view bits_array_view(const bits_array *a, size_t first);
/* Reads it back and adds all of it to the hash of the outputs. */
void bits_array_take(bits_case *c, bits_array *a);
/* An element of what was read, of any integer type. */
int64_t bits_array_int(const bits_array *a, size_t i);
void bits_array_free(bits_array *a);

/* Waits, and releases the event. */
void bits_wait(cl_event event);

/* Cases. Each prints what it is, without a newline, and returns how many rows, requests or
 * choices it had. */
uint32_t bits_rows(bits_case *c);
uint32_t bits_beams(bits_case *c);
uint32_t bits_choices(bits_case *c);

/* What such a search is for, but for reserved words. */
void bits_some_search(bits_case *c, lms_contrastive_desc *d);

#endif
