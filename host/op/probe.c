/* probe.c - the device's answers to kernels/probe.cl, against the right ones. */
#include "op/probe.h"

#include "op/shape.h"
#include "base/status.h"

static const struct {
    const char *what;
    uint32_t answer;
} expected[] = {
    LMS_SAMPLER_RECORDS(LMSI_RECORD){"fma is fused", 0x33800000u},
    {"products are rounded on their own", 0},
    {"sums are not rearranged", 0x3f800000u},
    {"scale", 0x3fb89eb1u},
    {"reciprocal", 0x3f800801u},
    {"lg, low half", 0xfd1a9f13u},
    {"lg, high half", 0x00000024u},
    {"weight near the maximum", 0x05e27770u},
    {"weight further down", 0x001b90a2u},
    {"key", (uint32_t)-0x3f801000},
    {"Philox", 0xde08bf52u},
    {"integer to float", 0x5f000000u},
    {"share", 0x24facacdu},
};

#define LMSI_PROBES (sizeof expected / sizeof expected[0])

lms_status lmsi_ask(lms_context *ctx, cl_program program, const char *name,
                    const float *operands, size_t operands_size, void *results,
                    size_t results_size)
{
    lms_status status = LMS_OK;
    cl_int code = CL_SUCCESS;
    cl_mem in = NULL, out = NULL;
    const size_t one = 1;
    cl_kernel kernel = clCreateKernel(program, name, &code);
    LMSI_CL_NAMED(code, "clCreateKernel for a probe");
    in = clCreateBuffer(ctx->context, CL_MEM_READ_ONLY, operands_size, NULL, &code);
    LMSI_CL_NAMED(code, "clCreateBuffer");
    out = clCreateBuffer(ctx->context, CL_MEM_READ_WRITE, results_size, NULL, &code);
    LMSI_CL_NAMED(code, "clCreateBuffer");
    LMSI_CL(clEnqueueWriteBuffer(ctx->queue, in, CL_TRUE, 0, operands_size, operands, 0, NULL,
                                 NULL));
    LMSI_CL(clSetKernelArg(kernel, 0, sizeof in, &in));
    LMSI_CL(clSetKernelArg(kernel, 1, sizeof out, &out));
    LMSI_CL(clEnqueueNDRangeKernel(ctx->queue, kernel, 1, NULL, &one, &one, 0, NULL, NULL));
    LMSI_CL(
        clEnqueueReadBuffer(ctx->queue, out, CL_TRUE, 0, results_size, results, 0, NULL, NULL));
fail:
    if (kernel != NULL) clReleaseKernel(kernel);
    if (in != NULL) clReleaseMemObject(in);
    if (out != NULL) clReleaseMemObject(out);
    return status;
}

lms_status lmsi_probe(lms_context *ctx, cl_program program)
{
    static const float operands[3] = {1.000244140625f, 0.999755859375f, -1.00048828125f};
    lms_status status = LMS_OK;
    uint32_t results[LMSI_PROBES] = {0};
    LMSI_TRY(lmsi_ask(ctx, program, "lms_probe", operands, sizeof operands, results,
                      sizeof results));
    for (size_t i = 0; i < LMSI_PROBES; ++i) {
        LMSI_FAIL_IF(results[i] != expected[i].answer, LMS_E_UNSUPPORTED,
                     "device %s: %s gives 0x%08x, not 0x%08x, so its tokens would differ",
                     ctx->device.name, expected[i].what, (unsigned)results[i],
                     (unsigned)expected[i].answer);
    }
fail:
    return status;
}
