/* machine.h - what the host says of itself. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include "lmsample.h"

#include <stddef.h>

unsigned machine_cores(void);
/* Of the last minute; 0 if it is not known. */
double machine_load(void);
size_t machine_memory_bytes(void);
/* What may still be allocated. */
size_t machine_available_bytes(void);
/* Of the last level. */
size_t machine_cache_bytes(void);
size_t device_cache_bytes(cl_device_id device);
void machine_cpu(char *out, size_t size);
void machine_system(char *out, size_t size);

#endif
