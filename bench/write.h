/* write.h - results as a table for people, as JSON and as CSV. */
#ifndef BENCH_WRITE_H
#define BENCH_WRITE_H

#include "options.h"
#include "results.h"
#include "stage.h"

#include <stdio.h>

/* What the files say besides the results. */
typedef struct heading {
    const options *o;
    const stage *on;
    int argc;
    char **argv;
} heading;

void table_begin(const heading *h);
/* What follows comes behind the summary, which table_end() prints first. */
void table_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The cases from `from` on, which are of one setting. */
void table_setting(const results *all, size_t from);
/* The same of beam search, and of contrastive search. */
void table_beams(const results *all, size_t from);
void table_contrasts(const results *all, size_t from);
void table_requests(const results *all, size_t from);
void table_serving(const serve_result *r);
void table_end(const results *all);

/* Both close the file. */
void write_json(FILE *file, const heading *h, const results *all);
void write_csv(FILE *file, const heading *h, const results *all);

/* Opens a file to write to, before anything is measured. NULL for NULL. */
FILE *open_to_write(const char *name);
bool is_same_file(FILE *a, FILE *b);

#endif
