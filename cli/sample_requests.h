/* sample_requests.h - what the rows of `lmsample sample` ask for: read from files, checked, and
 * given to the library batch by batch. Functions print what is wrong and return an exit
 * status. */
#ifndef CLI_SAMPLE_REQUESTS_H
#define CLI_SAMPLE_REQUESTS_H

#include "logits_file.h"
#include "params_file.h"
#include "sample_options.h"

enum {
    REQUEST_ROWS = 1024 /* of a batch, at most, where rows ask for something */
};

typedef struct sample_requests sample_requests;

/* Reads all files but the unconditional logits. *out is NULL after a failure. */
int sample_requests_open(const sample_options *options, const logits_file *logits,
                         const params_file *params, sample_requests **out);

/* Accepts NULL. Behind the sampler. */
void sample_requests_free(sample_requests *requests);

/* Does any row ask for anything that is not an output of all? */
bool sample_requests_any(const sample_requests *requests);

/* Logits have as many rows behind them, for guidance. */
bool sample_requests_guide(const sample_requests *requests);

/* The most best tokens of a row, 0: none are wanted. */
uint32_t sample_requests_top(const sample_requests *requests);

/* What the sampler has to be made for, in batches of `rows`. Makes slots. */
int sample_requests_describe(sample_requests *requests, lms_context *context, size_t rows,
                             lms_sampler_desc *desc);

/* The next `count` rows. With guidance, logits[count] and on get the rows to go away from. */
int sample_requests_begin(sample_requests *requests, lms_context *context, uint64_t first_row,
                          size_t count, char *logits);

/* What row `row` of the batch asks for becomes a part of its parameters. */
void sample_requests_row(const sample_requests *requests, size_t row, lms_row_params *params);

/* Of the batch; NULL where nothing is asked for. */
const lms_tables *sample_requests_tables(const sample_requests *requests);

/* The batch is done. */
int sample_requests_end(sample_requests *requests);

#endif
