/* probe.c - runs a probe and compares its answers; what programs of rows are asked. */
#include "op/probe.h"

#include "base/memory.h"
#include "base/status.h"
#include "op/shape.h"

static const lmsi_answer answers[] = {
    LMS_SAMPLER_RECORDS(LMSI_RECORD){"fma is fused", 0x33800000u},
    {"products are rounded on their own", 0},
    {"sums are not rearranged", 0x3f800000u},
    {"scale", 0x3fb89eb1u},
    {"reciprocal", 0x3f800801u},
    {"lg", 0x24fd1a9f13u},
    {"weight near the maximum", 0x05e27770u},
    {"weight further down", 0x001b90a2u},
    {"key", (uint32_t)-0x3f801000},
    {"Philox", 0xde08bf52u},
    {"integer to float", 0x5f000000u},
    {"share", 0x24facacdu},
};

_Static_assert(sizeof answers / sizeof answers[0] <= LMSI_MOST_ANSWERS, "all have room");

const lmsi_probe lmsi_row_probe = {"lms_probe",
                                   "tokens",
                                   {1.000244140625f, 0.999755859375f, -1.00048828125f},
                                   answers,
                                   sizeof answers / sizeof answers[0]};

static lms_status run(lms_context *ctx, cl_program program, const lmsi_probe *probe,
                      uint64_t *results)
{
    lms_status status = LMS_OK;
    cl_int code = CL_SUCCESS;
    cl_mem in = NULL, out = NULL;
    const size_t one = 1, bytes = probe->count * sizeof *results;
    cl_kernel kernel = clCreateKernel(program, probe->kernel, &code);
    LMSI_CL_NAMED(code, "clCreateKernel for a probe");
    in = clCreateBuffer(ctx->context, CL_MEM_READ_ONLY, sizeof probe->operands, NULL, &code);
    LMSI_CL_NAMED(code, "clCreateBuffer");
    out = clCreateBuffer(ctx->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    LMSI_CL_NAMED(code, "clCreateBuffer");
    LMSI_CL(clEnqueueWriteBuffer(ctx->queue, in, CL_TRUE, 0, sizeof probe->operands,
                                 probe->operands, 0, NULL, NULL));
    LMSI_CL(clSetKernelArg(kernel, 0, sizeof in, &in));
    LMSI_CL(clSetKernelArg(kernel, 1, sizeof out, &out));
    LMSI_CL(clEnqueueNDRangeKernel(ctx->queue, kernel, 1, NULL, &one, &one, 0, NULL, NULL));
    LMSI_CL(clEnqueueReadBuffer(ctx->queue, out, CL_TRUE, 0, bytes, results, 0, NULL, NULL));
fail:
    if (kernel != NULL) clReleaseKernel(kernel);
    lmsi_memory_release(&in, 1);
    lmsi_memory_release(&out, 1);
    return status;
}

lms_status lmsi_probe_ask(lms_context *ctx, cl_program program, const lmsi_probe *probe)
{
    lms_status status = LMS_OK;
    uint64_t results[LMSI_MOST_ANSWERS] = {0};
    LMSI_TRY(run(ctx, program, probe, results));
    for (size_t i = 0; i < probe->count; ++i) {
        const lmsi_answer *const right = &probe->answers[i];
        const int digits = right->value > UINT32_MAX ? 16 : 8;
        LMSI_FAIL_IF(results[i] != right->value, LMS_E_UNSUPPORTED,
                     "device %s: %s gives 0x%0*llx, not 0x%0*llx, so its %s would differ",
                     ctx->device.name, right->what, digits, (unsigned long long)results[i],
                     digits, (unsigned long long)right->value, probe->decides);
    }
fail:
    return status;
}
