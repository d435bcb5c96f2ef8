/* read.h - the limit that a sampler is measured against: reading the logits once, in plain C,
 * on as many standing threads as the device has compute units. */
#ifndef BENCH_READ_H
#define BENCH_READ_H

#include <stddef.h>

typedef struct bench_reader bench_reader;

/* NULL if threads cannot be had. */
bench_reader *bench_reader_create(unsigned threads);
void bench_reader_destroy(bench_reader *reader);

/* Reads `bytes` (a multiple of 64) with all threads, and waits for them. */
void bench_read(bench_reader *reader, const void *data, size_t bytes);

#endif
