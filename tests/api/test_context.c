/* Contexts: which device, whose handles, and what goes wrong. Run again with "child" in an
 * environment of its own for what depends on that. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void test_version_and_texts(void **state)
{
    (void)state;
    assert_int_equal(lms_version(), LMS_VERSION);
    assert_int_equal(lms_specification(), LMS_SPECIFICATION);
#define CHECK(name, value, text)                                                               \
    assert_int_equal(name, value);                                                             \
    assert_string_equal(lms_status_text(name), text);
    LMS_STATUS_MAP(CHECK)
#undef CHECK
    assert_string_equal(lms_status_text(1000), "unknown status");
    assert_string_equal(lms_status_text(INT32_MAX), "unknown status");
    for (lms_status s = -80; s < 0; ++s) {
        assert_memory_equal(lms_status_text(s), "OpenCL: ", 8);
    }
    assert_string_equal(lms_status_text(CL_MEM_OBJECT_ALLOCATION_FAILURE),
                        "OpenCL: buffer allocation failed");
    assert_string_equal(lms_status_text(INT32_MIN), "OpenCL: error");
    assert_int_equal(lms_row_params_check(NULL), LMS_FIELD_RESERVED);
    assert_int_equal(lms_sampler_workspace(NULL), 0);
}

static void test_open_and_destroy(void **state)
{
    (void)state;
    lms_context_destroy(NULL);
    for (int i = 0; i < 50; ++i) {
        lms_context *ctx = NULL;
        RIG_OK(lms_context_open(i % 2 ? "" : NULL, &ctx));
        assert_non_null(lms_context_cl_context(ctx));
        assert_non_null(lms_context_device(ctx));
        assert_non_null(lms_context_queue(ctx));
        assert_string_equal(lms_context_log(ctx), "");
        lms_context_destroy(ctx);
    }
}

static void test_handles_of_nothing(void **state)
{
    (void)state;
    assert_null(lms_context_cl_context(NULL));
    assert_null(lms_context_device(NULL));
    assert_null(lms_context_queue(NULL));
    assert_string_equal(lms_context_log(NULL), "");
}

static void test_names(void **state)
{
    lms_context *ctx = NULL, *again = NULL;
    cl_platform_id platform = NULL;
    char name[200], both[500];
    (void)state;
    RIG_OK(lms_context_open(NULL, &ctx));
    const cl_device_id id = lms_context_device(ctx);
    clGetDeviceInfo(id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL);
    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name, name, NULL);
    const int length = snprintf(both, sizeof both, "%s: ", name);
    clGetDeviceInfo(id, CL_DEVICE_NAME, sizeof name, name, NULL);
    snprintf(both + length, sizeof both - (size_t)length, "%s", name);
    RIG_OK(lms_context_open(both, &again));
    assert_ptr_equal(lms_context_device(again), id);
    lms_context_destroy(again);
    for (char *p = both; *p; ++p) *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
    RIG_OK(lms_context_open(both + 3, &again));
    assert_ptr_equal(lms_context_device(again), id);
    lms_context_destroy(again);
    again = ctx;
    RIG_FAILS(LMS_E_NO_DEVICE, lms_context_open("no such device", &again),
              "\"no such device\"");
    assert_null(again);
    RIG_FAILS(LMS_E_NO_DEVICE, lms_context_open(strcat(both, "x"), &again), "is named");
    lms_context_destroy(ctx);
}

static void test_create_arguments(void **state)
{
    lms_context *ctx = NULL, *out = (lms_context *)&ctx;
    (void)state;
    RIG_FAILS(LMS_E_ARGUMENT, lms_context_open(NULL, NULL), "out: is NULL");
    RIG_OK(lms_context_open(NULL, &ctx));
    const cl_context context = lms_context_cl_context(ctx);
    const cl_device_id id = lms_context_device(ctx);
    RIG_FAILS(LMS_E_ARGUMENT, lms_context_create(context, id, NULL), "out: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_context_create(NULL, id, &out), "context: is NULL");
    assert_null(out);
    out = (lms_context *)&ctx;
    RIG_FAILS(LMS_E_ARGUMENT, lms_context_create(context, NULL, &out), "device: is NULL");
    assert_null(out);
    lms_context_destroy(ctx);
}

/* The caller's handles may go: the library has its own references. */
static void test_retains_what_it_keeps(void **state)
{
    rig r;
    lms_context *ctx = NULL;
    const lms_sampler_desc desc = rig_desc();
    lms_sampler *sampler = NULL;
    cl_int code = CL_SUCCESS;
    (void)state;
    rig_open(&r);
    const cl_device_id id = lms_context_device(r.ctx);
    const cl_context context = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    RIG_OK(lms_context_create(context, id, &ctx));
    clReleaseContext(context);
    rig_close(&r);
    assert_ptr_equal(lms_context_cl_context(ctx), context);
    RIG_OK(lms_sampler_create(ctx, &desc, &sampler));
    lms_sampler_destroy(sampler);
    lms_context_destroy(ctx);
}

/* Two contexts at once, samplers in turn. */
static void test_two_contexts(void **state)
{
    rig a, b;
    (void)state;
    rig_open(&a);
    rig_open(&b);
    for (int i = 0; i < 5; ++i) {
        rig_assert_good(&a);
        rig_assert_good(&b);
    }
    rig_assert_same(&a.expected, &b.expected);
    rig_close(&a);
    rig_assert_good(&b);
    rig_close(&b);
}

static int no_platforms(void)
{
    lms_context *ctx = NULL;
    if (lms_context_open(NULL, &ctx) != LMS_E_NO_DEVICE || ctx != NULL) return 1;
    if (strstr(lms_error_message(), "there is no OpenCL platform in /tmp/") == NULL) return 2;
    if (strstr(lms_error_message(), "OCL_ICD_VENDORS") == NULL) return 3;
    if (strstr(lms_error_message(), "pocl-opencl-icd") == NULL) return 4;
    if (lms_context_open("pocl", &ctx) != LMS_E_NO_DEVICE || ctx != NULL) return 5;
    return strstr(lms_error_message(), "there is no OpenCL platform") == NULL;
}

/* A folder that pocl cannot write to, before it has devices and when it has. */
static int unwritable(void)
{
    const char *const folder = getenv("POCL_CACHE_DIR");
    lms_context *ctx = NULL;
    uint32_t count = 99;
    if (lms_devices(NULL, 0, &count) != LMS_OK) return 1;
    if (count > 0) return 77; /* another runtime, too */
    if (strstr(lms_error_message(), folder) == NULL) return 2;
    if (lms_context_open(NULL, &ctx) != LMS_E_NO_DEVICE) return 3;
    if (strstr(lms_error_message(), "on 1 platform; Portable Computing Language") == NULL) {
        return 4;
    }
    if (strstr(lms_error_message(), "device not found (-1)") == NULL) return 5;
    return strstr(lms_error_message(), folder) == NULL;
}

static int unwritable_builds(void)
{
    const lms_sampler_desc desc = rig_desc();
    lms_context *ctx = NULL;
    lms_sampler *sampler = NULL;
    if (lms_context_open("Portable Computing Language", &ctx) != LMS_OK) return 77;
    const lms_status status = lms_sampler_create(ctx, &desc, &sampler);
    lms_context_destroy(ctx);
    if (status != LMS_E_BUILD || sampler != NULL) return 1;
    if (strstr(lms_error_message(), "cannot be written (Not a directory)") == NULL) return 2;
    return strstr(lms_error_message(), getenv("POCL_CACHE_DIR")) == NULL;
}

static void test_runtime_folders_that_cannot_be_written(void **state)
{
    char file[] = "/tmp/lmsample-test-XXXXXX";
    (void)state;
    int result = rig_child("unwritable", "POCL_CACHE_DIR", "/proc/none");
    if (result != 77) assert_int_equal(result, 0);
    const int descriptor = mkstemp(file);
    assert_true(descriptor >= 0);
    close(descriptor);
    result = rig_child("unwritable_builds", "POCL_CACHE_DIR", file);
    remove(file);
    if (result != 77) assert_int_equal(result, 0);
}

static void test_no_platforms(void **state)
{
    char folder[] = "/tmp/lmsample-test-XXXXXX";
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(rig_child("no_platforms", "OCL_ICD_VENDORS", folder), 0);
    rmdir(folder);
}

/* One cl_context with two devices: a lms_context on each, and one on the wrong queue. */
static int two_devices(void)
{
    cl_device_id ids[2];
    cl_uint count = 0;
    lms_context *ctx[2] = {NULL, NULL};
    lms_sampler *sampler[2] = {NULL, NULL};
    const lms_sampler_desc desc = rig_desc();
    float logits[RIG_VOCAB] = {0};
    const lms_row_params p = LMS_ROW_PARAMS_INIT;
    int32_t tokens[2] = {-5, -6};
    lms_sample_host_args batch = {.rows = 1, .logits = logits, .params = &p};
    cl_platform_id platforms[16];
    cl_uint found = 0;
    clGetPlatformIDs(16, platforms, &found);
    for (cl_uint i = 0; i < found && i < 16 && count < 2; ++i) {
        clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 2, ids, &count);
    }
    if (count < 2) return 77; /* not a runtime that has two */
    const cl_context context = clCreateContext(NULL, 2, ids, NULL, NULL, NULL);
    for (int i = 0; i < 2; ++i) {
        if (lms_context_create(context, ids[i], &ctx[i]) != LMS_OK) return 1;
        if (lms_context_device(ctx[i]) != ids[i]) return 2;
        if (lms_sampler_create(ctx[i], &desc, &sampler[i]) != LMS_OK) return 3;
        batch.tokens = &tokens[i];
        if (lms_sample_host(sampler[i], &batch) != LMS_OK) return 4;
    }
    if (tokens[0] != tokens[1] || tokens[0] < 0) return 5;
    lms_sampler_run_args none;
    memset(&none, 0, sizeof none);
    if (lms_sampler_run(sampler[0], lms_context_queue(ctx[1]), &none, 0, NULL, NULL) !=
        LMS_E_ARGUMENT) {
        return 6;
    }
    for (int i = 0; i < 2; ++i) lms_sampler_destroy(sampler[i]);
    for (int i = 0; i < 2; ++i) lms_context_destroy(ctx[i]);
    clReleaseContext(context);
    const cl_context first = clCreateContext(NULL, 1, ids, NULL, NULL, NULL);
    if (lms_context_create(first, ids[1], &ctx[1]) != LMS_E_ARGUMENT || ctx[1] != NULL)
        return 7;
    if (strstr(lms_error_message(), "device: is not one of the context's") == NULL) return 8;
    clReleaseContext(first);
    return 0;
}

static void test_two_devices(void **state)
{
    (void)state;
    const int result = rig_child("two_devices", "POCL_DEVICES", "pthread pthread");
    if (result == 77) skip();
    assert_int_equal(result, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_and_texts),
        cmocka_unit_test(test_open_and_destroy),
        cmocka_unit_test(test_handles_of_nothing),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_create_arguments),
        cmocka_unit_test(test_retains_what_it_keeps),
        cmocka_unit_test(test_two_contexts),
        cmocka_unit_test(test_no_platforms),
        cmocka_unit_test(test_two_devices),
        cmocka_unit_test(test_runtime_folders_that_cannot_be_written),
    };
    if (argc > 1 && strcmp(argv[1], "no_platforms") == 0) return no_platforms();
    if (argc > 1 && strcmp(argv[1], "unwritable") == 0) return unwritable();
    if (argc > 1 && strcmp(argv[1], "unwritable_builds") == 0) return unwritable_builds();
    if (argc > 1 && strcmp(argv[1], "two_devices") == 0) return two_devices();
    return cmocka_run_group_tests_name("context", tests, NULL, NULL);
}
