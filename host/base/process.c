/* process.c - the lock around a first use of OpenCL, and what children of fork() are told. */
#include "base/process.h"

#include "base/status.h"

#include <pthread.h>
#include <stdatomic.h>

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_code;
static atomic_int is_used, is_child;

static void mark_child(void) { atomic_store(&is_child, atomic_load(&is_used)); }

static void watch_forks(void) { once_code = pthread_atfork(NULL, NULL, mark_child); }

int lmsi_is_child(void) { return atomic_load_explicit(&is_child, memory_order_relaxed); }

lms_status lmsi_child_check(void)
{
    if (!lmsi_is_child()) return LMS_OK;
    return lmsi_fail(LMS_E_FORKED,
                     "OpenCL was used before this process was forked, and does not work in a "
                     "child: fork before its first use, or exec (Python's multiprocessing: "
                     "\"spawn\" or \"forkserver\")");
}

lms_status lmsi_runtime_enter(void)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_child_check());
    pthread_once(&once, watch_forks);
    LMSI_FAIL_IF(once_code != 0, LMS_E_MEMORY, "out of memory for a handler of fork()");
    /* Before the lock, which a child may get without the thread that has it; and a runtime may
     * have begun before it fails. */
    atomic_store(&is_used, 1);
    pthread_mutex_lock(&opening);
fail:
    return status;
}

void lmsi_runtime_leave(void) { pthread_mutex_unlock(&opening); }
