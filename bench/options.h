/* options.h - the command line of the benchmark. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "cases.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct options {
    selection selected;
    const char *device;
    const char *model;
    const char *rows_file; /* NULL: no rows of a real model */
    const char *json;
    const char *csv;
    unsigned repeats; /* 0: as many as suit */
    uint32_t work_items;
    size_t rotate_mib;   /* 0: four times the last-level cache */
    double case_seconds; /* 0: as long as suits */
    bool read_on_device;
    bool huge_pages;
    bool cpu_time;
    bool extras; /* starts and lines with a subset too */
    bool list;
    const char *start_of; /* internal: a child that measures its own start */
} options;

/* Ends the program where there is nothing to do. */
void parse_options(int argc, char **argv, options *out);

#endif
