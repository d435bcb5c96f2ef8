#include "self_test.h"

#include "build_notice.h"
#include "clock.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    VOCAB = 1000
};

#define P(seed, step, t, top_p, min_p, top_k, flags)                                           \
    {                                                                                          \
        seed, step, LMS_REQUEST_INIT, {t, top_p, min_p, top_k, flags, 0}, 0, 0, { 0, 0 }       \
    }

/* What docs/reference/specification.md gives for the rows below: by its plain implementation,
 * tests/support/oracle.c. */
static const struct {
    lms_row_params params;
    int32_t token;
    uint32_t status;
    int32_t kept;
} known[SELF_TEST_ROWS] = {
    /* clang-format off */
    /*  seed, step, T, top-p, min-p, top-k, flags */
    {P(0, 0, 0.0f,  1.0f,    0.0f,    0,  LMS_PRESET_VLLM),            53,   LMS_ROW_OK, 1},
    {P(1, 0, 1.0f,  1.0f,    0.0f,    0,  LMS_PRESET_VLLM),            747, LMS_ROW_OK, 1000},
    {P(2, 1, 0.75f, 1.0f,    0.0f,    50, LMS_PRESET_VLLM),            802, LMS_ROW_OK, 50},
    {P(3, 2, 1.0f,  0.875f,  0.0f,    0,  LMS_PRESET_VLLM),            146, LMS_ROW_OK, 273},
    {P(4, 3, 1.25f, 1.0f,    0.125f,  0,  LMS_PRESET_VLLM),            363, LMS_ROW_OK, 343},
    {P(5, 4, 1.5f,  0.9375f, 0.0f,    40, LMS_PRESET_HUGGING_FACE),    28,  LMS_ROW_OK, 45},
    {P(6, 5, 1.5f,  0.75f,   0.0625f, 0,  LMS_PRESET_LLAMA_CPP),       563, LMS_ROW_OK, 182},
    {P(7, 6, 1.0f,  1.0f,    0.0f,    0,  LMS_PRESET_VLLM),            -1,   LMS_ROW_EMPTY, 0},
    /* clang-format on */
};

typedef struct test_rows {
    union {
        float float32[SELF_TEST_ROWS][VOCAB];
        uint16_t bits16[SELF_TEST_ROWS][VOCAB];
    } logits;
    int32_t tokens[SELF_TEST_ROWS];
    uint32_t status[SELF_TEST_ROWS];
    int32_t kept[SELF_TEST_ROWS];
} test_rows;

__attribute__((format(printf, 2, 3))) static void set_problem(self_test *result,
                                                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->problem, sizeof result->problem, format, arguments);
    va_end(arguments);
}

/* Multiples of 1/8 up to 3.75, which every type holds exactly; the last row is empty. */
static float logit_at(unsigned row, unsigned token)
{
    if (row == SELF_TEST_ROWS - 1) return -INFINITY;
    return (float)((int)((token * 389 + row * 17) % 61) - 30) / 8;
}

/* Exact for those: they have few bits, and no exponent that float16 lacks. */
static uint16_t narrow(float x, lms_dtype type)
{
    uint32_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    if (type == LMS_BFLOAT16) return (uint16_t)(bits >> 16);
    const uint32_t sign = bits >> 16 & 0x8000u;
    if (x == 0) return (uint16_t)sign;
    if (isinf(x)) return (uint16_t)(sign | 0x7c00u);
    return (uint16_t)(sign | ((bits & 0x7fffffffu) - (112u << 23)) >> 13);
}

static void fill(test_rows *rows, lms_dtype type)
{
    for (unsigned row = 0; row < SELF_TEST_ROWS; row++) {
        for (unsigned token = 0; token < VOCAB; token++) {
            const float x = logit_at(row, token);
            if (type == LMS_FLOAT32) {
                rows->logits.float32[row][token] = x;
            } else {
                rows->logits.bits16[row][token] = narrow(x, type);
            }
        }
    }
}

/* How many tokens are kept is asked for by one of two calls: a row's token is found in another
 * way where nobody wants to know that. */
static lms_status sample(lms_sampler *sampler, bool wants_kept, test_rows *rows)
{
    lms_row_params params[SELF_TEST_ROWS];
    lms_sample_host_args batch = {0};
    for (size_t row = 0; row < SELF_TEST_ROWS; row++) params[row] = known[row].params;
    batch.rows = SELF_TEST_ROWS;
    batch.logits = &rows->logits;
    batch.params = params;
    batch.tokens = rows->tokens;
    batch.status = rows->status;
    if (wants_kept) batch.kept = rows->kept;
    return lms_sample_host(sampler, &batch);
}

static void compare(const test_rows *rows, self_test *result)
{
    for (unsigned row = 0; row < SELF_TEST_ROWS && result->problem[0] == '\0'; row++) {
        if (rows->tokens[row] != known[row].token) {
            set_problem(result, "row %u gives token %ld, must be %ld", row,
                        (long)rows->tokens[row], (long)known[row].token);
        } else if (rows->status[row] != known[row].status) {
            set_problem(result, "row %u gives status 0x%lx, must be 0x%lx", row,
                        (unsigned long)rows->status[row], (unsigned long)known[row].status);
        } else if (rows->kept[row] != known[row].kept) {
            set_problem(result, "row %u keeps %ld tokens, must keep %ld", row,
                        (long)rows->kept[row], (long)known[row].kept);
        }
    }
}

static lms_status create(lms_context *context, lms_dtype type, lms_sampler **out,
                         double *seconds)
{
    const lms_sampler_desc desc = {
        .vocab = VOCAB, .max_rows = SELF_TEST_ROWS, .logits = type, .outputs = LMS_OUT_KEPT};
    const double begin = clock_seconds();
    build_notice_begin();
    const lms_status status = lms_sampler_create(context, &desc, out);
    build_notice_end();
    *seconds = clock_seconds() - begin;
    return status;
}

static void test_type(lms_context *context, lms_dtype type, self_test *result)
{
    static test_rows rows;
    lms_sampler *sampler = NULL;
    lms_status status = create(context, type, &sampler, &result->start_seconds);
    double last = 0;
    fill(&rows, type);
    /* Runtimes finish the kernels at their first use. */
    for (int i = 0; i < 2 && status == LMS_OK && result->problem[0] == '\0'; i++) {
        const double start = clock_seconds();
        status = sample(sampler, i == 0, &rows);
        last = clock_seconds() - start;
        if (status == LMS_OK) compare(&rows, result);
    }
    result->sample_seconds = last;
    if (status != LMS_OK) set_problem(result, "%s", lms_error_message());
    lms_sampler_destroy(sampler);
}

/* The same in another context, which finds in the caches what the first one has put there. */
static void test_again(lms_context *context, lms_dtype type, self_test *result)
{
    lms_sampler *sampler = NULL;
    if (result->problem[0] != '\0') return;
    if (create(context, type, &sampler, &result->again_seconds) != LMS_OK) {
        set_problem(result, "the second time: %s", lms_error_message());
    }
    lms_sampler_destroy(sampler);
}

static void test_types(const lms_device *device, self_test results[SELF_TEST_TYPES],
                       void (*test)(lms_context *, lms_dtype, self_test *))
{
    lms_context *context = NULL;
    cl_int code = CL_SUCCESS;
    lms_status status = LMS_OK;
    /* By its handle: two devices may have one name. */
    cl_context opened = clCreateContext(NULL, 1, &device->id, NULL, NULL, &code);
    if (code == CL_SUCCESS) status = lms_context_create(opened, device->id, &context);
    for (int i = 0; i < SELF_TEST_TYPES; i++) {
        if (code != CL_SUCCESS) {
            set_problem(&results[i], "clCreateContext: %s", lms_status_text(code));
        } else if (status != LMS_OK) {
            set_problem(&results[i], "%s", lms_error_message());
        } else {
            test(context, (lms_dtype)(LMS_FLOAT32 + i), &results[i]);
        }
    }
    lms_context_destroy(context);
    if (opened != NULL) clReleaseContext(opened);
}

void self_test_run(const lms_device *device, self_test results[SELF_TEST_TYPES])
{
    static const char *const types[] = {"float32", "float16", "bfloat16"};
    memset(results, 0, SELF_TEST_TYPES * sizeof *results);
    for (int i = 0; i < SELF_TEST_TYPES; i++) results[i].type = types[i];
    test_types(device, results, test_type);
    test_types(device, results, test_again);
}
