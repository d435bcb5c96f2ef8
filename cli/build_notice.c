#include "build_notice.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define MOMENT_NS 500000000

static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_running;
    bool is_over;
} notice = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

static void *wait_and_tell(void *unused)
{
    struct timespec until;
    int code = 0;
    bool is_shown = false;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += MOMENT_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&notice.lock);
    while (!notice.is_over && code != ETIMEDOUT) {
        code = pthread_cond_timedwait(&notice.ended, &notice.lock, &until);
    }
    if (!notice.is_over) {
        is_shown = true;
        fputs("\r\033[Kcompiling kernels for this device, which happens once ...", stderr);
    }
    while (!notice.is_over) pthread_cond_wait(&notice.ended, &notice.lock);
    if (is_shown) fputs("\r\033[K", stderr);
    pthread_mutex_unlock(&notice.lock);
    return unused;
}

void build_notice_begin(void)
{
    if (!isatty(STDERR_FILENO)) return;
    notice.is_over = false;
    notice.is_running = pthread_create(&notice.thread, NULL, wait_and_tell, NULL) == 0;
}

void build_notice_end(void)
{
    if (!notice.is_running) return;
    pthread_mutex_lock(&notice.lock);
    notice.is_over = true;
    pthread_cond_signal(&notice.ended);
    pthread_mutex_unlock(&notice.lock);
    pthread_join(notice.thread, NULL);
    notice.is_running = false;
}
