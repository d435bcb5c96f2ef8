/* params_file.h - the parameters of rows, each its own, from a .json or .csv file.
 *
 * JSON: an array with an object for each row, or one object for all rows. CSV: a line with the
 * names of the fields, then a line for each row. The fields are those of sampling_fields, and
 * of request_fields where the command knows requests; what a row does not give (CSV: an empty
 * cell) is as on the command line. */
#ifndef CLI_PARAMS_FILE_H
#define CLI_PARAMS_FILE_H

#include "request_fields.h"

#include <lmsample.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct params_record {
    lms_row_params params;
    row_request request;
    bool has_seed; /* of its own, not the command line's */
} params_record;

typedef struct params_file {
    uint64_t rows; /* of the file; one stands for all rows there are */
    params_record *records;
} params_file;

/* Reads and checks the whole file. Prints what is wrong (file, row, field, value, rule) and
 * returns an exit status; *out can be freed after a failure too. `requests`: what a row asks
 * for that does not say; NULL: the command knows none. */
int params_file_load(const char *path, const lms_row_params *defaults,
                     const row_request *requests, params_file *out);

/* The same without a file: one record for all rows. */
int params_file_single(const lms_row_params *defaults, const row_request *requests,
                       params_file *out);

/* What the row asks for. */
const row_request *params_file_request(const params_file *file, uint64_t row);

/* What row `row` is sampled with. Its seed is that of its record if the record is the row's
 * alone and has one of its own; else lms_row_seed() of the seed for all rows and the row. */
lms_row_params params_file_row(const params_file *file, uint64_t row);

/* Does any row draw with a seed that no record has? */
bool params_file_needs_seed(const params_file *file);

/* Accepts one of zeros. */
void params_file_free(params_file *file);

#endif
