#include "stage.h"

#include "machine.h"
#include "read.h"
#include "say.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Four loads of 16 bytes in flight for each work-item, neighbours side by side. */
static const char read_source[] =
    "__kernel void read_all(__global const uint4 *data, ulong from, ulong count,\n"
    "                       __global uint *sink)\n"
    "{\n"
    "    const ulong step = get_global_size(0);\n"
    "    uint4 a = 0, b = 0, c = 0, d = 0;\n"
    "    ulong i = get_global_id(0);\n"
    "    data += from;\n"
    "    for (; i + 3 * step < count; i += 4 * step) {\n"
    "        a ^= data[i];\n"
    "        b ^= data[i + step];\n"
    "        c ^= data[i + 2 * step];\n"
    "        d ^= data[i + 3 * step];\n"
    "    }\n"
    "    for (; i < count; i += step) a ^= data[i];\n"
    "    a ^= b ^ c ^ d;\n"
    "    if ((a.x ^ a.y ^ a.z ^ a.w) == 0x9e3779b9u) *sink = a.x;\n"
    "}\n";

#define READ_GROUP ((size_t)256)
#define READ_GROUPS_PER_UNIT ((size_t)8)

static void build_read(stage *s)
{
    cl_int code = CL_SUCCESS;
    const char *source = read_source;
    cl_context context = lms_context_cl_context(s->ctx);
    s->program = clCreateProgramWithSource(context, 1, &source, NULL, &code);
    expect(code, "clCreateProgramWithSource");
    expect(clBuildProgram(s->program, 1, &s->device.id, "", NULL, NULL), "clBuildProgram");
    s->read = clCreateKernel(s->program, "read_all", &code);
    expect(code, "clCreateKernel");
    s->sink = clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof(cl_uint), NULL, &code);
    expect(code, "clCreateBuffer");
}

static void find_device(stage *s)
{
    lms_device all[64];
    uint32_t count = 0;
    expect(lms_devices(all, 64, &count), "lms_devices");
    for (uint32_t i = 0; i < count && i < 64; ++i) {
        if (all[i].id == lms_context_device(s->ctx)) s->device = all[i];
    }
    if (s->device.id == NULL) fail("the opened device is not among the first 64");
}

void stage_open(stage *s, const char *device, bool read_on_device, uint32_t work_items)
{
    cl_int code = CL_SUCCESS;
    memset(s, 0, sizeof *s);
    expect(lms_context_open(device, &s->ctx), "lms_context_open");
    find_device(s);
    s->work_items = work_items;
    s->queue = lms_context_queue(s->ctx);
    s->profiled = clCreateCommandQueue(lms_context_cl_context(s->ctx), s->device.id,
                                       CL_QUEUE_PROFILING_ENABLE, &code);
    if (code != CL_SUCCESS) s->profiled = NULL;
    const bool is_cpu = (s->device.type & CL_DEVICE_TYPE_CPU) != 0;
    s->reads_on_device = read_on_device || !is_cpu;
    s->cache_bytes = is_cpu ? machine_cache_bytes() : device_cache_bytes(s->device.id);
    s->all = crew_create(is_cpu ? s->device.compute_units : machine_cores());
    if (s->reads_on_device) build_read(s);
}

void stage_close(stage *s)
{
    if (s->read != NULL) {
        clReleaseKernel(s->read);
        clReleaseProgram(s->program);
        clReleaseMemObject(s->sink);
    }
    if (s->profiled != NULL) clReleaseCommandQueue(s->profiled);
    crew_destroy(s->all);
    lms_context_destroy(s->ctx);
}

/* Buffers of as many whole batches as the device allows in one; where it shares memory with
 * the host, of the pool's own memory. */
static void make_buffers(batches *b)
{
    cl_context context = lms_context_cl_context(b->on->ctx);
    if (b->bytes > b->on->device.max_alloc_bytes)
        fail("a batch of %zu MiB is more than the device has in a buffer", b->bytes >> 20);
    b->per_buffer = (size_t)(b->on->device.max_alloc_bytes / b->bytes);
    if (b->per_buffer > b->count) b->per_buffer = b->count;
    b->buffer_count = (b->count + b->per_buffer - 1) / b->per_buffer;
    b->buffers = calloc(b->buffer_count, sizeof(cl_mem));
    if (b->buffers == NULL) fail("out of memory for buffers");
    for (size_t i = 0; i < b->buffer_count; ++i) {
        const size_t first = i * b->per_buffer;
        const size_t held = b->count - first < b->per_buffer ? b->count - first : b->per_buffer;
        char *const from = b->what.rotated ? b->logits->memory + first * b->bytes : b->fresh;
        cl_int code = CL_SUCCESS;
        b->buffers[i] = clCreateBuffer(
            context, CL_MEM_READ_ONLY | (b->on->device.unified ? CL_MEM_USE_HOST_PTR : 0),
            held * b->bytes, b->on->device.unified ? from : NULL, &code);
        expect(code, "the buffer of the logits");
        if (b->on->device.unified) continue;
        expect(clEnqueueWriteBuffer(b->on->queue, b->buffers[i], CL_TRUE, 0, held * b->bytes,
                                    from, 0, NULL, NULL),
               "writing logits");
    }
}

static void *pages(size_t bytes)
{
    void *const memory = aligned_alloc(4096, (bytes + 4095) & ~(size_t)4095);
    if (memory == NULL) fail("out of memory for a batch");
    memset(memory, 0, bytes);
    return memory;
}

void batches_open_logits(batches *b, stage *on, const pool *logits, const setting *what)
{
    memset(b, 0, sizeof *b);
    b->on = on;
    b->logits = logits;
    b->what = *what;
    b->bytes = what->rows * logits->row_bytes;
    b->count = what->rotated ? logits->rows / what->rows : 1;
    b->fresh = what->rotated ? NULL : pages(b->bytes);
    make_buffers(b);
}

void batches_open(batches *b, stage *on, const pool *logits, const setting *what)
{
    cl_int code = CL_SUCCESS;
    lms_sampler_desc desc;
    batches_open_logits(b, on, logits, what);
    b->drawn = calloc(what->rows, sizeof *b->drawn);
    b->params = calloc(what->rows, sizeof *b->params);
    b->efforts = calloc(what->rows, sizeof *b->efforts);
    if (b->drawn == NULL || b->params == NULL || b->efforts == NULL)
        fail("out of memory for %u rows", what->rows);
    b->tokens = clCreateBuffer(lms_context_cl_context(on->ctx), CL_MEM_READ_WRITE,
                               what->rows * sizeof *b->drawn, NULL, &code);
    expect(code, "the buffer of the tokens");
    memset(&desc, 0, sizeof desc);
    desc.vocab = what->vocab;
    desc.max_rows = what->rows;
    desc.logits = what->dtype;
    desc.work_items = on->work_items;
    expect(lms_sampler_create(on->ctx, &desc, &b->sampler), "lms_sampler_create");
}

void batches_close(batches *b)
{
    lms_sampler_destroy(b->sampler);
    for (size_t i = 0; i < b->buffer_count; ++i) clReleaseMemObject(b->buffers[i]);
    if (b->tokens != NULL) clReleaseMemObject(b->tokens);
    free(b->buffers);
    free(b->params);
    free(b->drawn);
    free(b->efforts);
    free(b->fresh);
}

const void *batch_address(const batches *b, size_t which)
{
    return b->what.rotated ? b->logits->memory + which * b->bytes : b->fresh;
}

lms_view batch_logits(const batches *b, size_t which)
{
    const size_t in_buffer = which % b->per_buffer;
    return (lms_view){b->buffers[which / b->per_buffer],
                      in_buffer * b->what.rows * (size_t)b->what.vocab, NULL};
}

void batches_prepare(batches *b, unsigned subject, size_t which)
{
    for (uint32_t r = 0; r < b->what.rows; ++r) {
        lms_row_params *const p = &b->params[r];
        *p = (lms_row_params)LMS_ROW_PARAMS_INIT;
        if (subject <= EVERY_ROW_DIFFERENT) set_strategy(p, row_strategy(subject, r));
        p->seed = r + 1;
        p->step = b->step;
    }
    ++b->step;
    if (b->what.rotated) return;
    const size_t row = which * b->what.rows % (b->logits->rows - b->what.rows + 1);
    memcpy(b->fresh, b->logits->memory + row * b->logits->row_bytes, b->bytes);
    if (b->on->device.unified) return;
    expect(clEnqueueWriteBuffer(b->on->queue, b->buffers[0], CL_TRUE, 0, b->bytes, b->fresh, 0,
                                NULL, NULL),
           "writing logits");
}

static void run_batch(batches *b, lms_sampler_run_args *batch, cl_command_queue queue)
{
    batch->rows = b->what.rows;
    batch->params = b->params;
    batch->tokens.buffer = b->tokens;
    expect(lms_sampler_run(b->sampler, queue, batch, 0, NULL, NULL), "lms_sampler_run");
    expect(clEnqueueReadBuffer(queue, b->tokens, CL_TRUE, 0, b->what.rows * sizeof *b->drawn,
                               b->drawn, 0, NULL, NULL),
           "reading tokens");
}

void batch_sample(batches *b, size_t which, cl_command_queue queue)
{
    lms_sampler_run_args batch;
    memset(&batch, 0, sizeof batch);
    batch.logits = batch_logits(b, which);
    run_batch(b, &batch, queue);
}

void batch_sample_rows(batches *b, const int32_t *index, size_t logits_rows)
{
    lms_sampler_run_args batch;
    memset(&batch, 0, sizeof batch);
    batch.logits = batch_logits(b, 0);
    batch.logits_rows = logits_rows;
    batch.index = index;
    run_batch(b, &batch, b->on->queue);
}

void batch_efforts(batches *b)
{
    expect(lms_sampler_effort(b->sampler, b->on->queue, b->what.rows, b->efforts),
           "lms_sampler_effort");
}

static void read_on_device(batches *b, size_t which, cl_command_queue queue)
{
    const size_t global = b->on->device.compute_units * READ_GROUPS_PER_UNIT * READ_GROUP;
    const cl_ulong from = which % b->per_buffer * b->bytes / sizeof(cl_uint4);
    const cl_ulong count = b->bytes / sizeof(cl_uint4);
    cl_mem buffer = b->buffers[which / b->per_buffer];
    cl_kernel kernel = b->on->read;
    const size_t group = READ_GROUP;
    expect(clSetKernelArg(kernel, 0, sizeof buffer, &buffer), "clSetKernelArg");
    expect(clSetKernelArg(kernel, 1, sizeof from, &from), "clSetKernelArg");
    expect(clSetKernelArg(kernel, 2, sizeof count, &count), "clSetKernelArg");
    expect(clSetKernelArg(kernel, 3, sizeof b->on->sink, &b->on->sink), "clSetKernelArg");
    expect(clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &global, &group, 0, NULL, NULL),
           "clEnqueueNDRangeKernel");
    expect(clFinish(queue), "clFinish");
}

void batch_read(batches *b, size_t which, cl_command_queue queue)
{
    if (b->on->reads_on_device) {
        read_on_device(b, which, queue);
    } else {
        plain_read(b->on->all, batch_address(b, which), b->bytes);
    }
}
