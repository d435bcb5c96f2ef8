/* Tables of kernel arguments against a kernel: two values in each other's place, another type,
 * one too many or too few are found, by name; and what is set is what the kernel gets. */
#include "hooks.h"
#include "rig.h"

#include "op/arguments.h"

enum {
    FIRST,
    SECOND
};

/* What the kernel is told. */
typedef struct told {
    cl_uint n;
    cl_ulong m;
    lms_view in;
    lms_view out;
    cl_mem mem;
} told;

static const char source[] =
    "__kernel void copy(__global int *first, __global int *second, uint n, ulong m,\n"
    "                   __global const int *in, ulong in_offset, uint has_in,\n"
    "                   __global int *out, ulong out_offset, __global int *mem)\n"
    "{\n"
    "    first[0] = 11;\n"
    "    second[0] = 22;\n"
    "    mem[0] = 33;\n"
    "    out[out_offset] = (int)n + (int)m;\n"
    "    out[out_offset + 1] = has_in ? in[in_offset] : -1;\n"
    "}\n";

#define TOLD(kind, name) LMSI_MEMBER(kind, told, name)
#define FIRST_TWO                                                                              \
    {"first", LMSI_BUFFER, FIRST}, { "second", LMSI_BUFFER, SECOND }
#define NUMBERS TOLD(LMSI_UINT, n), TOLD(LMSI_ULONG, m)
#define VIEWS TOLD(LMSI_OPTIONAL, in), TOLD(LMSI_VIEW, out)

static const lmsi_buffer buffers[] = {{"first", "first", 1, 4, 0},
                                      {"second", "second", 1, 4, 0}};

static lmsi_kernel kernel_of(const lmsi_argument *list, size_t count)
{
    return (lmsi_kernel){.name = "copy", .arguments = {list, count}};
}

static cl_program build(const rig *r, const char *options)
{
    const char *texts[] = {source};
    cl_device_id device = lms_context_device(r->ctx);
    cl_int code = CL_SUCCESS;
    cl_program program = clCreateProgramWithSource(r->context, 1, texts, NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    assert_int_equal(clBuildProgram(program, 1, &device, options, NULL, NULL), CL_SUCCESS);
    return program;
}

static cl_kernel make(const rig *r, const char *options)
{
    cl_int code = CL_SUCCESS;
    cl_program program = build(r, options);
    cl_kernel kernel = clCreateKernel(program, "copy", &code);
    assert_int_equal(code, CL_SUCCESS);
    clReleaseProgram(program);
    return kernel;
}

static void test_what_is_wrong_is_found(void **state)
{
    static const lmsi_argument swapped_buffers[] = {{"second", LMSI_BUFFER, SECOND},
                                                    {"first", LMSI_BUFFER, FIRST},
                                                    NUMBERS,
                                                    VIEWS,
                                                    TOLD(LMSI_MEM, mem)};
    static const lmsi_argument another_buffer[] = {{"first", LMSI_BUFFER, SECOND},
                                                   {"second", LMSI_BUFFER, FIRST},
                                                   NUMBERS,
                                                   VIEWS,
                                                   TOLD(LMSI_MEM, mem)};
    static const lmsi_argument swapped_numbers[] = {
        FIRST_TWO, TOLD(LMSI_ULONG, m), TOLD(LMSI_UINT, n), VIEWS, TOLD(LMSI_MEM, mem)};
    static const lmsi_argument another_type[] = {
        FIRST_TWO, TOLD(LMSI_ULONG, n), TOLD(LMSI_ULONG, m), VIEWS, TOLD(LMSI_MEM, mem)};
    static const lmsi_argument no_number[] = {FIRST_TWO,
                                              {"n", LMSI_MEM, offsetof(told, mem)},
                                              TOLD(LMSI_ULONG, m),
                                              VIEWS,
                                              TOLD(LMSI_MEM, mem)};
    static const lmsi_argument not_optional[] = {FIRST_TWO, NUMBERS, TOLD(LMSI_VIEW, in),
                                                 TOLD(LMSI_VIEW, out), TOLD(LMSI_MEM, mem)};
    static const lmsi_argument too_few[] = {FIRST_TWO, NUMBERS, VIEWS};
    static const lmsi_argument too_many[] = {FIRST_TWO, NUMBERS, VIEWS, TOLD(LMSI_MEM, mem),
                                             TOLD(LMSI_UINT, n)};
#define CASE(list, message)                                                                    \
    {                                                                                          \
        list, sizeof(list) / sizeof(list)[0], message                                          \
    }
    static const struct {
        const lmsi_argument *list;
        size_t count;
        const char *message;
    } cases[] = {
        CASE(swapped_buffers, "copy: parameter 0 is first, not second"),
        CASE(another_buffer, "copy: first would get the buffer second"),
        CASE(swapped_numbers, "copy: parameter 2 is n, not m"),
        CASE(another_type, "copy: n is uint, not ulong"),
        CASE(no_number, "copy: n is uint, not in global memory"),
        CASE(not_optional, "copy: parameter 6 is has_in, not out"),
        CASE(too_few, "copy: has 10 parameters, not 9"),
        CASE(too_many, "copy: has 10 parameters, and no n"),
    };
    cl_kernel kernel = make(*state, "-cl-kernel-arg-info");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        const lmsi_kernel k = kernel_of(cases[i].list, cases[i].count);
        RIG_FAILS(LMS_E_BUILD, lmsi_arguments_check(kernel, &k, 64, buffers), cases[i].message,
                  "");
    }
    clReleaseKernel(kernel);
}

static const lmsi_argument right[] = {FIRST_TWO, NUMBERS, VIEWS};
static const lmsi_argument last[] = {TOLD(LMSI_MEM, mem)};

/* Some runtimes tell no names; the number of parameters they all do. */
static void test_without_names_their_number_counts(void **state)
{
    const rig *const r = *state;
    const lmsi_kernel k = {
        .name = "copy", .arguments = LMSI_ARGUMENTS(right), .alone = LMSI_ARGUMENTS(last)};
    cl_kernel kernel = make(r, "-cl-kernel-arg-info");
    hook_reset();
    RIG_OK(lmsi_arguments_check(kernel, &k, 1, buffers));
    RIG_FAILS(LMS_E_BUILD, lmsi_arguments_check(kernel, &k, 2, buffers), "has 10 parameters",
              "not 9");
    hook_fail("clGetKernelArgInfo", 1, CL_INVALID_VALUE);
    RIG_FAILS(CL_INVALID_VALUE, lmsi_arguments_check(kernel, &k, 1, buffers),
              "clGetKernelArgInfo", "");
    clReleaseKernel(kernel);
    kernel = make(r, "");
    RIG_OK(lmsi_arguments_check(kernel, &k, 1, buffers));
    RIG_FAILS(LMS_E_BUILD, lmsi_arguments_check(kernel, &k, 2, buffers), "has 10 parameters",
              "not 9");
    clReleaseKernel(kernel);
}

/* Of arguments that are set: the caller's buffer alone is set again, what changes, and what
 * could not be set. */
static void assert_sets_what_changes(cl_kernel kernel, const lmsi_kernel *k,
                                     const lmsi_origin *from, lmsi_values *values)
{
    told other = *(const told *)from->record;
    const lmsi_origin changed = {from->mem, from->count, &other, from->set_pointer};
    other.m += 1;
    other.out.offset += 1;
    for (unsigned nth = 1; nth <= 4; ++nth) {
        hook_reset();
        hook_fail("clSetKernelArg", nth, CL_INVALID_ARG_VALUE);
        if (nth < 4) {
            RIG_FAILS(CL_INVALID_ARG_VALUE, lmsi_arguments_set(kernel, k, 1, &changed, values),
                      "clSetKernelArg of copy", "");
            assert_true(hook_failed());
            assert_int_equal(hook_count("clSetKernelArg"), 3);
            hook_reset();
            RIG_OK(lmsi_arguments_set(kernel, k, 1, &changed, values));
            assert_int_equal(hook_count("clSetKernelArg"), nth == 2 ? 1 : 2);
        } else {
            RIG_OK(lmsi_arguments_set(kernel, k, 1, &changed, values));
            assert_int_equal(hook_count("clSetKernelArg"), 3);
        }
        hook_reset();
        RIG_OK(lmsi_arguments_set(kernel, k, 1, from, values));
        assert_int_equal(hook_count("clSetKernelArg"), 3);
        hook_reset();
        RIG_OK(lmsi_arguments_set(kernel, k, 1, from, values));
        assert_int_equal(hook_count("clSetKernelArg"), 1);
    }
}

static void test_what_is_set_arrives(void **state)
{
    const rig *const r = *state;
    const lmsi_kernel k = {
        .name = "copy", .arguments = LMSI_ARGUMENTS(right), .alone = LMSI_ARGUMENTS(last)};
    const size_t one = 1;
    cl_kernel kernel = make(r, "");
    cl_mem mem[2] = {NULL, NULL}, out = NULL;
    cl_int code = CL_SUCCESS, got[5] = {0};
    mem[FIRST] = clCreateBuffer(r->context, CL_MEM_READ_WRITE, 4, NULL, &code);
    mem[SECOND] = clCreateBuffer(r->context, CL_MEM_READ_WRITE, 4, NULL, &code);
    out = clCreateBuffer(r->context, CL_MEM_READ_WRITE, sizeof got, NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    told t = {.n = 5, .m = 7, .out = {out, 3}, .mem = out};
    const lmsi_origin from = {mem, 2, &t, NULL};
    lmsi_values values = {0};
    for (int given = 0; given < 2; ++given) {
        const cl_int expected = given ? 22 : -1;
        if (given) t.in = (lms_view){mem[SECOND], 0, NULL};
        RIG_OK(lmsi_arguments_set(kernel, &k, 1, &from, &values));
        assert_int_equal(
            clEnqueueNDRangeKernel(r->queue, kernel, 1, NULL, &one, &one, 0, NULL, NULL), 0);
        assert_int_equal(
            clEnqueueReadBuffer(r->queue, out, CL_TRUE, 0, sizeof got, got, 0, NULL, NULL), 0);
        assert_int_equal(got[0], 33);
        assert_int_equal(got[3], 12);
        assert_int_equal(got[4], expected);
    }
    assert_sets_what_changes(kernel, &k, &from, &values);
    clReleaseMemObject(mem[FIRST]);
    clReleaseMemObject(mem[SECOND]);
    clReleaseMemObject(out);
    clReleaseKernel(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wrong_is_found),
        cmocka_unit_test(test_without_names_their_number_counts),
        cmocka_unit_test(test_what_is_set_arrives),
    };
    return cmocka_run_group_tests_name("kernel_arguments", tests, rig_setup, rig_teardown);
}
