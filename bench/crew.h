/* crew.h - standing threads that share a piece of work. */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include <stddef.h>

typedef struct crew crew;

/* Fails the program if there are no threads to be had. */
crew *crew_create(unsigned threads);
void crew_destroy(crew *all);
unsigned crew_size(const crew *all);

/* Calls work(job, part) once for each part, in the order in which threads come free, and
 * waits. */
void crew_run(crew *all, void (*work)(void *job, size_t part), void *job, size_t parts);

#endif
