#include "crew.h"

#include "say.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct crew {
    pthread_barrier_t start;
    pthread_barrier_t end;
    void (*work)(void *job, size_t part);
    void *job;
    size_t parts;
    atomic_size_t next;
    bool is_over;
    unsigned size;
    pthread_t threads[];
};

static void *stand(void *argument)
{
    crew *const all = argument;
    for (;;) {
        pthread_barrier_wait(&all->start);
        if (all->is_over) return NULL;
        for (size_t part; (part = atomic_fetch_add(&all->next, 1)) < all->parts;) {
            all->work(all->job, part);
        }
        pthread_barrier_wait(&all->end);
    }
}

crew *crew_create(unsigned threads)
{
    crew *const all = calloc(1, sizeof *all + threads * sizeof all->threads[0]);
    if (all == NULL || pthread_barrier_init(&all->start, NULL, threads + 1) != 0 ||
        pthread_barrier_init(&all->end, NULL, threads + 1) != 0) {
        fail("out of memory for %u threads", threads);
    }
    all->size = threads;
    for (unsigned i = 0; i < threads; ++i) {
        if (pthread_create(&all->threads[i], NULL, stand, all) != 0)
            fail("thread %u of %u cannot be started", i + 1, threads);
    }
    return all;
}

void crew_destroy(crew *all)
{
    if (all == NULL) return;
    all->is_over = true;
    pthread_barrier_wait(&all->start);
    for (unsigned i = 0; i < all->size; ++i) pthread_join(all->threads[i], NULL);
    pthread_barrier_destroy(&all->start);
    pthread_barrier_destroy(&all->end);
    free(all);
}

unsigned crew_size(const crew *all) { return all->size; }

void crew_run(crew *all, void (*work)(void *job, size_t part), void *job, size_t parts)
{
    all->work = work;
    all->job = job;
    all->parts = parts;
    atomic_store(&all->next, 0);
    pthread_barrier_wait(&all->start);
    pthread_barrier_wait(&all->end);
}
