/* bits.c - the bits of everything that the library computes: many random rows, beam searches
 * and contrastive searches through the public headers, and one line with a hash for each.
 *
 * Two builds that give the same lines compute the same; bits.sh compares them. The cases come
 * from a seed and not from the device, its speed or its threads, so that any two devices must
 * give the same lines as well. A case can be run alone, and printed in full. */
#include "bits.h"

#include "../support/device.h"
#include "../support/gen.h"
#include "../support/memory.h"
#include "../support/oracle_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

enum {
    FILLED = 0xa5 /* bytes of what was not written */
};

uint32_t bits_below(bits_case *c, uint32_t end) { return gen_below(end, &c->state); }

bool bits_one_in(bits_case *c, uint32_t n) { return bits_below(c, n) == 0; }

/* --- shapes --- */

/* A program of another team, lanes or chunk takes seconds to compile, so that they are few. */
uint32_t bits_work_items(bits_case *c, bits_variety variety)
{
    static const char *const shapes[] = {"fuse_from=1", "fuse_from=1000000",
                                         "team=1,lanes=8,chunk=128,fuse_from=1000000",
                                         "team=1,lanes=16,chunk=8"};
    static const uint32_t teams[] = {256, 8, 64, 2, 1};
    static const uint32_t team_count[] = {
        [BITS_ONE] = 0, [BITS_TWO] = 1, [BITS_FEW] = 2, [BITS_MANY] = LENGTH(teams)};
    const uint32_t shape = bits_below(c, variety == BITS_MANY ? 16 : 8);
    uint32_t team = 0;
    if (variety != BITS_ONE && bits_one_in(c, 5)) {
        team = teams[bits_below(c, team_count[variety])];
    }
    if (c->shape) {
        setenv("LMS_SHAPE", c->shape, 1);
        return 0;
    }
    if (team == 0 && shape < (variety == BITS_MANY ? LENGTH(shapes) : 2)) {
        setenv("LMS_SHAPE", shapes[shape], 1);
    } else {
        unsetenv("LMS_SHAPE");
    }
    while (team > device_work_items(c->ctx)) team /= 2;
    return team;
}

/* --- hashes --- */

static void mix(uint64_t *hash, uint64_t word)
{
    const uint64_t h = (*hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    *hash = h ^ h >> 29;
}

void bits_hash_input(bits_case *c, const void *data, size_t bytes)
{
    const unsigned char *const p = data;
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t word = 0;
        memcpy(&word, p + i, bytes - i < 8 ? bytes - i : 8);
        mix(&c->in, word);
    }
}

cl_mem bits_input(const bits_case *c, const void *data, size_t bytes)
{
    cl_int code = CL_SUCCESS;
    void *const copy = memory_zeroed(bytes, 1);
    memcpy(copy, data, bytes);
    cl_mem mem = clCreateBuffer(lms_context_cl_context(c->ctx),
                                CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes, copy, &code);
    device_require(code, "clCreateBuffer");
    free(copy);
    return mem;
}

/* --- arrays --- */

static size_t element_of(bits_type type) { return type == BITS_LONGS ? 8 : 4; }

static size_t elements_of(const bits_array *a) { return a->offset + a->count + BITS_MARGIN; }

bits_type bits_tokens(lms_token_type tokens)
{
    return tokens == LMS_INT64 ? BITS_LONGS : BITS_WORDS;
}

static bool fill(bits_array *a, const char *name, bits_type type, size_t offset, size_t count,
                 bool wanted)
{
    *a = (bits_array){name, type, offset, count, NULL, NULL};
    if (!wanted) return false;
    a->host = memory_zeroed(elements_of(a), element_of(type));
    memset(a->host, FILLED, elements_of(a) * element_of(type));
    return true;
}

void bits_array_new(bits_case *c, bits_array *a, const char *name, bits_type type,
                    size_t offset, size_t count, bool wanted)
{
    cl_int code = CL_SUCCESS;
    if (!fill(a, name, type, offset, count, wanted)) return;
    a->mem =
        clCreateBuffer(lms_context_cl_context(c->ctx), CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                       elements_of(a) * element_of(type), a->host, &code);
    device_require(code, "clCreateBuffer");
}

void bits_array_on_host(bits_array *a, const char *name, bits_type type, size_t count,
                        bool wanted)
{
    fill(a, name, type, 0, count, wanted);
}

lms_view bits_array_view(const bits_array *a, size_t first)
{
    return (lms_view){a->mem, a->mem ? a->offset + first : 0, NULL};
}

static uint64_t word_at(const bits_array *a, size_t i)
{
    uint64_t all = 0;
    uint32_t word;
    if (a->type == BITS_LONGS) {
        memcpy(&all, a->host + 8 * i, 8);
        return all;
    }
    memcpy(&word, a->host + 4 * i, 4);
    const bool nan = a->type == BITS_FLOATS && (word & 0x7fffffffu) > 0x7f800000u;
    return nan ? 0x7fc00000u : word;
}

static void print_array(const bits_array *a)
{
    const size_t elements = elements_of(a);
    for (size_t i = 0; i < elements; ++i) {
        if (i % 8 == 0) printf("\n  %s[%zu]", a->name, i);
        printf(a->type == BITS_LONGS ? " %016" PRIx64 : " %08" PRIx64, word_at(a, i));
    }
}

void bits_array_take(bits_case *c, bits_array *a)
{
    if (a->host == NULL) return;
    const size_t elements = elements_of(a);
    if (a->mem) {
        device_require(clEnqueueReadBuffer(c->queue, a->mem, CL_TRUE, 0,
                                           elements * element_of(a->type), a->host, 0, NULL,
                                           NULL),
                       "clEnqueueReadBuffer");
    }
    for (size_t i = 0; i < elements; ++i) mix(&c->out, word_at(a, i));
    if (c->full) print_array(a);
}

int64_t bits_array_int(const bits_array *a, size_t i)
{
    const uint64_t word = word_at(a, a->offset + i);
    return a->type == BITS_LONGS ? (int64_t)word : (int64_t)(int32_t)(uint32_t)word;
}

void bits_array_free(bits_array *a)
{
    if (a->mem) clReleaseMemObject(a->mem);
    free(a->host);
}

void bits_wait(cl_event event)
{
    device_require(clWaitForEvents(1, &event), "clWaitForEvents");
    clReleaseEvent(event);
}

/* --- the program --- */

typedef struct kind {
    const char *name;
    uint32_t (*run)(bits_case *c);
    uint64_t wanted;
} kind;

static kind kinds[] = {
    {"rows", bits_rows, 100000}, {"beams", bits_beams, 2000}, {"choices", bits_choices, 2000}};

typedef struct options {
    uint64_t seed;
    const char *shape;
    const char *only; /* KIND:NUMBER */
    bool full;
} options;

/* In order, and out of order. They live as long as the program: one runtime (Intel's for CPUs,
 * 2026.2) waits for itself where the last command of a queue that is released is still being
 * taken down. */
static cl_command_queue queues[2];

static void usage(void)
{
    fprintf(stderr, "usage: bits [--rows N] [--beams N] [--choices N] [--seed N] "
                    "[--shape LMS_SHAPE] [--only KIND:NUMBER] [--full]\n"
                    "LMS_TEST_DEVICE names the device.\n");
    exit(2);
}

static uint64_t number(const char *text)
{
    char *end = NULL;
    if (text == NULL) usage();
    const uint64_t value = strtoull(text, &end, 0);
    if (*text == '\0' || *end != '\0') usage();
    return value;
}

static bool read_count(const char *name, const char *value)
{
    for (size_t i = 0; i < LENGTH(kinds); ++i) {
        if (strncmp(name, "--", 2) == 0 && strcmp(name + 2, kinds[i].name) == 0) {
            kinds[i].wanted = number(value);
            return true;
        }
    }
    return false;
}

static options read_options(int argc, char **argv)
{
    options o = {1, NULL, NULL, false};
    for (int i = 1; i < argc; ++i) {
        const char *const name = argv[i], *const value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(name, "--full") == 0) {
            o.full = true;
            continue;
        }
        if (value == NULL) usage();
        if (strcmp(name, "--seed") == 0) {
            o.seed = number(value);
        } else if (strcmp(name, "--shape") == 0) {
            o.shape = value;
        } else if (strcmp(name, "--only") == 0) {
            o.only = value;
        } else if (!read_count(name, value)) {
            usage();
        }
        ++i;
    }
    return o;
}

static void make_queues(lms_context *ctx)
{
    static const cl_command_queue_properties kind_of[] = {
        0, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE};
    for (size_t i = 0; i < LENGTH(queues); ++i) {
        cl_int code = CL_SUCCESS;
        queues[i] = clCreateCommandQueue(lms_context_cl_context(ctx), lms_context_device(ctx),
                                         kind_of[i], &code);
        device_require(code, "clCreateCommandQueue");
    }
}

static uint32_t run_case(lms_context *ctx, const options *o, size_t k, uint64_t index)
{
    bits_case c = {.ctx = ctx, .shape = o->shape, .full = o->full};
    c.state = lms_row_seed(o->seed ^ (uint64_t)k << 56, index);
    c.queue = queues[bits_one_in(&c, 4)];
    printf("%s:%" PRIu64, kinds[k].name, index);
    const uint32_t count = kinds[k].run(&c);
    printf("%s in %016" PRIx64 " out %016" PRIx64 "\n", o->full ? "\n" : "", c.in, c.out);
    fflush(stdout);
    return count;
}

static void run_one(lms_context *ctx, const options *o)
{
    const size_t length = strcspn(o->only, ":");
    for (size_t k = 0; k < LENGTH(kinds); ++k) {
        if (strlen(kinds[k].name) != length || strncmp(o->only, kinds[k].name, length) != 0 ||
            o->only[length] != ':') {
            continue;
        }
        run_case(ctx, o, k, number(o->only + length + 1));
        return;
    }
    usage();
}

int main(int argc, char **argv)
{
    const options o = read_options(argc, argv);
    lms_context *const ctx = device_open();
    make_queues(ctx);
    if (o.only) {
        run_one(ctx, &o);
    } else {
        for (size_t k = 0; k < LENGTH(kinds); ++k) {
            uint64_t done = 0;
            for (uint64_t i = 0; done < kinds[k].wanted; ++i) done += run_case(ctx, &o, k, i);
        }
    }
    for (size_t i = 0; i < LENGTH(queues); ++i) clReleaseCommandQueue(queues[i]);
    lms_context_destroy(ctx);
    return EXIT_SUCCESS;
}
