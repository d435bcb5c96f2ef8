/* arguments.c - kernel arguments by their tables: compared with the kernel's own, and set. */
#include "op/arguments.h"

#include "base/status.h"

#include <stdio.h>
#include <string.h>

#define LMSI_NAME_BYTES 80u

/* A parameter of a kernel: a pointer to global memory, or a number of that type. */
typedef struct parameter {
    const char *before, *name, *after; /* the parts of its name */
    const char *type;                  /* NULL: a pointer to global memory */
} parameter;

/* The parameters of an entry, of which the first `count` are there. */
static size_t list_parameters(const lmsi_argument *a, parameter out[3])
{
    const char *const number = a->kind == LMSI_UINT    ? "uint"
                               : a->kind == LMSI_ULONG ? "ulong"
                                                       : NULL;
    out[0] = (parameter){"", a->name, "", number};
    out[1] = (parameter){"", a->name, "_offset", "ulong"};
    out[2] = (parameter){"has_", a->name, "", "uint"};
    return a->kind == LMSI_OPTIONAL ? 3 : a->kind == LMSI_VIEW ? 2 : 1;
}

static lms_status parameter_check(cl_kernel kernel, const lmsi_kernel *k,
                                  const parameter *expected, cl_uint i)
{
    lms_status status = LMS_OK;
    char name[LMSI_NAME_BYTES] = "", type[LMSI_NAME_BYTES] = "", wanted[LMSI_NAME_BYTES];
    cl_kernel_arg_address_qualifier place = 0;
    const cl_int code =
        clGetKernelArgInfo(kernel, i, CL_KERNEL_ARG_NAME, sizeof name, name, NULL);
    if (code == CL_KERNEL_ARG_INFO_NOT_AVAILABLE) return LMS_OK;
    LMSI_CL_NAMED(code, "clGetKernelArgInfo");
    LMSI_CL(clGetKernelArgInfo(kernel, i, CL_KERNEL_ARG_TYPE_NAME, sizeof type, type, NULL));
    LMSI_CL(clGetKernelArgInfo(kernel, i, CL_KERNEL_ARG_ADDRESS_QUALIFIER, sizeof place, &place,
                               NULL));
    snprintf(wanted, sizeof wanted, "%s%s%s", expected->before, expected->name,
             expected->after);
    LMSI_FAIL_IF(strcmp(name, wanted) != 0, LMS_E_BUILD, "%s: parameter %u is %s, not %s",
                 k->name, (unsigned)i, name, wanted);
    LMSI_FAIL_IF(expected->type == NULL ? place != CL_KERNEL_ARG_ADDRESS_GLOBAL
                                        : strcmp(type, expected->type) != 0,
                 LMS_E_BUILD, "%s: %s is %s, not %s", k->name, wanted, type,
                 expected->type == NULL ? "in global memory" : expected->type);
fail:
    return status;
}

/* The parameters from *next on. */
static lms_status table_check(cl_kernel kernel, const lmsi_kernel *k,
                              const lmsi_arguments *table, const lmsi_buffer *buffers,
                              cl_uint count, cl_uint *next)
{
    lms_status status = LMS_OK;
    for (size_t i = 0; i < table->count; ++i) {
        const lmsi_argument *const a = &table->list[i];
        parameter list[3];
        const size_t parameters = list_parameters(a, list);
        LMSI_FAIL_IF(a->kind == LMSI_BUFFER && strcmp(buffers[a->from].name, a->name) != 0,
                     LMS_E_BUILD, "%s: %s would get the buffer %s", k->name, a->name,
                     buffers[a->from].name);
        LMSI_FAIL_IF(*next + parameters > count, LMS_E_BUILD,
                     "%s: has %u parameters, and no %s", k->name, (unsigned)count, a->name);
        for (size_t p = 0; p < parameters; ++p) {
            LMSI_TRY(parameter_check(kernel, k, &list[p], (*next)++));
        }
    }
fail:
    return status;
}

lms_status lmsi_arguments_check(cl_kernel kernel, const lmsi_kernel *k, uint32_t team,
                                const lmsi_buffer *buffers)
{
    lms_status status = LMS_OK;
    cl_uint count = 0, next = 0;
    LMSI_CL(clGetKernelInfo(kernel, CL_KERNEL_NUM_ARGS, sizeof count, &count, NULL));
    LMSI_TRY(table_check(kernel, k, &k->arguments, buffers, count, &next));
    if (team == 1) LMSI_TRY(table_check(kernel, k, &k->alone, buffers, count, &next));
    LMSI_FAIL_IF(next != count, LMS_E_BUILD, "%s: has %u parameters, not %u", k->name,
                 (unsigned)count, (unsigned)next);
    LMSI_FAIL_IF(count > LMSI_MOST_PARAMETERS, LMS_E_BUILD, "%s: has %u parameters, above %u",
                 k->name, (unsigned)count, LMSI_MOST_PARAMETERS);
fail:
    return status;
}

/* --- Setting ----------------------------------------------------------------------------- */

/* A kernel whose parameters are set one after the other, and the first failure. */
typedef struct setter {
    cl_kernel kernel;
    const lmsi_origin *from;
    lmsi_values *values;
    cl_uint next;
    cl_int code;
} setter;

/* Sets the next parameter, unless it is known to have this value. A value that `lasts` means
 * the same in later calls. Only such values are known, so that one that is equal is the same.
 * What a parameter has after a failure, nobody knows. */
static void set(setter *s, size_t size, const void *value, int lasts)
{
    const cl_uint i = s->next++;
    uint64_t bits = 0;
    memcpy(&bits, value, size);
    if (s->values->known[i] && s->values->list[i] == bits) return;
    const cl_int code = clSetKernelArg(s->kernel, i, size, value);
    if (s->code == CL_SUCCESS) s->code = code;
    s->values->list[i] = bits;
    s->values->known[i] = code == CL_SUCCESS && lasts;
}

static int is_own(const lmsi_origin *from, cl_mem buffer)
{
    for (size_t i = 0; i < from->count; ++i) {
        if (from->mem[i] == buffer) return 1;
    }
    return 0;
}

/* A pointer to what is no buffer: like a caller's buffer, set in every call. */
static void set_pointer(setter *s, const void *pointer)
{
    const cl_uint i = s->next++;
    const cl_int code = s->from->set_pointer(s->kernel, i, pointer);
    if (s->code == CL_SUCCESS) s->code = code;
    s->values->known[i] = 0;
}

static void set_view(setter *s, const lms_view *view, int is_optional)
{
    cl_mem buffer = view->buffer != NULL ? view->buffer : s->from->mem[0];
    const cl_ulong offset = view->offset;
    const cl_uint is_given = (cl_uint)lmsi_is_given(*view);
    if (view->svm != NULL)
        set_pointer(s, view->svm);
    else
        set(s, sizeof buffer, &buffer, is_own(s->from, buffer));
    set(s, sizeof offset, &offset, 1);
    if (is_optional) set(s, sizeof is_given, &is_given, 1);
}

static void set_table(setter *s, const lmsi_arguments *table)
{
    for (size_t i = 0; i < table->count; ++i) {
        const lmsi_argument *const a = &table->list[i];
        const void *const member = (const char *)s->from->record + a->from;
        switch (a->kind) {
        case LMSI_BUFFER: set(s, sizeof(cl_mem), &s->from->mem[a->from], 1); break;
        case LMSI_MEM: set(s, sizeof(cl_mem), member, 1); break;
        case LMSI_UINT: set(s, sizeof(cl_uint), member, 1); break;
        case LMSI_ULONG: set(s, sizeof(cl_ulong), member, 1); break;
        case LMSI_VIEW: set_view(s, member, 0); break;
        case LMSI_OPTIONAL: set_view(s, member, 1); break;
        }
    }
}

lms_status lmsi_arguments_set(cl_kernel kernel, const lmsi_kernel *k, uint32_t team,
                              const lmsi_origin *from, lmsi_values *values)
{
    char what[80];
    setter s = {kernel, from, values, 0, CL_SUCCESS};
    set_table(&s, &k->arguments);
    if (team == 1) set_table(&s, &k->alone);
    if (s.code == CL_SUCCESS) return LMS_OK;
    snprintf(what, sizeof what, "clSetKernelArg of %s", k->name);
    return lmsi_cl_fail(s.code, what);
}
