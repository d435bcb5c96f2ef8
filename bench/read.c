#include "read.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct worker {
    bench_reader *reader;
    unsigned id;
    pthread_t thread;
    uint32_t result; /* keeps the reads from being optimised away */
} worker;

struct bench_reader {
    pthread_barrier_t start;
    pthread_barrier_t end;
    const uint32_t *data;
    size_t words;
    unsigned threads;
    int stop;
    worker *workers;
};

/* A sum over 64 lanes: enough independent chains to be limited by loads alone. */
static uint32_t read_words(const uint32_t *data, size_t words)
{
    uint32_t lanes[64] = {0};
    uint32_t sum = 0;
    for (size_t i = 0; i + 64 <= words; i += 64) {
        for (size_t j = 0; j < 64; ++j) lanes[j] += data[i + j];
    }
    for (size_t j = 0; j < 64; ++j) sum += lanes[j];
    return sum;
}

static void *work(void *argument)
{
    worker *const self = argument;
    bench_reader *const reader = self->reader;
    for (;;) {
        pthread_barrier_wait(&reader->start);
        if (reader->stop) return NULL;
        const size_t share = reader->words / reader->threads & ~(size_t)63;
        const size_t first = self->id * share;
        const size_t count = self->id + 1 == reader->threads ? reader->words - first : share;
        self->result ^= read_words(reader->data + first, count);
        pthread_barrier_wait(&reader->end);
    }
}

bench_reader *bench_reader_create(unsigned threads)
{
    bench_reader *const reader = calloc(1, sizeof *reader);
    if (reader == NULL) return NULL;
    reader->threads = threads;
    reader->workers = calloc(threads, sizeof *reader->workers);
    if (reader->workers == NULL) {
        free(reader);
        return NULL;
    }
    pthread_barrier_init(&reader->start, NULL, threads + 1);
    pthread_barrier_init(&reader->end, NULL, threads + 1);
    for (unsigned i = 0; i < threads; ++i) {
        reader->workers[i].reader = reader;
        reader->workers[i].id = i;
        if (pthread_create(&reader->workers[i].thread, NULL, work, &reader->workers[i]) != 0)
            abort();
    }
    return reader;
}

void bench_reader_destroy(bench_reader *reader)
{
    if (reader == NULL) return;
    reader->stop = 1;
    pthread_barrier_wait(&reader->start);
    for (unsigned i = 0; i < reader->threads; ++i)
        pthread_join(reader->workers[i].thread, NULL);
    pthread_barrier_destroy(&reader->start);
    pthread_barrier_destroy(&reader->end);
    free(reader->workers);
    free(reader);
}

void bench_read(bench_reader *reader, const void *data, size_t bytes)
{
    reader->data = data;
    reader->words = bytes / sizeof(uint32_t);
    pthread_barrier_wait(&reader->start);
    pthread_barrier_wait(&reader->end);
}
