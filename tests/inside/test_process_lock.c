/* A child that is forked while a thread is at its first use of OpenCL: it gets that thread's
 * lock, and not the thread. From the lock on, children must be told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static int lock_and_fork(pthread_mutex_t *lock);

#define pthread_mutex_lock lock_and_fork
#include "base/process.c"
#undef pthread_mutex_lock

static int answer;

lms_status lmsi_fail(lms_status status, const char *format, ...)
{
    (void)format;
    return status;
}

static int lock_and_fork(pthread_mutex_t *lock)
{
    const int code = pthread_mutex_lock(lock);
    const pid_t pid = fork();
    if (pid == 0) _exit(lmsi_child_check() == LMS_E_FORKED ? 0 : 1);
    if (waitpid(pid, &answer, 0) != pid) answer = -1;
    return code;
}

static void test_fork_behind_the_lock(void **state)
{
    (void)state;
    answer = -1;
    assert_int_equal(lmsi_runtime_enter(), LMS_OK);
    lmsi_runtime_leave();
    assert_int_equal(answer, 0);
    assert_false(lmsi_is_child());
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fork_behind_the_lock)};
    return cmocka_run_group_tests_name("process_lock", tests, NULL, NULL);
}
