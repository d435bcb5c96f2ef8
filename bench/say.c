#include "say.h"

#include "lmsample.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_ON_TERMINAL 0.1
#define SECONDS_ELSEWHERE 10.0

static bool has_line;
static volatile sig_atomic_t stopped;

void fail(const char *format, ...)
{
    va_list arguments;
    progress_clear();
    fputs("bench: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

void expect(int32_t status, const char *what)
{
    if (status == 0) return;
    const char *const message = lms_error_message();
    fail("%s: %s", what, *message != '\0' ? message : lms_status_text(status));
}

static clockid_t used_clock = CLOCK_MONOTONIC;

void count_cpu_time(void) { used_clock = CLOCK_PROCESS_CPUTIME_ID; }

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double now(void) { return seconds_of(used_clock); }

moment moment_now(void)
{
    return (moment){seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
}

void progress(const char *format, ...)
{
    static double last;
    const bool is_terminal = isatty(STDERR_FILENO);
    const double time = now();
    char line[80];
    va_list arguments;
    if (last > 0 && time - last < (is_terminal ? SECONDS_ON_TERMINAL : SECONDS_ELSEWHERE))
        return;
    last = time;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (is_terminal) {
        fprintf(stderr, "\r%-79s", line);
        has_line = true;
    } else {
        fprintf(stderr, "%s\n", line);
    }
    fflush(stderr);
}

void progress_clear(void)
{
    if (has_line) fprintf(stderr, "\r%79s\r", "");
    has_line = false;
}

static void on_interrupt(int number)
{
    (void)number;
    stopped = 1;
}

void stop_on_interrupt(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    action.sa_flags = (int)(SA_RESETHAND | SA_RESTART);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool is_stopped(void) { return stopped != 0; }
