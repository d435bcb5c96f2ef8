/* What samplers and searches take of a device's memory: said before any of it is taken, and no
 * more than the rows under way need. */
#include "calls/beam_object.h"
#include "calls/contrastive_object.h"
#include "hooks.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* An object of any kind, made and unmade again. */
typedef struct maker {
    const char *asked; /* in the message of one that does not fit */
    lms_status (*make)(lms_context *ctx, size_t *bytes);
} maker;

static lms_status make_sampler(lms_context *ctx, size_t *bytes)
{
    const lms_sampler_desc desc = rig_desc();
    lms_sampler *sampler = NULL;
    const lms_status status = lms_sampler_create(ctx, &desc, &sampler);
    assert_true((status == LMS_OK) == (sampler != NULL));
    *bytes = lms_sampler_workspace(sampler);
    lms_sampler_destroy(sampler);
    return status;
}

static lms_status make_beam(lms_context *ctx, size_t *bytes)
{
    const lms_beam_desc desc = beam_desc();
    lms_beam *beam = NULL;
    const lms_status status = lms_beam_create(ctx, &desc, &beam);
    assert_true((status == LMS_OK) == (beam != NULL));
    *bytes = lms_beam_workspace(beam);
    lms_beam_destroy(beam);
    return status;
}

static lms_status make_contrastive(lms_context *ctx, size_t *bytes)
{
    const lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *search = NULL;
    const lms_status status = lms_contrastive_create(ctx, &desc, &search);
    assert_true((status == LMS_OK) == (search != NULL));
    *bytes = lms_contrastive_workspace(search);
    lms_contrastive_destroy(search);
    return status;
}

static const maker makers[] = {
    {"max_rows: 6 rows of 300 logits need ", make_sampler},
    {"max_requests: 3 requests of 4 beams (at most 11 in a step) of at most 8 tokens ",
     make_beam},
    {"max_requests: 4 requests of 5 candidates (at most 14 in a step) and 256 positions of 100 "
     "elements (at most 70 in a context) need ",
     make_contrastive},
};

static lms_context *open_with(cl_device_info what, const cl_ulong *bytes)
{
    lms_context *ctx = NULL;
    hook_reset();
    hook_answer(NULL, what, sizeof *bytes, bytes);
    RIG_OK(lms_context_open(NULL, &ctx));
    hook_reset();
    return ctx;
}

/* A device that has just enough takes it; with a byte less it is refused, with both numbers,
 * before anything is built or allocated. */
static void test_the_sum_is_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; ++i) {
        const cl_ulong plenty = (cl_ulong)1 << 40;
        lms_context *ctx = open_with(CL_DEVICE_GLOBAL_MEM_SIZE, &plenty);
        size_t needed = 0, unused = 0;
        char sum[100];
        RIG_OK(makers[i].make(ctx, &needed));
        assert_true(needed > 1000);
        lms_context_destroy(ctx);
        const cl_ulong memory = needed, less = needed - 1;
        ctx = open_with(CL_DEVICE_GLOBAL_MEM_SIZE, &memory);
        RIG_OK(makers[i].make(ctx, &unused));
        lms_context_destroy(ctx);
        ctx = open_with(CL_DEVICE_GLOBAL_MEM_SIZE, &less);
        const long live = hook_live();
        snprintf(sum, sizeof sum, "need %zu bytes in all; the device has %zu", needed,
                 needed - 1);
        RIG_FAILS(LMS_E_BUFFER_SIZE, makers[i].make(ctx, &unused), makers[i].asked, sum);
        assert_int_equal(hook_count("clCreateBuffer"), 0);
        assert_int_equal(hook_count("clCreateProgramWithSource"), 0);
        assert_int_equal(hook_count("clCreateProgramWithBinary"), 0);
        assert_int_equal(hook_live(), live);
        lms_context_destroy(ctx);
    }
}

/* So is each buffer. (Contrastive search has buffers of pages, as large as may be.) */
static void test_the_largest_buffer_is_checked(void **state)
{
    const cl_ulong small = 100;
    (void)state;
    for (size_t i = 0; i < 2; ++i) {
        lms_context *const ctx = open_with(CL_DEVICE_MAX_MEM_ALLOC_SIZE, &small);
        size_t unused = 0;
        RIG_FAILS(LMS_E_BUFFER_SIZE, makers[i].make(ctx, &unused), makers[i].asked,
                  " bytes for group maxima; the device allocates at most 100");
        assert_int_equal(hook_count("clCreateBuffer"), 0);
        lms_context_destroy(ctx);
    }
}

static uint32_t units_of(const lms_context *ctx)
{
    cl_uint units = 0;
    clGetDeviceInfo(lms_context_device(ctx), CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units,
                    NULL);
    return units;
}

/* A row in the workspace: maxima of 501 tiles and their groups, sums, flags, the list. */
static void test_many_rows_share_places(void **state)
{
    enum {
        ROWS = 4096,
        VOCAB = 128256,
        PLACE = 501 * (8 * 4 + 4 + 8) + 16 * 4 + 2048 * 16,
        ROW = 40 + sizeof(lms_row_params) + 4
    };
    rig *const r = *state;
    lms_sampler_desc desc = {.vocab = VOCAB, .max_rows = ROWS, .logits = LMS_FLOAT32};
    for (uint32_t bits = 0; bits < 4; ++bits) {
        lms_sampler *sampler = NULL;
        char shape[80];
        const uint32_t from = bits & 1 ? 60 : 5000;
        const uint32_t runs = 8 * units_of(r->ctx), apart = from > ROWS ? ROWS : from - 1;
        const uint32_t most = runs > apart ? runs : apart;
        snprintf(shape, sizeof shape, "team=1,chunk=32,fuse_from=%u", (unsigned)from);
        setenv("LMS_SHAPE", shape, 1);
        desc.outputs = bits & 2 ? RIG_ALL_OUTPUTS : 0;
        RIG_OK(lms_sampler_create(r->ctx, &desc, &sampler));
        assert_int_equal(lms_sampler_workspace(sampler),
                         (size_t)(most < ROWS ? most : ROWS) * PLACE + (size_t)ROWS * ROW);
        lms_sampler_destroy(sampler);
    }
    setenv("LMS_SHAPE", "fuse_from=1000000", 1); /* the rig's */
}

/* Where each buffer is small enough, and all of them are far more than there is: 550 GB. */
static void test_contexts_beyond_the_memory(void **state)
{
    static const uint64_t positions[] = {0, 1 << 25, (uint64_t)1 << 28, UINT64_MAX};
    const cl_ulong memory = (cl_ulong)23 << 30, largest = (cl_ulong)6 << 30;
    lms_context *const ctx = open_with(CL_DEVICE_GLOBAL_MEM_SIZE, &memory);
    (void)state;
    for (size_t i = 0; i < sizeof positions / sizeof positions[0]; ++i) {
        const lms_contrastive_desc desc = {.vocab = 128256,
                                           .width = 4096,
                                           .max_requests = 1024,
                                           .max_k = 5,
                                           .max_length = 32768,
                                           .max_positions = positions[i],
                                           .max_buffer_bytes = largest,
                                           .logits = LMS_FLOAT16,
                                           .hidden = LMS_FLOAT32};
        lms_contrastive *search = NULL;
        const long live = hook_live();
        hook_reset();
        RIG_FAILS(LMS_E_BUFFER_SIZE, lms_contrastive_create(ctx, &desc, &search),
                  "max_requests: 1024 requests of 5 candidates (at most 5120 in a step) and "
                  "33554432 positions of 4096 elements (at most 32768 in a context) need 5501",
                  "bytes in all; the device has 24696061952");
        assert_null(search);
        assert_int_equal(hook_count("clCreateBuffer"), 0);
        assert_int_equal(hook_live(), live);
    }
    lms_context_destroy(ctx);
}

static long resident_bytes(void)
{
    long pages = -1;
    FILE *const file = fopen("/proc/self/statm", "r");
    if (file == NULL) return -1;
    if (fscanf(file, "%*s %ld", &pages) != 1) pages = -1;
    fclose(file);
    return pages < 0 ? -1 : pages * sysconf(_SC_PAGESIZE);
}

/* Contexts of 2 GB are reserved, and nothing of them is touched before they are there but the
 * 8 bytes that are known of each page, 4 MB. */
static void test_reserved_memory_is_not_touched(void **state)
{
    const rig *const r = *state;
    lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *search = NULL;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* they touch what is allocated */
#endif
    RIG_OK(lms_contrastive_create(r->ctx, &desc, &search)); /* builds */
    lms_contrastive_destroy(search);
    const long before = resident_bytes();
    desc.width = 64;
    desc.hidden = LMS_FLOAT16;
    desc.max_positions = (uint64_t)1 << 24;
    desc.max_buffer_bytes = (uint64_t)1 << 28;
    desc.max_length = 1 << 20;
    desc.max_requests = 16;
    desc.max_rows = 0;
    /* Not every device has as much. */
    if (lms_contrastive_create(r->ctx, &desc, &search) != LMS_OK || before < 0) skip();
    const long grown = resident_bytes() - before;
    lms_contrastive_destroy(search);
    assert_in_range(grown, 0, 40 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sum_is_checked),
        cmocka_unit_test(test_the_largest_buffer_is_checked),
        cmocka_unit_test(test_many_rows_share_places),
        cmocka_unit_test(test_contexts_beyond_the_memory),
        cmocka_unit_test(test_reserved_memory_is_not_touched),
    };
    return cmocka_run_group_tests_name("memory", tests, rig_setup, rig_teardown);
}
