/* lms_devices: what there is, what is wrong with it, and which one is opened by itself. Run
 * again with "several" on a runtime that has two devices. */
#include "hooks.h"
#include "rig.h"

#include <stdio.h>

enum {
    MANY = 16
};

static uint32_t list(lms_device *devices)
{
    uint32_t count = 99;
    memset(devices, 0xee, MANY * sizeof *devices);
    RIG_OK(lms_devices(devices, MANY, &count));
    assert_in_range(count, 0, MANY);
    return count;
}

static void test_facts(void **state)
{
    lms_device devices[MANY];
    const uint32_t count = list(devices);
    uint32_t seen = 0;
    cl_platform_id platforms[MANY];
    cl_uint platform_count = 0;
    (void)state;
    assert_int_equal(clGetPlatformIDs(MANY, platforms, &platform_count), CL_SUCCESS);
    for (cl_uint p = 0; p < platform_count; ++p) {
        cl_device_id ids[MANY];
        cl_uint ids_count = 0;
        clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, MANY, ids, &ids_count);
        for (cl_uint i = 0; i < ids_count; ++i, ++seen) {
            const lms_device *const d = &devices[seen];
            char text[500];
            cl_device_type type = 0;
            cl_ulong bytes = 0;
            cl_uint units = 0;
            cl_bool unified = CL_FALSE;
            assert_ptr_equal(d->id, ids[i]);
            clGetDeviceInfo(ids[i], CL_DEVICE_TYPE, sizeof type, &type, NULL);
            assert_int_equal(d->type, type);
            clGetDeviceInfo(ids[i], CL_DEVICE_GLOBAL_MEM_SIZE, sizeof bytes, &bytes, NULL);
            assert_int_equal(d->memory_bytes, bytes);
            clGetDeviceInfo(ids[i], CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof bytes, &bytes, NULL);
            assert_int_equal(d->max_alloc_bytes, bytes);
            clGetDeviceInfo(ids[i], CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
            assert_int_equal(d->compute_units, units);
            clGetDeviceInfo(ids[i], CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified, &unified,
                            NULL);
            assert_int_equal(d->unified, unified);
            clGetPlatformInfo(platforms[p], CL_PLATFORM_NAME, sizeof text, text, NULL);
            assert_memory_equal(d->platform, text, strnlen(text, 127));
            clGetDeviceInfo(ids[i], CL_DEVICE_NAME, sizeof text, text, NULL);
            assert_memory_equal(d->name, text, strnlen(text, 127));
            clGetDeviceInfo(ids[i], CL_DRIVER_VERSION, sizeof text, text, NULL);
            assert_memory_equal(d->driver, text, strnlen(text, 127));
            clGetDeviceInfo(ids[i], CL_DEVICE_VERSION, sizeof text, text, NULL);
            assert_memory_equal(d->version, text, strnlen(text, 127));
        }
    }
    assert_int_equal(seen, count);
}

static void test_capacity(void **state)
{
    lms_device all[MANY], some[MANY], poison[MANY];
    const uint32_t count = list(all);
    uint32_t found = 0;
    (void)state;
    memset(poison, 0x77, sizeof poison);
    RIG_OK(lms_devices(NULL, 0, &found));
    assert_int_equal(found, count);
    for (uint32_t capacity = 0; capacity <= count; ++capacity) {
        memcpy(some, poison, sizeof some);
        found = 99;
        RIG_OK(lms_devices(some, capacity, &found));
        assert_int_equal(found, count);
        assert_memory_equal(some, all, capacity * sizeof *all);
        assert_memory_equal(&some[capacity], poison, (MANY - capacity) * sizeof *some);
    }
}

static void test_arguments(void **state)
{
    lms_device device;
    uint32_t count = 99;
    (void)state;
    RIG_FAILS(LMS_E_ARGUMENT, lms_devices(&device, 1, NULL), "count: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_devices(NULL, 3, &count), "devices: is NULL", "capacity (3)");
    assert_int_equal(count, 0);
}

/* One is chosen; it is the one that is opened, and it has no problem. */
static void assert_chosen_is_opened(void)
{
    lms_device devices[MANY];
    const uint32_t count = list(devices);
    lms_context *ctx = NULL;
    uint32_t chosen = 0;
    RIG_OK(lms_context_open(NULL, &ctx));
    for (uint32_t i = 0; i < count; ++i) {
        chosen += devices[i].chosen;
        if (!devices[i].chosen) continue;
        assert_string_equal(devices[i].problem, "");
        assert_ptr_equal(lms_context_device(ctx), devices[i].id);
    }
    assert_int_equal(chosen, 1);
    lms_context_destroy(ctx);
}

static void test_chosen_is_opened(void **state)
{
    (void)state;
    assert_chosen_is_opened();
}

/* Every device has the problem: the list says it, and nothing is chosen. */
static void assert_problem(const char *problem)
{
    lms_device devices[MANY];
    lms_context *ctx = NULL;
    const uint32_t count = list(devices);
    for (uint32_t i = 0; i < count; ++i) {
        assert_string_equal(devices[i].problem, problem);
        assert_int_equal(devices[i].chosen, 0);
    }
    RIG_FAILS(LMS_E_NO_DEVICE, lms_context_open(NULL, &ctx), problem, devices[0].name);
    assert_null(ctx);
    RIG_FAILS(LMS_E_NO_DEVICE, lms_context_open(devices[0].name, &ctx), problem,
              devices[0].name);
    RIG_FAILS(LMS_E_NO_DEVICE, lms_context_open("nothing like it", &ctx),
              "is named \"nothing like it\"");
    assert_null(ctx);
}

static void test_problems(void **state)
{
    static const cl_bool no = CL_FALSE;
    static const char old[] = "OpenCL 1.1 of long ago", odd[] = "2.0", newer[] = "OpenCL 3.0 x",
                      least[] = "OpenCL 1.2";
    (void)state;
    const long live = hook_live();
    hook_reset();
    hook_answer(NULL, CL_DEVICE_AVAILABLE, sizeof no, &no);
    assert_problem("is not available");
    hook_answer(NULL, CL_DEVICE_COMPILER_AVAILABLE, sizeof no, &no);
    assert_problem("has no compiler for OpenCL C");
    hook_answer(NULL, CL_DEVICE_ENDIAN_LITTLE, sizeof no, &no);
    assert_problem("is not little-endian");
    hook_answer(NULL, CL_DEVICE_VERSION, sizeof old, old);
    assert_problem("has \"OpenCL 1.1 of long ago\", needs OpenCL 1.2");
    hook_answer(NULL, CL_DEVICE_VERSION, sizeof odd, odd);
    assert_problem("has \"2.0\", needs OpenCL 1.2");
    hook_answer(NULL, CL_DEVICE_VERSION, sizeof newer, newer);
    assert_chosen_is_opened();
    hook_answer(NULL, CL_DEVICE_VERSION, sizeof least, least);
    assert_chosen_is_opened();
    hook_no_answer(NULL, CL_INVALID_DEVICE);
    lms_device devices[MANY];
    const uint32_t count = list(devices);
    for (uint32_t i = 0; i < count; ++i) {
        assert_memory_equal(devices[i].problem, "does not answer: OpenCL: invalid device", 39);
        assert_non_null(devices[i].id);
        assert_int_equal(devices[i].chosen, 0);
    }
    hook_reset();
    assert_int_equal(hook_live(), live);
}

/* Texts longer than their field are cut. */
static void test_long_texts(void **state)
{
    char text[400];
    lms_device devices[MANY];
    (void)state;
    memset(text, 'n', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    hook_reset();
    hook_answer(NULL, CL_DEVICE_NAME, sizeof text, text);
    const uint32_t count = list(devices);
    for (uint32_t i = 0; i < count; ++i) {
        assert_int_equal(strlen(devices[i].name), sizeof devices[i].name - 1);
    }
    hook_reset();
}

static void test_no_platform(void **state)
{
    uint32_t count = 99;
    lms_context *ctx = NULL;
    (void)state;
    hook_reset();
    hook_no_platforms(-1001);
    RIG_OK(lms_devices(NULL, 0, &count));
    assert_int_equal(count, 0);
    assert_non_null(strstr(lms_error_message(), "pocl-opencl-icd"));
    RIG_FAILS(LMS_E_NO_DEVICE, lms_context_open(NULL, &ctx), "there is no OpenCL platform",
              "pocl-opencl-icd");
    hook_no_platforms(CL_OUT_OF_RESOURCES);
    count = 99;
    RIG_FAILS(CL_OUT_OF_RESOURCES, lms_devices(NULL, 0, &count), "clGetPlatformIDs");
    assert_int_equal(count, 0);
    hook_reset();
}

/* Each code that a platform answers, on whichever of the two questions, is told. */
static void test_platforms_that_answer_with_a_code(void **state)
{
    lms_device devices[MANY];
    (void)state;
    if (list(devices) != 1) skip(); /* the only device is the one that a code takes away */
    for (unsigned nth = 1; nth <= 2; ++nth) {
        lms_context *ctx = NULL;
        uint32_t count = 99;
        hook_reset();
        hook_fail("clGetDeviceIDs", nth, CL_OUT_OF_RESOURCES);
        RIG_OK(lms_devices(NULL, 0, &count));
        assert_int_equal(count, 0);
        assert_non_null(strstr(lms_error_message(), devices[0].platform));
        hook_fail("clGetDeviceIDs", nth, CL_OUT_OF_RESOURCES);
        RIG_FAILS(LMS_E_NO_DEVICE, lms_context_open(NULL, &ctx), "there is no OpenCL device",
                  devices[0].platform, "out of resources (-5)");
        hook_fail("clGetDeviceIDs", nth, CL_OUT_OF_RESOURCES);
        RIG_FAILS(LMS_E_NO_DEVICE, lms_context_open("abacus", &ctx), "named \"abacus\"",
                  devices[0].platform, "out of resources (-5)");
    }
    hook_reset();
}

/* What fails on the way is one device's problem, or the call's if memory is out. Whatever it
 * is, the call leaves nothing behind, and one that succeeds leaves the message alone. */
static void test_every_call_fails_once(void **state)
{
    unsigned calls[64] = {0};
    (void)state;
    lms_device devices[MANY];
    hook_reset();
    const uint32_t all = list(devices);
    for (unsigned f = 0; hook_name(f) != NULL; ++f) calls[f] = hook_count(hook_name(f));
    const long live = hook_live();
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        for (unsigned nth = 1; nth <= calls[f]; ++nth) {
            const char *const name = hook_name(f);
            const bool is_memory = strstr(name, "alloc") != NULL;
            uint32_t count = 99;
            RIG_FAILS(LMS_E_ARGUMENT, lms_devices(NULL, 0, NULL), "count: is NULL");
            hook_reset();
            hook_fail(name, nth, CL_OUT_OF_RESOURCES);
            const lms_status status = lms_devices(devices, MANY, &count);
            assert_true(hook_failed());
            if (is_memory) assert_int_equal(status, LMS_E_MEMORY);
            if (status == LMS_OK) {
                if (count > 0) assert_string_equal(lms_error_message(), "count: is NULL");
                assert_true(count == all || strcmp(name, "clGetDeviceIDs") == 0);
            } else {
                assert_int_equal(count, 0);
            }
            assert_int_equal(hook_live(), live);
        }
    }
    hook_reset();
}

/* The first of two has a problem: the other is chosen, and opened by the name that both
 * have. */
static int several(void)
{
    static const cl_bool no = CL_FALSE;
    lms_device devices[MANY];
    uint32_t count = 0;
    lms_context *ctx = NULL;
    if (lms_devices(devices, MANY, &count) != LMS_OK) return 1;
    if (count < 2) return 77; /* not a runtime that has two */
    if (!devices[0].chosen || devices[1].chosen) return 2;
    const cl_device_id first = devices[0].id;
    hook_answer(first, CL_DEVICE_AVAILABLE, sizeof no, &no);
    if (lms_devices(devices, MANY, &count) != LMS_OK) return 3;
    if (devices[0].chosen || !devices[1].chosen) return 4;
    if (strcmp(devices[0].problem, "is not available") != 0 || *devices[1].problem) return 5;
    if (lms_context_open(NULL, &ctx) != LMS_OK) return 6;
    if (lms_context_device(ctx) != devices[1].id) return 7;
    lms_context_destroy(ctx);
    if (lms_context_open(devices[0].platform, &ctx) != LMS_OK) return 8;
    if (lms_context_device(ctx) != devices[1].id) return 9;
    lms_context_destroy(ctx);
    hook_reset();
    hook_no_answer(first, CL_INVALID_DEVICE);
    if (lms_devices(devices, MANY, &count) != LMS_OK || count < 2) return 10;
    if (strncmp(devices[0].problem, "does not answer", 15) != 0) return 11;
    return devices[1].chosen ? 0 : 12;
}

static void test_several(void **state)
{
    (void)state;
    const int result = rig_child("several", "POCL_DEVICES", "pthread pthread");
    if (result == 77) skip();
    assert_int_equal(result, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_chosen_is_opened),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_no_platform),
        cmocka_unit_test(test_every_call_fails_once),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_platforms_that_answer_with_a_code),
    };
    if (argc > 1 && strcmp(argv[1], "several") == 0) return several();
    return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
