/* tune_print.h - what `lmsample tune` has found, for people and for programs. */
#ifndef CLI_TUNE_PRINT_H
#define CLI_TUNE_PRINT_H

#include "output.h"
#include "tune_search.h"

enum {
    TUNE_TYPES = 2 /* float32, and 16 bits */
};

/* The name of a type in the tuning file. */
const char *tune_type_name(lms_dtype type);

void tune_print_result(output *out, const tune_result *result);

/* The shapes in use; `path`: the tuning file, or NULL if there cannot be one. */
int tune_print_shapes(output *out, const tune_result results[TUNE_TYPES], const char *path,
                      bool as_json);

/* `stored`: the file, or NULL. */
int tune_print_json(output *out, const tune_result results[TUNE_TYPES], const char *stored);

#endif
