/* read.h - the limit that a sampler is measured against: reading the logits once, in plain C,
 * on as many standing threads as the device has compute units. */
#ifndef BENCH_READ_H
#define BENCH_READ_H

#include "crew.h"

#include <stddef.h>

/* Reads `bytes` with all threads, and waits for them. */
void plain_read(crew *all, const void *data, size_t bytes);

#endif
