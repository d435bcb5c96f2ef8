/* Which shape is taken: work_items, LMS_SHAPE, the tuning file, the table, the facts, in this
 * order. A tuning file that is not exactly what would be written for the device is as none. */
#include "hooks.h"
#include "rig.h"

#include "cache_rig.h"
#include "base/context.h"
#include "op/choice.h"
#include "op/tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHAPE(team, lanes, chunk, fuse_from)                                                   \
    (lmsi_shape) { team, lanes, chunk, fuse_from }

enum {
    LONG = 65537 /* a row that fuse_from is about */
};

/* A device that only a test has: nothing here looks at more than its facts. */
static lms_context cpu(void)
{
    lms_context ctx;
    memset(&ctx, 0, sizeof ctx);
    ctx.device.type = CL_DEVICE_TYPE_CPU;
    ctx.device.units = 6;
    ctx.device.native_floats = 16;
    ctx.device.max_work_items = 4096;
    strcpy(ctx.device.platform, "A platform");
    strcpy(ctx.device.name, "A device, 100% odd\nand float32 team=1,lanes=8,chunk=8");
    strcpy(ctx.device.driver, "1.0");
    strcpy(ctx.device.version, "OpenCL 1.2");
    return ctx;
}

static lms_context gpu(size_t most)
{
    lms_context ctx = cpu();
    ctx.device.type = CL_DEVICE_TYPE_GPU;
    ctx.device.native_floats = 1;
    ctx.device.max_work_items = most;
    return ctx;
}

static void assert_shape(const lms_context *ctx, lms_dtype logits, uint32_t work_items,
                         const char *origin, lmsi_shape expected)
{
    char text[LMSI_SHAPE_BYTES], wanted[LMSI_SHAPE_BYTES];
    lmsi_shape shape;
    const char *found = NULL;
    RIG_OK(lmsi_shape_for(ctx, logits, LONG, work_items, &shape, &found));
    lmsi_shape_print(&shape, text);
    lmsi_shape_print(&expected, wanted);
    assert_string_equal(text, wanted);
    assert_non_null(strstr(found, origin));
}

static size_t store(const lms_context *ctx, lmsi_tuning tuning, char path[LMSI_TUNING_PATH],
                    char text[LMSI_TUNING_BYTES])
{
    assert_int_equal(lmsi_tuning_path(ctx, path), 1);
    lmsi_tuning_print(ctx, &tuning, text);
    cache_write_file(path, text, strlen(text));
    return strlen(text);
}

static const lmsi_tuning good = {{1, 8, 64, 5}, {1, 16, 128, UINT32_MAX}};

/* --- The order --------------------------------------------------------------------------- */

static void test_facts(void **state)
{
    lms_context ctx = cpu();
    (void)state;
    assert_shape(&ctx, LMS_FLOAT32, 0, "facts", SHAPE(1, 16, 32, 24));
    assert_shape(&ctx, LMS_FLOAT32, 4, "asked", SHAPE(4, 8, 32, 24));
    ctx.device.native_floats = 8;
    assert_shape(&ctx, LMS_FLOAT16, 0, "facts", SHAPE(1, 8, 32, 24));
    ctx = gpu(1024);
    assert_shape(&ctx, LMS_FLOAT32, 0, "facts", SHAPE(256, 8, 128, 24));
    ctx = gpu(100);
    assert_shape(&ctx, LMS_FLOAT32, 0, "facts", SHAPE(64, 8, 128, 24));
}

static void test_table(void **state)
{
    lms_context ctx = cpu();
    lmsi_tuning tuning;
    (void)state;
    assert_int_equal(lmsi_tuning_known(&ctx.device, &tuning), 0);
    strcpy(ctx.device.platform, "Portable Computing Language");
    strcpy(ctx.device.name, "pthread-skylake-avx512-Some(R) Processor");
    assert_int_equal(lmsi_tuning_known(&ctx.device, &tuning), 0);
    ctx.device.vendor = 0x8086;
    assert_int_equal(lmsi_tuning_known(&ctx.device, &tuning), 1);
    assert_int_equal(tuning.float32.fuse_from % ctx.device.units, 0);
    assert_shape(&ctx, LMS_FLOAT32, 0, "table", tuning.float32);
    assert_shape(&ctx, LMS_BFLOAT16, 0, "table", tuning.bits16);
    assert_shape(&ctx, LMS_FLOAT32, 16, "asked", SHAPE(16, 8, 32, 24)); /* not its lanes */
    ctx.device.units = UINT32_MAX;
    assert_int_equal(lmsi_tuning_known(&ctx.device, &tuning), 1);
    assert_true(tuning.float32.fuse_from == UINT32_MAX);
    ctx.device.units = 6;
    ctx.device.type = CL_DEVICE_TYPE_GPU;
    assert_int_equal(lmsi_tuning_known(&ctx.device, &tuning), 0);
}

static void test_file(void **state)
{
    char path[LMSI_TUNING_PATH], text[LMSI_TUNING_BYTES];
    lms_context ctx = cpu();
    (void)state;
    store(&ctx, good, path, text);
    assert_shape(&ctx, LMS_FLOAT32, 0, "file", good.float32);
    assert_shape(&ctx, LMS_FLOAT16, 0, "file", good.bits16);
    assert_shape(&ctx, LMS_BFLOAT16, 0, "file", good.bits16);
    /* measured for a team of one */
    assert_shape(&ctx, LMS_FLOAT32, 1, "asked", good.float32);
    assert_shape(&ctx, LMS_FLOAT32, 8, "asked", SHAPE(8, 8, 32, 24));
    /* before the table */
    strcpy(ctx.device.platform, "Portable Computing Language");
    strcpy(ctx.device.name, "skylake-avx512");
    ctx.device.vendor = 0x8086;
    store(&ctx, good, path, text);
    assert_shape(&ctx, LMS_FLOAT32, 0, "file", good.float32);
    remove(path);
    assert_shape(&ctx, LMS_FLOAT32, 0, "table", SHAPE(1, 16, 32, 24));
}

static void test_short_rows(void **state)
{
    char path[LMSI_TUNING_PATH], text[LMSI_TUNING_BYTES];
    const lms_context ctx = cpu();
    lmsi_shape shape;
    (void)state;
    store(&ctx, good, path, text);
    RIG_OK(lmsi_shape_for(&ctx, LMS_FLOAT32, LONG - 1, 0, &shape, NULL));
    assert_int_equal(shape.chunk, good.float32.chunk);
    assert_int_equal(shape.fuse_from, 1);
    setenv("LMS_SHAPE", "fuse_from=9", 1);
    RIG_OK(lmsi_shape_for(&ctx, LMS_FLOAT32, 1, 0, &shape, NULL));
    assert_int_equal(shape.fuse_from, 9);
}

static void test_environment(void **state)
{
    char path[LMSI_TUNING_PATH], text[LMSI_TUNING_BYTES];
    const lms_context ctx = cpu(), small = gpu(64);
    (void)state;
    store(&ctx, good, path, text);
    setenv("LMS_SHAPE", "fuse_from=4294967295,chunk=1024,lanes=16,team=256", 1);
    assert_shape(&ctx, LMS_FLOAT32, 0, "asked", SHAPE(256, 16, 1024, UINT32_MAX));
    assert_shape(&ctx, LMS_FLOAT32, 2, "asked", SHAPE(2, 16, 1024, UINT32_MAX));
    setenv("LMS_SHAPE", "chunk=8", 1);
    assert_shape(&ctx, LMS_FLOAT32, 0, "asked", SHAPE(1, 8, 8, 5));
    setenv("LMS_SHAPE", "team=8", 1);
    assert_shape(&ctx, LMS_FLOAT32, 0, "asked", SHAPE(8, 8, 32, 24));
    setenv("LMS_SHAPE", "team=1,fuse_from=1", 1);
    assert_shape(&ctx, LMS_FLOAT32, 0, "asked", SHAPE(1, 8, 64, 1));
    setenv("LMS_SHAPE", "", 1);
    assert_shape(&ctx, LMS_FLOAT32, 0, "file", good.float32);
    setenv("LMS_SHAPE", "team=64", 1);
    assert_shape(&small, LMS_FLOAT32, 0, "asked", SHAPE(64, 8, 128, 24));
    setenv("LMS_SHAPE", "team=128", 1);
    lmsi_shape shape;
    RIG_FAILS(LMS_E_ARGUMENT, lmsi_shape_for(&small, LMS_FLOAT32, LONG, 0, &shape, NULL),
              "LMS_SHAPE: is \"team=128\": team must be at most 64 on ");
}

static void test_bad_environment(void **state)
{
    static const struct {
        const char *text, *problem;
    } bad[] = {
        {"team=3", "team must be a power of two from 1 to 256"},
        {"team=1,chunk=4", "chunk must be a power of two from 8 to 1024"},
        {"fuse_from=0", "fuse_from must be a number from 1 to 4294967295"},
        {"fuse_from=4294967296", "fuse_from must be a number from 1 to 4294967295"},
        {"team=99999999999999999999999999", "team must be a power of two from 1 to 256"},
        {"teams=1", "\"teams\" must be one of team, lanes, chunk and fuse_from"},
        {"team=1,team=1", "team is there twice"},
        {"team", "\"team\" must be NAME=NUMBER"},
        {"team=", "\"team=\" must be NAME=NUMBER"},
        {"team=1x", "\"team=1x\" must be NAME=NUMBER"},
        {"team= 1", "\"team= 1\" must be NAME=NUMBER"},
    };
    const lms_sampler_desc desc = rig_desc();
    lms_context *ctx = NULL;
    (void)state;
    RIG_OK(lms_context_open(NULL, &ctx));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
        char start[100];
        lms_sampler *sampler = NULL;
        setenv("LMS_SHAPE", bad[i].text, 1);
        snprintf(start, sizeof start, "LMS_SHAPE: is \"%s\": ", bad[i].text);
        RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_create(ctx, &desc, &sampler), start,
                  bad[i].problem);
        assert_null(sampler);
    }
    lms_context_destroy(ctx);
}

/* --- Files that are as none -------------------------------------------------------------- */

static bool loads(const lms_context *ctx)
{
    lmsi_tuning tuning;
    return lmsi_tuning_load(ctx, &tuning) != 0;
}

static void test_every_truncation_and_every_bit(void **state)
{
    char path[LMSI_TUNING_PATH], text[LMSI_TUNING_BYTES];
    const lms_context ctx = cpu();
    (void)state;
    assert_false(loads(&ctx));
    const size_t size = store(&ctx, good, path, text);
    assert_true(loads(&ctx));
    for (size_t n = 0; n < size; ++n) {
        cache_write_file(path, text, n);
        assert_false(loads(&ctx));
    }
    for (size_t i = 0; i < 8 * size; ++i) {
        text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
        cache_write_file(path, text, size);
        assert_false(loads(&ctx));
        text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
    }
    cache_write_file(path, text, size + 1);
    assert_false(loads(&ctx));
    cache_write_file(path, text, size);
    assert_true(loads(&ctx));
}

/* Not a file, or one that others can write. */
static void test_files_that_are_not_ours(void **state)
{
    const cache_folder *const f = *state;
    char path[LMSI_TUNING_PATH], text[LMSI_TUNING_BYTES];
    const lms_context ctx = cpu();
    store(&ctx, good, path, text);
    assert_int_equal(chmod(path, 0646), 0);
    assert_false(loads(&ctx));
    assert_int_equal(chmod(path, 0644), 0);
    assert_true(loads(&ctx));
    assert_int_equal(chmod(f->path, 0777), 0);
    assert_false(loads(&ctx));
    assert_int_equal(chmod(f->path, 0700), 0);
    assert_true(loads(&ctx));
    remove(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(20);
    assert_false(loads(&ctx));
    alarm(0);
}

/* Its path is another one; but what is in it decides. */
static void assert_stale(const lms_context *then, const lms_context *now)
{
    char path[LMSI_TUNING_PATH], other[LMSI_TUNING_PATH], text[LMSI_TUNING_BYTES];
    store(then, good, path, text);
    assert_true(loads(then));
    assert_false(loads(now));
    assert_int_equal(lmsi_tuning_path(now, other), 1);
    assert_string_not_equal(path, other);
    assert_int_equal(rename(path, other), 0);
    assert_false(loads(now));
    remove(other);
}

static void test_stale(void **state)
{
    const lms_context ctx = cpu();
    lms_context other = cpu();
    (void)state;
    strcpy(other.device.driver, "1.1");
    assert_stale(&ctx, &other);
    other = cpu();
    strcpy(other.device.platform, "Another platform");
    assert_stale(&ctx, &other);
    other = cpu();
    strcpy(other.device.name, "Another device");
    assert_stale(&ctx, &other);
    other = cpu();
    strcpy(other.device.version, "OpenCL 3.0");
    assert_stale(&ctx, &other);
    other = cpu();
    other.device.units = 7;
    assert_stale(&ctx, &other);
}

/* As another version of the library would write it: its checksum is right. */
static void test_another_library(void **state)
{
    char path[LMSI_TUNING_PATH], text[LMSI_TUNING_BYTES], own[64];
    const lms_context ctx = cpu();
    (void)state;
    const size_t size = store(&ctx, good, path, text);
    snprintf(own, sizeof own, "\nlibrary %d.%d.%d\n", LMS_VERSION_MAJOR, LMS_VERSION_MINOR,
             LMS_VERSION_PATCH);
    char *const version = strstr(text, own);
    assert_non_null(version);
    version[strlen(own) - 2] = (char)(version[strlen(own) - 2] + 1);
    char *const sum = strstr(text, "checksum ");
    assert_non_null(sum);
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = text; c < sum; ++c) {
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    }
    snprintf(sum, LMSI_TUNING_BYTES - (size_t)(sum - text), "checksum %016llx\n",
             (unsigned long long)hash);
    assert_int_equal(strlen(text), size);
    cache_write_file(path, text, size);
    assert_false(loads(&ctx));
}

static void test_out_of_range(void **state)
{
    static const lmsi_shape bad[] = {
        {3, 8, 32, 1}, {512, 8, 32, 1}, {0, 8, 32, 1}, {1, 4, 32, 1}, {1, 32, 32, 1},
        {1, 8, 4, 1},  {1, 8, 2048, 1}, {1, 8, 33, 1}, {1, 8, 32, 0}, {128, 8, 32, 1}};
    char path[LMSI_TUNING_PATH], text[LMSI_TUNING_BYTES];
    const lms_context ctx = gpu(64); /* no team of 128 */
    (void)state;
    store(&ctx, (lmsi_tuning){{64, 8, 8, 1}, {64, 8, 8, 1}}, path, text);
    assert_true(loads(&ctx));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
        store(&ctx, (lmsi_tuning){bad[i], {64, 8, 8, 1}}, path, text);
        assert_false(loads(&ctx));
        store(&ctx, (lmsi_tuning){{64, 8, 8, 1}, bad[i]}, path, text);
        assert_false(loads(&ctx));
        assert_shape(&ctx, LMS_FLOAT32, 0, "facts", SHAPE(64, 8, 128, 24));
    }
}

static void test_what_is_no_file(void **state)
{
    static char large[1 << 16];
    char path[LMSI_TUNING_PATH], text[LMSI_TUNING_BYTES];
    const lms_context ctx = cpu();
    (void)state;
    const size_t size = store(&ctx, good, path, text);
    memset(large, 'x', sizeof large);
    memcpy(large, text, size);
    cache_write_file(path, large, sizeof large);
    assert_false(loads(&ctx));
    memset(large, 0, sizeof large);
    cache_write_file(path, large, sizeof large);
    assert_false(loads(&ctx));
    remove(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(loads(&ctx));
    assert_shape(&ctx, LMS_FLOAT32, 0, "facts", SHAPE(1, 16, 32, 24));
}

/* Texts of a device as long as they can be. */
static void test_long_texts(void **state)
{
    char path[LMSI_TUNING_PATH], text[LMSI_TUNING_BYTES];
    lms_context ctx = cpu();
    char *const texts[] = {ctx.device.platform, ctx.device.name, ctx.device.driver,
                           ctx.device.version};
    (void)state;
    for (size_t i = 0; i < 4; ++i) {
        memset(texts[i], '%', sizeof ctx.device.name - 1);
        texts[i][sizeof ctx.device.name - 1] = '\0';
    }
    assert_true(store(&ctx, good, path, text) < LMSI_TUNING_BYTES - 1);
    assert_shape(&ctx, LMS_FLOAT32, 0, "file", good.float32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CACHE_ENTRY(test_facts),
        CACHE_ENTRY(test_table),
        CACHE_ENTRY(test_file),
        CACHE_ENTRY(test_short_rows),
        CACHE_ENTRY(test_environment),
        CACHE_ENTRY(test_bad_environment),
        CACHE_ENTRY(test_every_truncation_and_every_bit),
        CACHE_ENTRY(test_files_that_are_not_ours),
        CACHE_ENTRY(test_stale),
        CACHE_ENTRY(test_another_library),
        CACHE_ENTRY(test_out_of_range),
        CACHE_ENTRY(test_what_is_no_file),
        CACHE_ENTRY(test_long_texts),
    };
    return cmocka_run_group_tests_name("tuning", tests, NULL, NULL);
}
