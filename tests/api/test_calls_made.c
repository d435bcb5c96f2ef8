/* How an object is made, its types, its team, its kernels, makes no difference to what its
 * calls give. */
#include "calls/kinds.h"

#include <stdlib.h>

/* The inputs are numbers that all types have exactly. Tokens of both types for each; half as
 * many pairs for contrastive searches, which have two programs to build. */
static void test_types(void **state)
{
    static const object_types all[] = {
        {LMS_FLOAT32, LMS_FLOAT16, LMS_INT64},  {LMS_FLOAT16, LMS_BFLOAT16, LMS_INT32},
        {LMS_BFLOAT16, LMS_FLOAT32, LMS_INT64}, {LMS_FLOAT32, LMS_BFLOAT16, LMS_INT32},
        {LMS_FLOAT16, LMS_FLOAT32, LMS_INT64},  {LMS_BFLOAT16, LMS_FLOAT16, (lms_token_type)0},
    };
    const object_rig *const r = *state;
    const size_t pairs = sizeof all / sizeof all[0];
    for (size_t i = 0; i < (r->kind == &contrastive_kind ? pairs / 2 : pairs); ++i) {
        object_desc desc = r->kind->desc();
        r->kind->set_types(&desc, all[i]);
        object_rig *const other = object_beside(r, &desc);
        object_assert_same(r, object_expected(other), object_expected(r));
        object_assert_good(other, other->object);
        object_close(other);
        free(other);
    }
}

/* The number of work-items never changes a result, ... */
static void test_teams(void **state)
{
    static const uint32_t teams[] = {1, 16, 256};
    const object_rig *const r = *state;
    for (size_t i = 0; i < sizeof teams / sizeof teams[0]; ++i) {
        object_desc desc = r->desc;
        r->kind->set_team(&desc, teams[i]);
        void *const object = object_new(r, &desc);
        object_assert_good(r, object);
        r->kind->destroy(object);
    }
}

/* ... and neither does the number of kernels, or what a work-item does at once. (Of samplers,
 * tests/kernel/test_shapes.c has all of them.) */
static void test_shapes(void **state)
{
    static const char *const shapes[] = {"fuse_from=1", "chunk=8", "lanes=16,fuse_from=11"};
    const object_rig *const r = *state;
    if (r->kind == &sampler_kind) skip();
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; ++i) {
        setenv("LMS_SHAPE", shapes[i], 1);
        void *const object = object_new(r, &r->desc);
        setenv("LMS_SHAPE", "fuse_from=1000000", 1);
        object_assert_good(r, object);
        r->kind->destroy(object);
    }
}

/* Objects that are made alike hold as much memory. */
static void test_workspace(void **state)
{
    const object_rig *const r = *state;
    void *const object = object_new(r, &r->desc);
    assert_true(r->kind->workspace(object) > 0);
    assert_int_equal(r->kind->workspace(object), r->kind->workspace(r->object));
    r->kind->destroy(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_teams),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_workspace),
    };
    return RUN_FOR_EACH_KIND("objects as they are made", tests);
}
