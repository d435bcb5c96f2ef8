/* Memory for tests. */
#ifndef LMSAMPLE_TESTS_MEMORY_H
#define LMSAMPLE_TESTS_MEMORY_H

#include <stddef.h>

/* All zeros; also for 0 elements. Ends the program with a message if there is none. */
void *memory_zeroed(size_t count, size_t size);

#endif
