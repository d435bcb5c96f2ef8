/* The calls of lms_tuning.h: what is refused; what is stored by their text is what is in
 * use, for samplers too. */
#include "cache_rig.h"
#include "hooks.h"
#include "rig.h"

#include <lms_tuning.h>

#include <stdlib.h>
#include <sys/stat.h>

/* Two that every device takes and none has by itself. */
#define WIDE "team=1,lanes=8,chunk=1024,fuse_from=7"
#define NARROW "team=1,lanes=16,chunk=512,fuse_from=9"

enum {
    LONG = 65537 /* a row that fuse_from is about */
};

static lms_context *ctx;

static int open_context(void **state)
{
    (void)state;
    return lms_context_open(NULL, &ctx) == LMS_OK ? 0 : -1;
}

static int close_context(void **state)
{
    (void)state;
    lms_context_destroy(ctx);
    return 0;
}

static void assert_in_use(lms_dtype logits, uint32_t vocab, const char *shape, const char *by)
{
    char text[LMS_SHAPE_BYTES] = "";
    const char *origin = NULL;
    RIG_OK(lms_shape_in_use(ctx, logits, vocab, text, &origin));
    if (shape != NULL) assert_string_equal(text, shape);
    assert_string_equal(origin, by);
    RIG_OK(lms_shape_in_use(ctx, logits, vocab, text, NULL));
}

static void test_a_file_of_the_text_is_in_use(void **state)
{
    char path[LMS_TUNING_PATH_BYTES], text[LMS_TUNING_BYTES];
    const cache_folder *const f = *state;
    RIG_OK(lms_tuning_path(ctx, path));
    assert_memory_equal(path, f->path, strlen(f->path));
    RIG_OK(lms_tuning_make_folder(ctx));
    RIG_OK(lms_tuning_text(ctx, WIDE, NARROW, text));
    cache_write_file(path, text, strlen(text));
    assert_in_use(LMS_FLOAT32, LONG, WIDE, "tuning file");
    assert_in_use(LMS_FLOAT16, LONG, NARROW, "tuning file");
    assert_in_use(LMS_BFLOAT16, LONG, NARROW, "tuning file");
    assert_in_use(LMS_FLOAT32, LONG - 1, "team=1,lanes=8,chunk=1024,fuse_from=1",
                  "tuning file");
    setenv("LMS_SHAPE", "chunk=64", 1);
    assert_in_use(LMS_FLOAT32, LONG, "team=1,lanes=8,chunk=64,fuse_from=7",
                  "what was asked for");
    unsetenv("LMS_SHAPE");
    text[strlen(text) / 2] ^= 1;
    cache_write_file(path, text, strlen(text));
    char now[LMS_SHAPE_BYTES];
    RIG_OK(lms_shape_in_use(ctx, LMS_FLOAT32, LONG, now, NULL));
    assert_string_not_equal(now, WIDE);
}

static void test_wrong_shapes(void **state)
{
    static const struct {
        const char *shape, *says;
    } wrong[] = {
        {"", "NAME=NUMBER"},
        {"team=1,lanes=8,chunk=32", "all four fields"},
        {"team=3,lanes=8,chunk=32,fuse_from=1", "power of two"},
        {"team=1,lanes=32,chunk=32,fuse_from=1", "from 8 to 16"},
        {"team=1,lanes=8,chunk=4,fuse_from=1", "from 8 to 1024"},
        {"team=1,lanes=8,chunk=32,fuse_from=0", "from 1"},
        {"team=1,lanes=8,chunk=32,fuse=1", "must be one of team"},
        {"team=1,team=1,lanes=8,chunk=32,fuse_from=1", "twice"},
    };
    char text[LMS_TUNING_BYTES] = "unchanged";
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
        RIG_FAILS(LMS_E_ARGUMENT, lms_tuning_text(ctx, wrong[i].shape, NARROW, text),
                  "float32: is \"", wrong[i].shape, wrong[i].says);
        RIG_FAILS(LMS_E_ARGUMENT, lms_tuning_text(ctx, WIDE, wrong[i].shape, text),
                  "bits16: is \"", wrong[i].shape, wrong[i].says);
    }
    assert_string_equal(text, "unchanged");
}

static void test_wrong_arguments(void **state)
{
    char shape[LMS_SHAPE_BYTES], text[LMS_TUNING_BYTES], path[LMS_TUNING_PATH_BYTES];
    (void)state;
    RIG_FAILS(LMS_E_ARGUMENT, lms_shape_in_use(NULL, LMS_FLOAT32, 1, shape, NULL),
              "ctx: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_shape_in_use(ctx, LMS_FLOAT32, 1, NULL, NULL),
              "shape: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_shape_in_use(ctx, (lms_dtype)0, 1, shape, NULL), "logits: 0");
    RIG_FAILS(LMS_E_ARGUMENT, lms_shape_in_use(ctx, LMS_FLOAT32, 0, shape, NULL),
              "vocab: is 0");
    RIG_FAILS(LMS_E_ARGUMENT,
              lms_shape_in_use(ctx, LMS_FLOAT32, LMS_MAX_VOCAB + 1, shape, NULL), "vocab: is ");
    RIG_FAILS(LMS_E_ARGUMENT, lms_tuning_path(NULL, path), "ctx: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_tuning_path(ctx, NULL), "path: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_tuning_make_folder(NULL), "ctx: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_tuning_text(NULL, WIDE, WIDE, text), "ctx: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_tuning_text(ctx, NULL, WIDE, text), "float32: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_tuning_text(ctx, WIDE, NULL, text), "bits16: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_tuning_text(ctx, WIDE, WIDE, NULL), "text: is NULL");
    setenv("LMS_SHAPE", "team=nothing", 1);
    RIG_FAILS(LMS_E_ARGUMENT, lms_shape_in_use(ctx, LMS_FLOAT32, 1, shape, NULL),
              "LMS_SHAPE: is \"team=nothing\"");
    unsetenv("LMS_SHAPE");
}

static void test_folders(void **state)
{
    char path[LMS_TUNING_PATH_BYTES];
    const cache_folder *const f = *state;
    assert_int_equal(chmod(f->path, 0777), 0);
    RIG_FAILS(LMS_E_ARGUMENT, lms_tuning_make_folder(ctx), f->path, "can be written by others",
              "LMS_CACHE_DIR");
    assert_int_equal(chmod(f->path, 0700), 0);
    RIG_OK(lms_tuning_make_folder(ctx));
    setenv("LMS_CACHE_DIR", "", 1);
    RIG_FAILS(LMS_E_ARGUMENT, lms_tuning_path(ctx, path), "there is no folder",
              "LMS_CACHE_DIR");
    RIG_FAILS(LMS_E_ARGUMENT, lms_tuning_make_folder(ctx), "there is no folder");
    setenv("LMS_CACHE_DIR", f->path, 1);
}

/* --- Where the file is ------------------------------------------------------------------- */

static void set_variable(const char *name, const char *value)
{
    if (value == NULL) {
        unsetenv(name);
    } else {
        setenv(name, value, 1);
    }
}

static void assert_folder(const char *cache, const char *xdg, const char *home,
                          const char *expected)
{
    char path[LMS_TUNING_PATH_BYTES], now[LMS_SHAPE_BYTES];
    set_variable("LMS_CACHE_DIR", cache);
    set_variable("XDG_CACHE_HOME", xdg);
    set_variable("HOME", home);
    RIG_OK(lms_shape_in_use(ctx, LMS_FLOAT32, LONG, now, NULL));
    if (expected == NULL) {
        RIG_FAILS(LMS_E_ARGUMENT, lms_tuning_path(ctx, path), "there is no folder");
        return;
    }
    RIG_OK(lms_tuning_path(ctx, path));
    assert_int_equal(strncmp(path, expected, strlen(expected)), 0);
    assert_int_equal(strncmp(path + strlen(expected), "/tuning-", 8), 0);
}

static void test_places_of_folders(void **state)
{
    static char longest[LMS_TUNING_PATH_BYTES];
    (void)state;
    assert_folder("/a", "/b", "/c", "/a");
    assert_folder(NULL, "/b", "/c", "/b/lmsample");
    assert_folder(NULL, "b", "/c", "/c/.cache/lmsample");
    assert_folder(NULL, NULL, "/c", "/c/.cache/lmsample");
    assert_folder("", "/b", "/c", NULL);
    assert_folder(NULL, NULL, "c", NULL);
    assert_folder(NULL, NULL, NULL, NULL);
    memset(longest, 'l', sizeof longest - 1);
    longest[0] = '/';
    assert_folder(longest, NULL, NULL, NULL);
}

/* --- The sampler ------------------------------------------------------------------------- */

static unsigned programs_of(const char *shape)
{
    const lms_sampler_desc desc = rig_desc();
    lms_sampler *sampler = NULL;
    setenv("LMS_SHAPE", shape, 1);
    hook_reset();
    RIG_OK(lms_sampler_create(ctx, &desc, &sampler));
    const unsigned count = hook_count("clCreateProgramWithSource");
    lms_sampler_destroy(sampler);
    return count;
}

/* A field of which a program depends makes one of its own. (Shapes that other tests build too:
 * a runtime that keeps its kernels compiles them once for all.) */
static void test_programs_are_of_a_shape(void **state)
{
    (void)state;
    setenv("LMS_CACHE_DIR", "", 1);
    assert_int_equal(programs_of("team=1,lanes=8,chunk=8,fuse_from=1"), 1);
    assert_int_equal(programs_of("team=1,lanes=8,chunk=8,fuse_from=2"), 0);
    assert_int_equal(programs_of("team=1,lanes=8,chunk=32,fuse_from=1"), 0);
    assert_int_equal(programs_of("team=1,lanes=16,chunk=32,fuse_from=1"), 1);
    assert_int_equal(programs_of("team=2,lanes=8,chunk=32,fuse_from=1"), 1);
    assert_int_equal(programs_of("team=1,lanes=8,chunk=8,fuse_from=1"), 0);
}

/* A tuned shape that the kernels cannot have is made smaller, as the library's own is. */
static void test_a_tuned_team_that_is_too_large(void **state)
{
    char path[LMS_TUNING_PATH_BYTES], text[LMS_TUNING_BYTES];
    const char *const large = "team=64,lanes=8,chunk=32,fuse_from=1";
    const lms_sampler_desc desc = rig_desc();
    lms_sampler *sampler = NULL;
    (void)state;
    hook_reset();
    RIG_OK(lms_tuning_path(ctx, path));
    RIG_OK(lms_tuning_text(ctx, large, large, text));
    cache_write_file(path, text, strlen(text));
    assert_in_use(LMS_FLOAT32, RIG_VOCAB, large, "tuning file");
    hook_small_gpu(16);
    RIG_OK(lms_sampler_create(ctx, &desc, &sampler));
    hook_reset();
    lms_sampler_destroy(sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CACHE_ENTRY(test_a_file_of_the_text_is_in_use),
        CACHE_ENTRY(test_wrong_shapes),
        CACHE_ENTRY(test_wrong_arguments),
        CACHE_ENTRY(test_folders),
        CACHE_ENTRY(test_programs_are_of_a_shape),
        CACHE_ENTRY(test_a_tuned_team_that_is_too_large),
        CACHE_ENTRY(test_places_of_folders), /* the last one: it takes HOME away */
    };
    return cmocka_run_group_tests_name("tuning_calls", tests, open_context, close_context);
}
