/* say.h - errors, which end the program, and progress on stderr. */
#ifndef BENCH_SAY_H
#define BENCH_SAY_H

#include <stdbool.h>
#include <stdint.h>

/* One line, and exit status 1. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Fails with the library's message if `status`, an lms_status or an OpenCL code, is not 0. */
void expect(int32_t status, const char *what);

/* Seconds of a clock that only goes forward. */
double now(void);

/* From now on of the clock of the CPU time of all threads. */
void count_cpu_time(void);

/* Both clocks at once, whichever of them now() shows. */
typedef struct moment {
    double wall;
    double cpu;
} moment;

moment moment_now(void);

/* What is being done: on a terminal one line that is written over, elsewhere a line now and
 * then. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Takes the line of progress off the terminal, before something else is written there. */
void progress_clear(void);

/* Ctrl-C asks for an end; a second one ends at once. */
void stop_on_interrupt(void);
bool is_stopped(void);

#endif
