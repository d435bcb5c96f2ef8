/* abi.h - prints what the public headers say. */
#ifndef LMS_TEST_ABI_H
#define LMS_TEST_ABI_H

#include <lmsample.h>
#include <stdio.h>

#define SIZE(type) printf("sizeof %s %zu\n", #type, sizeof(type))
#define FIELD(type, field) printf("%s %s %zu\n", #type, #field, offsetof(type, field))
#define VALUE(name) printf("value %s %lld\n", #name, (long long)(name))

/* Records and constants of searches. */
void abi_searches(void);

#endif
