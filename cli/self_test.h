/* self_test.h - does a device give the right tokens? */
#ifndef CLI_SELF_TEST_H
#define CLI_SELF_TEST_H

#include <lmsample.h>

enum {
    SELF_TEST_TYPES = 3,
    SELF_TEST_ROWS = 8
};

typedef struct self_test {
    const char *type;      /* of the logits: "float32", ... */
    double start_seconds;  /* until it could sample: the kernels and the library's own test */
    double again_seconds;  /* the same once more, with the kernels from a cache */
    double sample_seconds; /* for the rows, the second time */
    char problem[256];     /* "": every row is right */
} self_test;

/* Samples a few rows whose tokens are known, once for each type of logits. */
void self_test_run(const lms_device *device, self_test results[SELF_TEST_TYPES]);

#endif
