/* Programs that a runtime does not build as it should: a compiler that takes smaller
 * work-groups only, a damaged entry of the runtime's own cache (the same for all objects);
 * source that does not compile, and the log of it. */
/* LMS_SLOW_TESTS: damages pocl's own files, and so builds everything three times. */
#include "calls/beam_object.h"
#include "calls/contrastive_object.h"
#include "hooks.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One of the objects, with the team that is asked for. */
typedef struct made {
    lms_sampler *sampler;
    lms_beam *beam;
    lms_contrastive *search;
} made;

enum {
    SAMPLER,
    BEAM,
    CONTRASTIVE,
    OBJECTS
};

typedef struct rigs {
    rig sampler;
    beam_rig beam;
    contrastive_rig contrastive;
} rigs;

static lms_status make(lms_context *ctx, int object, uint32_t work_items, made *m)
{
    lms_sampler_desc sampler = rig_desc();
    lms_beam_desc beam = beam_desc();
    lms_contrastive_desc contrastive = contrastive_desc();
    memset(m, 0, sizeof *m);
    sampler.work_items = beam.work_items = contrastive.work_items = work_items;
    if (object == SAMPLER) return lms_sampler_create(ctx, &sampler, &m->sampler);
    if (object == BEAM) return lms_beam_create(ctx, &beam, &m->beam);
    return lms_contrastive_create(ctx, &contrastive, &m->search);
}

static void destroy(const made *m)
{
    lms_sampler_destroy(m->sampler);
    lms_beam_destroy(m->beam);
    lms_contrastive_destroy(m->search);
}

/* It gives what the rig's own gives. */
static void assert_good(rigs *r, int object, const made *m)
{
    if (object == BEAM) object_assert_good(&r->beam.base, m->beam);
    if (object == CONTRASTIVE) object_assert_good(&r->contrastive.base, m->search);
    if (object != SAMPLER) return;
    lms_sampler *const own = r->sampler.sampler;
    r->sampler.sampler = m->sampler;
    rig_assert_good(&r->sampler);
    r->sampler.sampler = own;
}

static int setup(void **state)
{
    rigs *const r = calloc(1, sizeof *r);
    const object_desc beam = beam_kind.desc();
    const object_desc contrastive = contrastive_kind.desc();
    assert_non_null(r);
    rig_open(&r->sampler);
    object_open(&r->beam.base, &beam_kind, r->sampler.ctx, &beam);
    object_open(&r->contrastive.base, &contrastive_kind, r->sampler.ctx, &contrastive);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    rigs *const r = *state;
    object_close(&r->contrastive.base);
    object_close(&r->beam.base);
    rig_close(&r->sampler);
    free(r);
    return 0;
}

/* --- A compiler that refuses the work-group size ----------------------------------------- */

static void test_a_smaller_team(void **state)
{
    static const unsigned limits[OBJECTS] = {16, 128, 128};
    rigs *const r = *state;
    for (int object = 0; object < OBJECTS; ++object) {
        lms_context *gpu = NULL;
        made m;
        const long live = hook_live();
        hook_reset();
        hook_refuse_teams(limits[object]);
        RIG_OK(
            lms_context_create(r->sampler.context, lms_context_device(r->sampler.ctx), &gpu));
        RIG_FAILS(LMS_E_BUILD, make(gpu, object, 256, &m), "work_items: 256",
                  "reqd_work_group_size is too large");
        RIG_OK(make(gpu, object, 0, &m));
        assert_good(r, object, &m);
        destroy(&m);
        RIG_OK(make(gpu, object, limits[object], &m)); /* what it has found */
        destroy(&m);
        hook_reset();
        lms_context_destroy(gpu);
        assert_int_equal(hook_live(), live);
    }
}

/* If the compiler takes none, the call ends, with what it says. */
static void test_no_team_at_all(void **state)
{
    static const unsigned builds[OBJECTS] = {9, 9, 9}; /* 256, 128 .. 1 */
    const rigs *const r = *state;
    for (int object = 0; object < OBJECTS; ++object) {
        lms_context *gpu = NULL;
        made m;
        const long live = hook_live();
        hook_reset();
        hook_refuse_teams(0);
        RIG_OK(
            lms_context_create(r->sampler.context, lms_context_device(r->sampler.ctx), &gpu));
        RIG_FAILS(LMS_E_BUILD, make(gpu, object, 0, &m), "clBuildProgram (-11)",
                  "reqd_work_group_size is too large");
        assert_int_equal(hook_count("clBuildProgram"), builds[object]);
        assert_non_null(strstr(lms_context_log(gpu), "reqd_work_group_size is too large"));
        hook_reset();
        lms_context_destroy(gpu);
        assert_int_equal(hook_live(), live);
    }
}

/* --- A runtime's cache that is damaged --------------------------------------------------- */

static bool is_pocl(const lms_context *ctx)
{
    char name[64] = "";
    cl_platform_id platform = NULL;
    clGetDeviceInfo(lms_context_device(ctx), CL_DEVICE_PLATFORM, sizeof platform, &platform,
                    NULL);
    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name, name, NULL);
    return strcmp(name, "Portable Computing Language") == 0;
}

/* A program without kernels is built once more, as another entry; if that has none either, the
 * message names the folder. */
static void test_a_program_without_kernels(void **state)
{
    rigs *const r = *state;
    for (int object = 0; object < OBJECTS; ++object) {
        lms_context *ctx = NULL;
        made m;
        const long live = hook_live();
        RIG_OK(
            lms_context_create(r->sampler.context, lms_context_device(r->sampler.ctx), &ctx));
        hook_reset();
        hook_no_kernels(2);
        RIG_FAILS(LMS_E_BUILD, make(ctx, object, 0, &m), "has no kernels",
                  is_pocl(ctx) ? "pocl's cache folder /" : "");
        assert_int_equal(hook_count("clBuildProgram"), 2);
        if (object == SAMPLER) {
            hook_reset();
            hook_no_kernels(1);
            RIG_OK(make(ctx, object, 0, &m));
            assert_int_equal(hook_count("clBuildProgram"), 2);
            hook_reset();
            assert_good(r, object, &m);
            destroy(&m);
        }
        hook_reset();
        lms_context_destroy(ctx);
        assert_int_equal(hook_live(), live);
    }
}

/* In a folder of its own: makes all of them; says how often a program was built, or -1. */
static int make_all(void)
{
    lms_context *ctx = NULL;
    made m;
    hook_reset();
    if (lms_context_open(NULL, &ctx) != LMS_OK) return 77;
    for (int object = 0; object < OBJECTS; ++object) {
        if (make(ctx, object, 0, &m) != LMS_OK) {
            printf("%s\n", lms_error_message());
            return 78;
        }
        destroy(&m);
    }
    lms_context_destroy(ctx);
    return (int)hook_count("clBuildProgram");
}

static void damage(const char *folder)
{
    char command[200];
    snprintf(command, sizeof command, "find %s -name program.bc -exec truncate -s 0 {} +",
             folder);
    assert_int_equal(system(command), 0);
}

static void test_every_entry_of_pocl_is_damaged(void **state)
{
    char folder[] = "/tmp/lmsample-kernels-XXXXXX", command[100];
    lms_context *ctx = NULL;
    (void)state;
    RIG_OK(lms_context_open(NULL, &ctx));
    const bool pocl = is_pocl(ctx);
    lms_context_destroy(ctx);
    if (!pocl) skip();
    assert_non_null(mkdtemp(folder));
    assert_int_equal(rig_child("make_all", "POCL_CACHE_DIR", folder), 4);
    damage(folder);
    assert_int_equal(rig_child("make_all", "POCL_CACHE_DIR", folder), 8); /* other entries */
    assert_int_equal(rig_child("make_all", "POCL_CACHE_DIR", folder), 8);
    damage(folder); /* those too */
    assert_int_equal(rig_child("make_all", "POCL_CACHE_DIR", folder), 78);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void test_broken_source_is_a_build_failure(void **state)
{
    const lms_sampler_desc desc = rig_desc();
    lms_context *ctx = NULL;
    lms_sampler *sampler = NULL;
    (void)state;
    RIG_OK(lms_context_open(NULL, &ctx));
    assert_string_equal(lms_context_log(ctx), "");
    hook_reset();
    hook_break_source();
    RIG_FAILS(LMS_E_BUILD, lms_sampler_create(ctx, &desc, &sampler), "clBuildProgram (-11)",
              "unheard_of");
    assert_null(sampler);
    assert_non_null(strstr(lms_context_log(ctx), "unheard_of"));
    RIG_OK(lms_sampler_create(ctx, &desc, &sampler)); /* a failed build is not kept */
    lms_sampler_destroy(sampler);
    lms_context_destroy(ctx);
}

/* Fails to build in the caller's context, for another reason. */
static void *fail_elsewhere(void *context)
{
    const lms_sampler_desc desc = rig_desc();
    lms_context *const ctx = context;
    lms_sampler *sampler = NULL;
    if (*lms_context_log(ctx) != '\0') return NULL; /* what failed on the other thread */
    hook_reset();
    hook_refuse_teams(0);
    if (lms_sampler_create(ctx, &desc, &sampler) != LMS_E_BUILD) return NULL;
    hook_reset();
    return strstr(lms_context_log(ctx), "reqd_work_group_size") == NULL ? NULL : context;
}

/* A thread's log stays what it is, and where it is, until its own next build fails: for another
 * thread's failures, for another context, and when the context is gone. */
static void test_a_log_is_the_threads_own(void **state)
{
    const lms_sampler_desc desc = rig_desc();
    lms_context *ctx = NULL, *other = NULL;
    lms_sampler *sampler = NULL;
    pthread_t thread;
    void *result = NULL;
    char before[400];
    (void)state;
    RIG_OK(lms_context_open(NULL, &ctx));
    RIG_OK(lms_context_open(NULL, &other));
    hook_reset();
    hook_break_source();
    RIG_FAILS(LMS_E_BUILD, lms_sampler_create(ctx, &desc, &sampler), "unheard_of");
    const char *const log = lms_context_log(ctx);
    snprintf(before, sizeof before, "%s", log);
    assert_non_null(strstr(before, "unheard_of"));
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, ctx), 0);
    pthread_join(thread, &result);
    assert_non_null(result);
    assert_ptr_equal(lms_context_log(ctx), log);
    assert_memory_equal(log, before, strlen(before));
    assert_string_equal(lms_context_log(other), "");
    lms_context_destroy(ctx);
    assert_memory_equal(log, before, strlen(before));
    hook_break_source();
    RIG_FAILS(LMS_E_BUILD, lms_sampler_create(other, &desc, &sampler), "unheard_of");
    assert_non_null(strstr(lms_context_log(other), "unheard_of"));
    lms_context_destroy(other);
}

/* Without memory for the log there is still the status. */
static void test_build_failure_without_a_log(void **state)
{
    const lms_sampler_desc desc = rig_desc();
    lms_context *ctx = NULL;
    lms_sampler *sampler = NULL;
    (void)state;
    RIG_OK(lms_context_open(NULL, &ctx));
    hook_reset();
    hook_break_source();
    hook_fail("clGetProgramBuildInfo", 1, CL_OUT_OF_HOST_MEMORY);
    RIG_FAILS(LMS_E_BUILD, lms_sampler_create(ctx, &desc, &sampler), "clBuildProgram (-11)");
    assert_true(hook_failed());
    assert_string_equal(lms_context_log(ctx), "");
    lms_context_destroy(ctx);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_smaller_team),
        cmocka_unit_test(test_no_team_at_all),
        cmocka_unit_test(test_a_program_without_kernels),
        cmocka_unit_test(test_broken_source_is_a_build_failure),
        cmocka_unit_test(test_build_failure_without_a_log),
        cmocka_unit_test(test_a_log_is_the_threads_own),
    };
    const struct CMUnitTest slow[] = {
        cmocka_unit_test(test_every_entry_of_pocl_is_damaged),
    };
    if (argc > 1 && strcmp(argv[1], "make_all") == 0) return make_all();
    if (argc > 1 && strcmp(argv[1], "slow") == 0) {
        return cmocka_run_group_tests_name("kernels, slow", slow, NULL, NULL);
    }
    return cmocka_run_group_tests_name("kernels", tests, setup, teardown);
}
