/* sample_rows.h - samples a file of rows, batch by batch. */
#ifndef CLI_SAMPLE_ROWS_H
#define CLI_SAMPLE_ROWS_H

#include "logits_file.h"
#include "params_file.h"
#include "sample_options.h"
#include "sample_requests.h"
#include "sample_results.h"

typedef struct sample_summary {
    uint64_t rows_empty;
    uint64_t first_empty;
} sample_summary;

/* Reads all rows and writes all results. Prints what is wrong and returns an exit status. */
int sample_rows(const sample_options *options, lms_context *context, logits_file *logits,
                const params_file *params, sample_requests *requests, sample_results *results,
                sample_summary *summary);

#endif
