/* program.c - builds programs, and keeps what is built. */
#include "base/program.h"

#include "base/cache.h"
#include "base/runtime.h"
#include "base/source.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* CL1.2 by name: without it some runtimes compile as 3.0. Never a relaxed-math option: those
 * fold the rounding tricks of weights.cl away. The names of kernels' parameters are asked for
 * when kernels are made (op/arguments.h). */
static const char build_options[] = "-cl-std=CL1.2 -cl-kernel-arg-info";

/* Runtimes that keep programs by their source and options have another entry of their cache for
 * these, where the first one may be damaged. */
static const char other_options[] = "-cl-std=CL1.2 -cl-kernel-arg-info -DLMS_ANOTHER_ENTRY";

#define LMSI_PRELUDE_BYTES 384u

static void print_prelude(const lmsi_variant *v, char text[LMSI_PRELUDE_BYTES])
{
    snprintf(text, LMSI_PRELUDE_BYTES,
             "#pragma OPENCL FP_CONTRACT OFF\n" /* a contracted a*b+c is rounded once */
             "#define LMS_ELEMENTS %d\n"        /* lms_dtype */
             "#define LMS_TOKENS %d\n"          /* lms_token_type */
             "#define LMS_TEAM %u\n"
             "#define LMS_LANES %u\n",
             (int)v->elements, (int)v->tokens, (unsigned)v->team, (unsigned)v->lanes);
}

/* Each text behind its length: none can end in the next one. */
char *lmsi_program_key(const lmsi_device *device, const char *options, const char *text)
{
    const char *const parts[] = {device->platform, device->name, device->driver,
                                 device->version,  options,      text};
    const size_t count = sizeof parts / sizeof parts[0];
    size_t size = 128, at = 0;
    for (size_t i = 0; i < count; ++i) size += strlen(parts[i]) + 32;
    char *const key = malloc(size);
    if (key == NULL) return NULL;
    at = (size_t)snprintf(key, size, "lmsample %u\nvendor %x\n%u-bit host\n",
                          (unsigned)LMS_VERSION, (unsigned)device->vendor,
                          (unsigned)(8 * sizeof(void *)));
    for (size_t i = 0; i < count; ++i) {
        at += (size_t)snprintf(key + at, size - at, "%zu %s\n", strlen(parts[i]), parts[i]);
    }
    return key;
}

/* The build's log, which the caller frees; NULL: it cannot be had. */
static char *read_log(const lms_context *ctx, cl_program program)
{
    size_t size = 0;
    if (clGetProgramBuildInfo(program, ctx->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size)) {
        return NULL;
    }
    char *const log = malloc(size + 1);
    if (log == NULL) return NULL;
    if (clGetProgramBuildInfo(program, ctx->id, CL_PROGRAM_BUILD_LOG, size, log, NULL)) {
        free(log);
        return NULL;
    }
    log[size] = '\0';
    return log;
}

/* Does the program have kernels? Another code than that it has none is passed on. */
static cl_int find_kernels(cl_program program, lmsi_kind kind, int *found)
{
    const int prepares = kind == LMSI_PREPARE || kind == LMSI_PREPARE_SEARCH;
    const char *const name = kind == LMSI_CONTEXT ? "lms_context_probe"
                             : kind == LMSI_SLOTS ? "lms_slots_probe"
                             : prepares           ? "lms_prepare_probe"
                                                  : "lms_probe";
    cl_int code = CL_SUCCESS;
    cl_kernel kernel = clCreateKernel(program, name, &code);
    *found = code == CL_SUCCESS;
    if (kernel != NULL) clReleaseKernel(kernel);
    return code == CL_INVALID_KERNEL_NAME ? CL_SUCCESS : code;
}

static cl_program from_cache(lms_context *ctx, const char *key, lmsi_kind kind)
{
    size_t size = 0;
    cl_int code = CL_SUCCESS, binary_code = CL_SUCCESS;
    int found = 0;
    unsigned char *const binary = lmsi_cache_load(ctx->cache_dir, key, strlen(key), &size);
    if (binary == NULL) return NULL;
    const unsigned char *binaries[1] = {binary};
    cl_program program = clCreateProgramWithBinary(ctx->context, 1, &ctx->id, &size, binaries,
                                                   &binary_code, &code);
    free(binary);
    if (code == CL_SUCCESS && binary_code == CL_SUCCESS &&
        clBuildProgram(program, 1, &ctx->id, build_options, NULL, NULL) == CL_SUCCESS &&
        find_kernels(program, kind, &found) == CL_SUCCESS && found) {
        return program;
    }
    if (program != NULL) clReleaseProgram(program);
    return NULL;
}

static void to_cache(lms_context *ctx, const char *key, cl_program program)
{
    cl_uint devices = 0;
    if (clGetProgramInfo(program, CL_PROGRAM_NUM_DEVICES, sizeof devices, &devices, NULL) ||
        devices == 0) {
        return;
    }
    cl_device_id *const ids = calloc(devices, sizeof *ids);
    size_t *const sizes = calloc(devices, sizeof *sizes);
    unsigned char **const binaries = calloc(devices, sizeof *binaries);
    if (ids == NULL || sizes == NULL || binaries == NULL) goto done;
    if (clGetProgramInfo(program, CL_PROGRAM_DEVICES, devices * sizeof *ids, ids, NULL) ||
        clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, devices * sizeof *sizes, sizes,
                         NULL)) {
        goto done;
    }
    /* Every device's: a NULL entry should skip its device, but pocl writes there. */
    for (cl_uint i = 0; i < devices; ++i) {
        if (sizes[i] == 0) continue;
        binaries[i] = malloc(sizes[i]);
        if (binaries[i] == NULL) goto done;
    }
    if (clGetProgramInfo(program, CL_PROGRAM_BINARIES, devices * sizeof *binaries, binaries,
                         NULL) == CL_SUCCESS) {
        for (cl_uint i = 0; i < devices; ++i) {
            if (!lmsi_device_is_of(ctx->id, ids[i]) || binaries[i] == NULL) continue;
            lmsi_cache_store(ctx->cache_dir, key, strlen(key), binaries[i], sizes[i]);
        }
    }
done:
    for (cl_uint i = 0; binaries != NULL && i < devices; ++i) free(binaries[i]);
    free(ids);
    free(sizes);
    free(binaries);
}

/* A build that failed. *again: may it be the runtime's cache that is at fault? Where the
 * compiler has something to say, it is not. */
static lms_status build_fail(const lms_context *ctx, cl_program program, int *again)
{
    char hint[LMSI_HINT_BYTES] = "";
    char *const log = read_log(ctx, program);
    *again = log != NULL && lmsi_is_pocl(ctx->device.platform) && strstr(log, "error:") == NULL;
    if (*again) lmsi_pocl_hint(1, hint);
    lmsi_log_keep(ctx->serial, log == NULL ? "" : log);
    free(log);
    const char *const kept = lmsi_log_of(ctx->serial);
    size_t length = strnlen(kept, 300);
    while (length > 0 && kept[length - 1] == '\n') --length;
    return lmsi_fail(LMS_E_BUILD, "clBuildProgram (%d) on %s: %.*s%s",
                     (int)CL_BUILD_PROGRAM_FAILURE, ctx->device.name, (int)length, kept, hint);
}

/* A damaged entry of a runtime's cache can give a program that has no kernels, and builds. */
static lms_status empty_fail(const lms_context *ctx, int *again)
{
    char hint[LMSI_HINT_BYTES] = "";
    *again = 1;
    if (lmsi_is_pocl(ctx->device.platform)) lmsi_pocl_hint(1, hint);
    return lmsi_fail(LMS_E_BUILD, "what %s has built has no kernels%s", ctx->device.name, hint);
}

static lms_status from_source(lms_context *ctx, const char *text, lmsi_kind kind,
                              const char *options, cl_program *out, int *again)
{
    lms_status status = LMS_OK;
    cl_int code = CL_SUCCESS;
    int found = 0;
    const char *texts[1] = {text};
    cl_program program = clCreateProgramWithSource(ctx->context, 1, texts, NULL, &code);
    *again = 0;
    LMSI_CL_NAMED(code, "clCreateProgramWithSource");
    code = clBuildProgram(program, 1, &ctx->id, options, NULL, NULL);
    if (code == CL_BUILD_PROGRAM_FAILURE) LMSI_TRY(build_fail(ctx, program, again));
    LMSI_CL_NAMED(code, "clBuildProgram");
    LMSI_CL_NAMED(find_kernels(program, kind, &found), "clCreateKernel");
    if (!found) LMSI_TRY(empty_fail(ctx, again));
    *out = program;
    return LMS_OK;

fail:
    if (program != NULL) clReleaseProgram(program);
    return status;
}

static lms_status build(lms_context *ctx, const lmsi_variant *variant, cl_program *out)
{
    lms_status status = LMS_OK;
    const lmsi_kind kind = variant->kind;
    cl_program program = NULL;
    int again = 0;
    char prelude[LMSI_PRELUDE_BYTES];
    print_prelude(variant, prelude);
    char *const text = lmsi_source_join(prelude, kind);
    char *const key = text == NULL ? NULL : lmsi_program_key(&ctx->device, build_options, text);
    LMSI_FAIL_IF(key == NULL, LMS_E_MEMORY, "out of memory for the program's text");
    if (ctx->cache_dir != NULL) program = from_cache(ctx, key, kind);
    if (program == NULL) {
        status = from_source(ctx, text, kind, build_options, &program, &again);
        if (again) status = from_source(ctx, text, kind, other_options, &program, &again);
        if (status == LMS_OK && ctx->cache_dir != NULL) to_cache(ctx, key, program);
    }
    *out = program;
fail:
    free(text);
    free(key);
    return status;
}

static int are_equal(const lmsi_variant *a, const lmsi_variant *b)
{
    return a->kind == b->kind && a->elements == b->elements && a->tokens == b->tokens &&
           a->team == b->team && a->lanes == b->lanes;
}

static lms_status get(lms_context *ctx, const lmsi_variant *variant, cl_program *out)
{
    lms_status status = LMS_OK;
    lmsi_program *entry = ctx->programs;
    while (entry != NULL && !are_equal(&entry->variant, variant)) entry = entry->next;
    if (entry == NULL) {
        entry = calloc(1, sizeof *entry);
        LMSI_FAIL_IF(entry == NULL, LMS_E_MEMORY, "out of memory for a program");
        status = build(ctx, variant, &entry->program);
        if (status != LMS_OK) {
            free(entry);
            goto fail;
        }
        entry->variant = *variant;
        entry->next = ctx->programs;
        ctx->programs = entry;
    }
    *out = entry->program;
fail:
    return status;
}

lms_status lmsi_program_get(lms_context *ctx, const lmsi_variant *variant, cl_program *out)
{
    pthread_mutex_lock(&ctx->lock);
    const lms_status status = get(ctx, variant, out);
    pthread_mutex_unlock(&ctx->lock);
    return status;
}
