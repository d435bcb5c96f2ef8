/* fields.h - what is written of a result, in JSON and in CSV: names and values in their
 * order. */
#ifndef BENCH_FIELDS_H
#define BENCH_FIELDS_H

#include "options.h"
#include "results.h"

typedef enum field_type {
    FIELD_TEXT,
    FIELD_WHOLE,
    FIELD_REAL,
    FIELD_BOOL
} field_type;

typedef struct field {
    const char *name;
    field_type type;
    const char *text;
    double number;
} field;

enum {
    FIELDS_MOST = 40
};

typedef struct fields {
    field list[FIELDS_MOST];
    unsigned count;
} fields;

void fields_of_case(fields *f, const result *r);
void fields_of_beam(fields *f, const beam_result *r);
void fields_of_contrast(fields *f, const contrastive_result *r);
void fields_of_request(fields *f, const request_result *r);
void fields_of_serving(fields *f, const serve_result *r);
void fields_of_part(fields *f, const beam_part *p);
void fields_of_heavy(fields *f, const heavy *h);

/* The names of what was measured, also where nothing was. */
void fields_of_heading(fields *f, const selection *s);

#endif
