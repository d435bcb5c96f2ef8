/* The device that the tests run on: LMS_TEST_DEVICE names it, or else the library picks one. */
#ifndef LMSAMPLE_TESTS_DEVICE_H
#define LMSAMPLE_TESTS_DEVICE_H

#include "lmsample.h"

#define DEVICE_SKIPPED 77 /* exit status, for ctest */

/* Opens it, or ends the program with a message: without a device no test can say anything. */
lms_context *device_open(void);

/* The most work-items of a group on the context's device. */
size_t device_work_items(const lms_context *ctx);

/* Ends the program with a message unless the code is 0. */
void device_require(int32_t code, const char *what);

#endif
