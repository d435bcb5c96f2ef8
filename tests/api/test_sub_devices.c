/* Parts of a device, for programs that keep the rest for something else: contexts on them, and
 * queues of them in a context of the whole. Bits as on the whole. */
#include "calls/beam_object.h"
#include "calls/contrastive_object.h"

/* The whole device, two parts of it, and contexts of each. */
typedef struct parts {
    rig whole;
    cl_device_id device;
    cl_device_id part[2];
    cl_context context; /* made of the first part alone */
    lms_context *ctx;   /* on it */
} parts;

static int setup(void **state)
{
    static const cl_device_partition_property how[] = {CL_DEVICE_PARTITION_EQUALLY, 1, 0};
    static parts p;
    cl_device_id all[256];
    cl_uint most = 0, count = 0;
    memset(&p, 0, sizeof p);
    rig_open(&p.whole);
    p.device = lms_context_device(p.whole.ctx);
    clGetDeviceInfo(p.device, CL_DEVICE_PARTITION_MAX_SUB_DEVICES, sizeof most, &most, NULL);
    *state = &p;
    /* Asked first: some runtimes without sub-devices end the process. */
    if (most < 2 || clCreateSubDevices(p.device, how, 256, all, &count) != CL_SUCCESS) return 0;
    for (cl_uint i = 2; i < count; ++i) clReleaseDevice(all[i]);
    if (count < 2) return 0;
    memcpy(p.part, all, sizeof p.part);
    p.context = clCreateContext(NULL, 1, p.part, NULL, NULL, NULL);
    return p.context == NULL;
}

static int teardown(void **state)
{
    parts *const p = *state;
    lms_context_destroy(p->ctx);
    if (p->context != NULL) clReleaseContext(p->context);
    for (int i = 0; i < 2; ++i) {
        if (p->part[i] != NULL) clReleaseDevice(p->part[i]);
    }
    rig_close(&p->whole);
    return 0;
}

static cl_command_queue queue_of(cl_context context, cl_device_id device)
{
    cl_int code = CL_SUCCESS;
    const cl_command_queue queue = clCreateCommandQueue(context, device, 0, &code);
    assert_int_equal(code, CL_SUCCESS);
    return queue;
}

static void test_context_of_a_part(void **state)
{
    parts *const p = *state;
    const lms_sampler_desc desc = rig_desc();
    int64_t tokens[RIG_ROWS] = {0};
    lms_sampler *sampler = NULL;
    lms_context *none = NULL;
    if (p->context == NULL) skip();
    RIG_OK(lms_context_create(p->context, p->part[0], &p->ctx));
    assert_ptr_equal(lms_context_device(p->ctx), p->part[0]);
    RIG_OK(lms_sampler_create(p->ctx, &desc, &sampler));
    const lms_sample_host_args batch = {.rows = RIG_ROWS,
                                        .logits = p->whole.values,
                                        .params = p->whole.records,
                                        .index = p->whole.order,
                                        .tokens = tokens};
    int64_t expected[RIG_ROWS] = {0};
    lms_sample_host_args same = batch;
    same.tokens = expected;
    RIG_OK(lms_sample_host(sampler, &batch));
    RIG_OK(lms_sample_host(p->whole.sampler, &same));
    assert_memory_equal(tokens, expected, sizeof tokens);
    lms_sampler_destroy(sampler);
    /* In a context of the whole. */
    RIG_OK(lms_context_create(p->whole.context, p->part[1], &none));
    lms_context_destroy(none);
}

/* Searches beside the sampler of the rigs. */
static const object_kind *const searches[] = {&beam_kind, &contrastive_kind};

static object_rig *open_in(lms_context *ctx, const object_kind *kind)
{
    const object_desc desc = kind->desc();
    object_rig *const r = calloc(1, kind->rig_bytes);
    assert_non_null(r);
    object_open(r, kind, ctx, &desc);
    return r;
}

static void close_and_free(object_rig *r)
{
    object_close(r);
    free(r);
}

static void test_searches_on_a_part(void **state)
{
    parts *const p = *state;
    if (p->ctx == NULL) skip();
    for (size_t i = 0; i < sizeof searches / sizeof searches[0]; ++i) {
        object_rig *const whole = open_in(p->whole.ctx, searches[i]);
        object_rig *const part = open_in(p->ctx, searches[i]);
        object_assert_same(whole, object_expected(whole), object_expected(part));
        close_and_free(part);
        close_and_free(whole);
    }
}

/* A context of the whole takes a part's queue; one of a part neither the other's nor the
 * whole's, which would use what it does not have. */
static void test_queues_of_a_part(void **state)
{
    parts *const p = *state;
    rig_results found;
    if (p->ctx == NULL) skip();
    const cl_command_queue queue = queue_of(p->whole.context, p->part[1]);
    const lms_sampler_run_args batch = rig_batch(&p->whole);
    rig_poison(&p->whole);
    RIG_OK(lms_sampler_run(p->whole.sampler, queue, &batch, 0, NULL, NULL));
    assert_int_equal(clFinish(queue), CL_SUCCESS);
    rig_read(&p->whole, &found);
    rig_assert_same(&found, &p->whole.expected);

    for (size_t i = 0; i < sizeof searches / sizeof searches[0]; ++i) {
        object_rig *const r = open_in(p->whole.ctx, searches[i]);
        assert_int_equal(object_poison(r), CL_SUCCESS);
        RIG_OK(object_begin(r, r->object, 0));
        for (unsigned call = 0; call < r->kind->calls; ++call) {
            RIG_OK(object_call(r, r->object, queue, call, 0, NULL, NULL));
        }
        assert_int_equal(clFinish(queue), CL_SUCCESS);
        object_assert_expected(r);
        close_and_free(r);
    }
    clReleaseCommandQueue(queue);
}

static void test_queues_that_are_refused(void **state)
{
    parts *const p = *state;
    const lms_sampler_desc desc = rig_desc();
    const lms_sampler_run_args none = {.rows = 0};
    lms_sampler *sampler = NULL;
    if (p->ctx == NULL) skip();
    RIG_OK(lms_sampler_create(p->ctx, &desc, &sampler));
    const cl_device_id others[2] = {p->part[1], p->device};
    for (int i = 0; i < 2; ++i) {
        cl_int code = CL_SUCCESS;
        const cl_command_queue queue = clCreateCommandQueue(p->context, others[i], 0, &code);
        if (code != CL_SUCCESS) continue; /* the runtime refuses it itself */
        RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_run(sampler, queue, &none, 0, NULL, NULL),
                  "queue: is of another cl_context or device");
        clReleaseCommandQueue(queue);
    }
    lms_sampler_destroy(sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_context_of_a_part),
        cmocka_unit_test(test_searches_on_a_part),
        cmocka_unit_test(test_queues_of_a_part),
        cmocka_unit_test(test_queues_that_are_refused),
    };
    return cmocka_run_group_tests_name("sub_devices", tests, setup, teardown);
}
