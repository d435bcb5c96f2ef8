/* context.h - lms_context from the inside. */
#ifndef LMSI_CONTEXT_H
#define LMSI_CONTEXT_H

#include "lmsample.h"
#include "base/pointers.h"
#include "base/source.h"

#include <pthread.h>

/* What the library needs to know of a device. */
typedef struct lmsi_device {
    cl_device_type type;
    cl_uint vendor;
    cl_uint units;
    cl_uint native_floats; /* in a vector register, as the runtime says */
    size_t max_work_items; /* per work-group */
    cl_ulong local_bytes;
    cl_ulong memory_bytes; /* all of its memory */
    cl_ulong max_alloc_bytes;
    cl_bool unified; /* shares memory with the host */
    char platform[128];
    char name[128];
    char driver[128];
    char version[128];
} lmsi_device;

/* What a program is built for. */
typedef struct lmsi_variant {
    lmsi_kind kind;
    lms_dtype elements; /* logits, or hidden states */
    lms_token_type tokens;
    uint32_t team;  /* work-items that share a row */
    uint32_t lanes; /* tokens in a vector */
} lmsi_variant;

typedef struct lmsi_program {
    struct lmsi_program *next;
    lmsi_variant variant;
    cl_program program;
} lmsi_program;

struct lms_context {
    uint64_t serial; /* of all in the process, from 1 */
    cl_context context;
    cl_device_id id;
    cl_command_queue queue;
    lmsi_set_pointer set_pointer; /* NULL: the device takes no pointers */
    lmsi_device device;
    pthread_mutex_t lock; /* guards programs */
    lmsi_program *programs;
    char *cache_dir; /* NULL: no cache of our own */
};

/* Is it that device, or a sub-device of it, or of one of its? */
int lmsi_device_is_of(cl_device_id device, cl_device_id whole);

lms_status lmsi_device_query(cl_device_id id, lmsi_device *out);

/* The device that `wanted` names, as lms_context_open has it. Between lmsi_runtime_enter() and
 * lmsi_runtime_leave(). */
lms_status lmsi_device_pick(const char *wanted, cl_device_id *out);

#endif
