/* request_check.h - do a row's fields, the files and the vocabulary fit each other? */
#ifndef CLI_REQUEST_CHECK_H
#define CLI_REQUEST_CHECK_H

#include "params_file.h"
#include "sample_options.h"

/* What any row asks for. */
typedef struct request_summary {
    bool has_any; /* beside outputs */
    bool has_dry;
    uint32_t top; /* most best tokens */
} request_summary;

/* Prints what does not fit and returns an exit status. */
int request_check(const sample_options *options, const params_file *params, uint32_t vocab,
                  request_summary *out);

#endif
