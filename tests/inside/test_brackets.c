/* Bounds against exact integers: of rows at every edge, what groups and a rough pass say of the
 * mass of the row and of what is before a token holds the oracle's integer, and a comparison
 * that they decide is the exact one. The kernel of brackets.cl asks the library's functions,
 * because a draw shows only the comparisons that it happens to need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/source.h"
#include "lmsample.h"

#include "../support/brackets.h"
#include "../support/device.h"
#include "../support/edge.h"
#include "../support/gen.h"
#include "../support/memory.h"
#include "../support/oracle_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define BATCH 250u

typedef struct form {
    lms_dtype dtype;
    unsigned lanes;
} form;

typedef struct device {
    form form;
    cl_context context;
    cl_command_queue queue;
    cl_program program;
    cl_kernel kernel;
    cl_mem logits, questions, answers, workspace[4];
} device;

static lms_context *ctx;
static bracket_tally seen;
static unsigned long rows_each = 2500;

/* --- The device. -------------------------------------------------------------------------- */

static char *joined(form f)
{
    static const char *const files[] = {"tests/support/bracket_records.h",
                                        "tests/inside/brackets.cl"};
    char prelude[300];
    snprintf(prelude, sizeof prelude,
             "#pragma OPENCL FP_CONTRACT OFF\n#define LMS_ELEMENTS %d\n#define LMS_TOKENS 1\n"
             "#define LMS_TEAM 1\n#define LMS_LANES %u\n",
             (int)f.dtype, f.lanes);
    char *text = lmsi_source_join(prelude, LMSI_SAMPLE);
    assert_non_null(text);
    for (size_t i = 0; i < LENGTH(files); ++i) {
        const size_t size = strlen(text), room = 1u << 16;
        FILE *const file = fopen(files[i], "r");
        assert_non_null(file);
        text = realloc(text, size + room);
        assert_non_null(text);
        const size_t read = fread(text + size, 1, room - 1, file);
        assert_in_range(read, 1, room - 2);
        text[size + read] = '\0';
        fclose(file);
    }
    return text;
}

static cl_mem buffer(const device *d, size_t size)
{
    cl_int code = CL_SUCCESS;
    cl_mem made = clCreateBuffer(d->context, CL_MEM_READ_WRITE, size, NULL, &code);
    device_require(code, "clCreateBuffer");
    return made;
}

static void tell_log(cl_program program, cl_device_id id)
{
    static char log[4000];
    clGetProgramBuildInfo(program, id, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log, NULL);
    print_error("%s\n", log);
}

static device device_of(form f)
{
    static const size_t sizes[] = {8 * sizeof(cl_int), sizeof(cl_int), sizeof(cl_ulong)};
    device d = {f,
                lms_context_cl_context(ctx),
                lms_context_queue(ctx),
                NULL,
                NULL,
                NULL,
                NULL,
                NULL,
                {NULL}};
    cl_int code = CL_SUCCESS;
    cl_device_id id = lms_context_device(ctx);
    char *const text = joined(f);
    const char *texts[] = {text};
    d.program = clCreateProgramWithSource(d.context, 1, texts, NULL, &code);
    device_require(code, "clCreateProgramWithSource");
    code = clBuildProgram(d.program, 1, &id, "-cl-std=CL1.2", NULL, NULL);
    if (code != CL_SUCCESS) tell_log(d.program, id);
    device_require(code, "clBuildProgram");
    d.kernel = clCreateKernel(d.program, "brackets", &code);
    device_require(code, "clCreateKernel");
    free(text);
    d.logits = buffer(&d, (size_t)BATCH * BRACKET_VOCAB * sizeof(float));
    d.questions = buffer(&d, BATCH * sizeof(bracket_question));
    d.answers = buffer(&d, BATCH * sizeof(bracket_answer));
    for (size_t i = 0; i < 3; ++i) {
        d.workspace[i] = buffer(&d, sizes[i] * BRACKET_PLACES * BRACKET_TILES);
    }
    d.workspace[3] = buffer(&d, (size_t)BRACKET_PLACES * BRACKET_LIST * 16);
    return d;
}

static void device_end(device *d)
{
    cl_mem all[] = {d->logits,       d->questions,    d->answers,     d->workspace[0],
                    d->workspace[1], d->workspace[2], d->workspace[3]};
    for (size_t i = 0; i < LENGTH(all); ++i) clReleaseMemObject(all[i]);
    clReleaseKernel(d->kernel);
    clReleaseProgram(d->program);
}

static void ask(device *d, const void *logits, size_t bytes, const bracket_question *questions,
                bracket_answer *answers)
{
    const cl_uint rows = BATCH;
    const size_t one = 1, places = BRACKET_PLACES, size = sizeof(cl_mem);
    cl_mem *const buffers[] = {&d->logits,       &d->questions,    NULL,
                               &d->workspace[0], &d->workspace[1], &d->workspace[2],
                               &d->workspace[3], &d->answers};
    for (cl_uint i = 0; i < LENGTH(buffers); ++i) {
        device_require(buffers[i] ? clSetKernelArg(d->kernel, i, size, buffers[i])
                                  : clSetKernelArg(d->kernel, i, sizeof rows, &rows),
                       "clSetKernelArg");
    }
    device_require(
        clEnqueueWriteBuffer(d->queue, d->logits, CL_TRUE, 0, bytes, logits, 0, NULL, NULL),
        "logits");
    device_require(clEnqueueWriteBuffer(d->queue, d->questions, CL_TRUE, 0,
                                        BATCH * sizeof *questions, questions, 0, NULL, NULL),
                   "questions");
    device_require(
        clEnqueueNDRangeKernel(d->queue, d->kernel, 1, NULL, &places, &one, 0, NULL, NULL),
        "brackets");
    device_require(clEnqueueReadBuffer(d->queue, d->answers, CL_TRUE, 0,
                                       BATCH * sizeof *answers, answers, 0, NULL, NULL),
                   "answers");
}

/* --- Many rows. --------------------------------------------------------------------------- */

/* Fills a row for a temperature, and says what it is. */
typedef const char *filler(float *x, uint32_t vocab, float temperature, uint64_t *state);

static void check_batch(device *d, filler *fill, uint64_t *state)
{
    static bracket_question questions[BATCH];
    static bracket_answer answers[BATCH];
    static bracket_row rows[BATCH];
    static float x[BRACKET_VOCAB];
    char *const logits = memory_zeroed((size_t)BATCH * BRACKET_VOCAB, sizeof(float)),
                *end = logits;
    const size_t size = d->form.dtype == LMS_FLOAT32 ? 4 : 2;
    for (uint32_t r = 0; r < BATCH; ++r) {
        bracket_question *const q = &questions[r];
        rows[r].seed = *state;
        q->at = (uint64_t)(end - logits) / size;
        q->vocab = bracket_vocab(state);
        q->temperature = edge_temperature(state);
        rows[r].name = fill(x, q->vocab, q->temperature, state);
        end = bracket_store(d->form.dtype, end, x, q->vocab);
        bracket_ask(&rows[r], x, q, state);
    }
    ask(d, logits, (size_t)(end - logits), questions, answers);
    for (uint32_t r = 0; r < BATCH; ++r) {
        bracket_check(&rows[r], &questions[r], &answers[r], &seen);
        bracket_row_free(&rows[r]);
    }
    seen.rows += BATCH;
    free(logits);
}

static void check_rows(form f, unsigned long count, filler *fill, uint64_t state)
{
    device d = device_of(f);
    for (unsigned long n = 0; n < count; n += BATCH) check_batch(&d, fill, &state);
    device_end(&d);
}

static void test_float32_by_16(void **unused)
{
    (void)unused;
    check_rows((form){LMS_FLOAT32, 16}, rows_each, edge_row, 1);
}

static void test_float32_by_8(void **unused)
{
    (void)unused;
    check_rows((form){LMS_FLOAT32, 8}, rows_each, edge_row, UINT64_C(1) << 60);
}

static void test_float16(void **unused)
{
    (void)unused;
    check_rows((form){LMS_FLOAT16, 16}, rows_each, edge_row, UINT64_C(2) << 60);
}

static void test_bfloat16(void **unused)
{
    (void)unused;
    check_rows((form){LMS_BFLOAT16, 8}, rows_each, edge_row, UINT64_C(3) << 60);
}

/* Equal tokens at each part of an octave in turn: where a rough weight is furthest off, no
 * other one makes up for it. */
static const char *fill_octave(float *x, uint32_t vocab, float temperature, uint64_t *state)
{
    const double part = (double)gen_below(4096, state) / 4096.0;
    rows_fill_equal(x, vocab, (float)(part * (double)temperature * log(2.0)));
    return "equal";
}

static void test_worst_of_rough(void **unused)
{
    (void)unused;
    check_rows((form){LMS_FLOAT32, 16}, 2000, fill_octave, UINT64_C(4) << 60);
    print_message("%lu rows, %lu views: %lu decided that a token is kept, %lu that it is not\n",
                  seen.rows, seen.views, seen.decided[1], seen.decided[0]);
    print_message("off by, of what they may be: rough sums %.3f (%s), finer ones %.3f (%s), "
                  "others %.3f (%s)\n",
                  seen.pass[0], seen.pass_name[0], seen.pass[1], seen.pass_name[1], seen.others,
                  seen.others_name);
    assert_true(seen.pass[0] > 0.25 && seen.pass[1] > 0.25 && seen.decided[0] > 0 &&
                seen.decided[1] > 0);
    assert_true(seen.decided[0] + seen.decided[1] < seen.views);
}

/* LMS_SLOW_TESTS: a million rows. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float32_by_16),  cmocka_unit_test(test_float32_by_8),
        cmocka_unit_test(test_float16),        cmocka_unit_test(test_bfloat16),
        cmocka_unit_test(test_worst_of_rough),
    };
    if (argc > 1 && strcmp(argv[1], "slow") == 0) rows_each = 250000;
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("brackets", tests, NULL, NULL);
    lms_context_destroy(ctx);
    return failed;
}
