/* Samplers with a cache folder: programs come from it, or are built as if it were not there. */
#include "cache_rig.h"
#include "hooks.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct made {
    unsigned from_source, from_binary;
    int32_t token;
} made;

/* A context of its own, a sampler, a token. */
static made make_and_sample(void)
{
    const lms_sampler_desc desc = {.vocab = 100, .max_rows = 1, .logits = LMS_FLOAT32};
    const float logits[100] = {1.0f, 2.0f};
    const lms_row_params p = LMS_ROW_PARAMS_INIT;
    lms_context *ctx = NULL;
    lms_sampler *sampler = NULL;
    made m = {0, 0, -9};
    const lms_sample_host_args batch = {
        .rows = 1, .logits = logits, .params = &p, .tokens = &m.token};
    hook_reset();
    RIG_OK(lms_context_open(NULL, &ctx));
    RIG_OK(lms_sampler_create(ctx, &desc, &sampler));
    RIG_OK(lms_sample_host(sampler, &batch));
    lms_sampler_destroy(sampler);
    lms_context_destroy(ctx);
    m.from_source = hook_count("clCreateProgramWithSource");
    m.from_binary = hook_count("clCreateProgramWithBinary");
    return m;
}

static void assert_made(unsigned from_source, unsigned from_binary)
{
    const made m = make_and_sample();
    assert_int_equal(m.from_source, from_source);
    assert_int_equal(m.from_binary, from_binary);
    assert_in_range(m.token, 0, 99);
}

static void test_contexts_share_the_entry(void **state)
{
    cache_folder *const f = *state;
    const made first = make_and_sample();
    cache_look(f);
    assert_int_equal(f->files, 1);
    const made second = make_and_sample();
    assert_int_equal(first.from_source, 1);
    assert_int_equal(first.from_binary, 0);
    assert_int_equal(second.from_source, 0);
    assert_int_equal(second.from_binary, 1);
    assert_int_equal(first.token, second.token);
    setenv("LMS_CACHE_DIR", "", 1); /* no cache */
    assert_made(1, 0);
}

static void test_damage_never_reaches_the_driver(void **state)
{
    enum {
        PLACES = 12
    };
    cache_folder *const f = *state;
    size_t size = 0;
    assert_made(1, 0);
    cache_look(f);
    unsigned char *const bytes = cache_read_file(f->entry, &size);
    for (size_t i = 0; i < PLACES; ++i) {
        const size_t at = i < 6 ? i * 13 : (size - 1) - (size - 80) / PLACES * (i - 6);
        cache_write_file(f->entry, bytes, at);
        assert_made(1, 0);
        bytes[at] ^= 0x10;
        cache_write_file(f->entry, bytes, size);
        bytes[at] ^= 0x10;
        assert_made(1, 0);
        assert_made(0, 1); /* it was written anew */
    }
    free(bytes);
}

/* An entry of another driver, device or vendor is not this one's. */
static void test_another_device_rebuilds(void **state)
{
    static const char text[] = "another one", version[] = "OpenCL 1.2 another";
    static const cl_uint vendor = 0x1234567;
    const struct {
        cl_device_info what;
        size_t size;
        const void *value;
    } answers[] = {{CL_DRIVER_VERSION, sizeof text, text},
                   {CL_DEVICE_NAME, sizeof text, text},
                   {CL_DEVICE_VERSION, sizeof version, version},
                   {CL_DEVICE_VENDOR_ID, sizeof vendor, &vendor}};
    const lms_sampler_desc desc = {.vocab = 100, .max_rows = 1, .logits = LMS_FLOAT32};
    (void)state;
    assert_made(1, 0);
    assert_made(0, 1);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; ++i) {
        lms_context *ctx = NULL;
        lms_sampler *sampler = NULL;
        hook_reset();
        hook_answer(NULL, answers[i].what, answers[i].size, answers[i].value);
        RIG_OK(lms_context_open(NULL, &ctx));
        RIG_OK(lms_sampler_create(ctx, &desc, &sampler));
        assert_int_equal(hook_count("clCreateProgramWithBinary"), 0);
        assert_int_equal(hook_count("clCreateProgramWithSource"), 1);
        lms_sampler_destroy(sampler);
        lms_context_destroy(ctx);
    }
    assert_made(0, 1);
}

/* A good entry that the driver does not take is built again. */
static void test_a_refused_binary_is_rebuilt(void **state)
{
    static const char *const calls[] = {"clCreateProgramWithBinary", "clBuildProgram"};
    (void)state;
    assert_made(1, 0);
    for (int i = 0; i < 2; ++i) {
        const lms_sampler_desc desc = {.vocab = 100, .max_rows = 1, .logits = LMS_FLOAT32};
        lms_context *ctx = NULL;
        lms_sampler *sampler = NULL;
        const long live = hook_live();
        hook_reset();
        hook_fail(calls[i], 1, CL_INVALID_BINARY);
        RIG_OK(lms_context_open(NULL, &ctx));
        RIG_OK(lms_sampler_create(ctx, &desc, &sampler));
        assert_true(hook_failed());
        assert_int_equal(hook_count("clCreateProgramWithSource"), 1);
        lms_sampler_destroy(sampler);
        lms_context_destroy(ctx);
        assert_int_equal(hook_live(), live);
    }
}

/* The cache is a help: whatever of it fails, the sampler is made. */
static void test_failures_of_the_cache_cost_nothing_else(void **state)
{
    static const char *const calls[] = {"clGetProgramInfo", "malloc", "calloc"};
    cache_folder *const f = *state;
    for (size_t c = 0; c < 3; ++c) {
        for (unsigned nth = 1; nth < 30; ++nth) {
            const lms_sampler_desc desc = {.vocab = 100, .max_rows = 1, .logits = LMS_FLOAT32};
            lms_context *ctx = NULL;
            lms_sampler *sampler = NULL;
            const long live = hook_live();
            cache_look(f);
            if (f->files && nth % 2) remove(f->entry);
            RIG_OK(lms_context_open(NULL, &ctx));
            hook_reset();
            hook_fail(calls[c], nth, CL_OUT_OF_HOST_MEMORY);
            const lms_status status = lms_sampler_create(ctx, &desc, &sampler);
            if (c == 0)
                assert_int_equal(status, LMS_OK);
            else
                assert_true(status == LMS_OK || status == LMS_E_MEMORY);
            hook_reset();
            lms_sampler_destroy(sampler);
            lms_context_destroy(ctx);
            assert_int_equal(hook_live(), live);
        }
    }
    cache_look(f);
    assert_int_equal(f->others, 0);
}

/* Processes at once on one folder. */
static void test_processes_race(void **state)
{
    enum {
        PROCESSES = 4
    };
    cache_folder *const f = *state;
    pid_t pids[PROCESSES];
    fflush(NULL);
    for (int i = 0; i < PROCESSES; ++i) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            execl("/proc/self/exe", "test", "race", (char *)NULL);
            _exit(126);
        }
    }
    for (int i = 0; i < PROCESSES; ++i) {
        int status = 0;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    cache_look(f);
    assert_int_equal(f->others, 0);
    assert_int_equal(f->files, 1);
    assert_made(0, 1);
}

/* One of them: takes the entry away at times. */
static int race(void)
{
    cache_folder f;
    memset(&f, 0, sizeof f);
    snprintf(f.path, sizeof f.path, "%s", getenv("LMS_CACHE_DIR"));
    for (int i = 0; i < 10; ++i) {
        const made m = make_and_sample();
        if (m.token < 0 || m.token > 99 || m.from_source + m.from_binary != 1) return 1;
        cache_look(&f);
        if (i < 9 && i % 3 == 0 && f.files > 0) remove(f.entry);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CACHE_ENTRY(test_another_device_rebuilds),
        CACHE_ENTRY(test_contexts_share_the_entry),
        CACHE_ENTRY(test_damage_never_reaches_the_driver),
        CACHE_ENTRY(test_a_refused_binary_is_rebuilt),
        CACHE_ENTRY(test_failures_of_the_cache_cost_nothing_else),
        CACHE_ENTRY(test_processes_race),
    };
    umask(022);
    if (argc > 1 && strcmp(argv[1], "race") == 0) return race();
    return cmocka_run_group_tests_name("programs in the cache", tests, NULL, NULL);
}
