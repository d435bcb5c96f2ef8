/* A row's results depend on its logits and its record alone: permuted, split, repeated, moved
 * in memory, by other queues, work-groups and numbers of threads they are the same bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/batch.h"
#include "../support/device.h"
#include "../support/oracle_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static lms_context *ctx;
static const char *program;

static batch *some_batch(uint32_t vocab, uint32_t per_kind)
{
    uint32_t turn = vocab % 16; /* a fixed one: two processes make the same batch */
    uint64_t state = vocab;
    return batch_of_all_kinds(vocab, per_kind, LMS_FLOAT32, &turn, &state);
}

/* Rows `from[0..rows)` of b as a batch of their own. */
static batch *rows_of(const batch *b, const uint32_t *from, uint32_t rows)
{
    batch *const c = batch_new(b->vocab, rows, b->logits_rows, b->dtype);
    memcpy(c->logits, b->logits, (size_t)b->logits_rows * b->vocab * sizeof *b->logits);
    for (uint32_t r = 0; r < rows; ++r) batch_copy_row(c, r, b, from[r]);
    return c;
}

static void check_rows(const batch *b, const batch_out *whole, const uint32_t *from,
                       uint32_t rows, const batch_way *way)
{
    batch *const part = rows_of(b, from, rows);
    batch_out *const out = batch_run(ctx, part, way);
    for (uint32_t r = 0; r < rows; ++r) {
        if (batch_same_row(b, whole, from[r], out, r)) continue;
        print_error("row %u of the batch is not what it is as row %u of %u\n", from[r], r,
                    rows);
        fail();
    }
    batch_out_free(out);
    batch_free(part);
}

static void shuffle(uint32_t *order, uint32_t n, uint64_t *state)
{
    for (uint32_t i = n; i > 1; --i) {
        const uint32_t j = gen_below(i, state), kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
}

static void test_permuted(void **unused)
{
    static const uint32_t teams[] = {1, 8, 256};
    uint64_t state = 1;
    (void)unused;
    for (uint32_t vocab = 600; vocab < 20000; vocab += 8500) {
        batch *const b = some_batch(vocab, vocab < 1000 ? 16 : 6);
        uint32_t *const order = calloc(b->rows, sizeof *order);
        assert_non_null(order);
        for (uint32_t r = 0; r < b->rows; ++r) order[r] = r;
        const batch_way plain = {.work_items = 1};
        batch_out *const whole = batch_run(ctx, b, &plain);
        for (size_t i = 0; i < LENGTH(teams); ++i) {
            const batch_way way = {
                .work_items = teams[i], .offset = (uint32_t)i, .stride_pad = 5 * (uint32_t)i};
            shuffle(order, b->rows, &state);
            if (teams[i] <= device_work_items(ctx)) check_rows(b, whole, order, b->rows, &way);
        }
        batch_out_free(whole);
        free(order);
        batch_free(b);
    }
}

/* One row alone, and 64 times at once. */
static void test_repeated(void **unused)
{
    (void)unused;
    batch *const b = some_batch(8500, 1);
    const batch_way plain = {.work_items = 1}, wide = {.work_items = 16};
    batch_out *const whole = batch_run(ctx, b, &plain);
    for (uint32_t r = 0; r < b->rows; ++r) {
        uint32_t same[64];
        for (uint32_t i = 0; i < LENGTH(same); ++i) same[i] = r;
        check_rows(b, whole, same, 1, &plain);
        check_rows(b, whole, same, LENGTH(same), &plain);
        check_rows(b, whole, same, 1, &wide);
    }
    batch_out_free(whole);
    batch_free(b);
}

/* Several calls in flight that share a sampler's workspace, in order and out of order. */
static void test_split(void **unused)
{
    static const uint32_t per_call[] = {1, 3, 16, 100};
    (void)unused;
    batch *const b = some_batch(1200, 8);
    const batch_way plain = {.work_items = 1};
    batch_out *const whole = batch_run(ctx, b, &plain);
    for (size_t i = 0; i < LENGTH(per_call) * 4; ++i) {
        const batch_way way = {.work_items = i & 2 ? 8 : 1,
                               .per_call = per_call[i / 4],
                               .out_of_order = i & 1,
                               .params_on_device = i % 3 == 0,
                               .index_on_device = i % 5 == 0,
                               .stride_pad = (uint32_t)i};
        batch_check(ctx, b, &way, whole);
    }
    batch_out_free(whole);
    batch_free(b);
}

static void hash(uint64_t *h, const void *data, size_t size)
{
    const unsigned char *const bytes = data;
    for (size_t i = 0; i < size; ++i) *h = (*h ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static uint64_t digest(void)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    batch *const b = some_batch(3000, 8);
    const batch_way way = {.work_items = 0};
    batch_out *const out = batch_run(ctx, b, &way);
    hash(&h, out->token, b->rows * sizeof *out->token);
    hash(&h, out->status, b->rows * sizeof *out->status);
    hash(&h, out->logprob_raw, b->rows * sizeof *out->logprob_raw);
    hash(&h, out->logprob, b->rows * sizeof *out->logprob);
    hash(&h, out->kept, b->rows * sizeof *out->kept);
    hash(&h, out->probs, (size_t)b->rows * b->vocab * sizeof *out->probs);
    batch_out_free(out);
    batch_free(b);
    return h;
}

/* The digest by another process, with so many threads where pocl runs: it takes their number
 * from the environment when it starts, by two names in its versions. Others ignore them. */
static uint64_t digest_with(const char *threads)
{
    char text[32] = "";
    int ends[2], state = 0;
    assert_int_equal(pipe(ends), 0);
    setenv("POCL_MAX_PTHREAD_COUNT", threads, 1);
    setenv("POCL_CPU_MAX_CU_COUNT", threads, 1);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl(program, program, "digest", (char *)NULL);
        _exit(127);
    }
    unsetenv("POCL_MAX_PTHREAD_COUNT");
    unsetenv("POCL_CPU_MAX_CU_COUNT");
    assert_true(child > 0);
    close(ends[1]);
    FILE *const in = fdopen(ends[0], "r");
    assert_non_null(in);
    assert_non_null(fgets(text, sizeof text, in));
    fclose(in);
    assert_int_equal(waitpid(child, &state, 0), child);
    assert_int_equal(state, 0);
    return strtoull(text, NULL, 16);
}

static void test_threads(void **unused)
{
    const uint64_t here = digest();
    (void)unused;
    assert_true(digest_with("1") == here);
    assert_true(digest_with("2") == here);
    assert_true(digest_with("3") == here);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_permuted),
        cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_threads),
    };
    int failed = 0;
    program = argv[0];
    ctx = device_open();
    if (argc > 1 && strcmp(argv[1], "digest") == 0) {
        printf("%llx\n", (unsigned long long)digest());
    } else {
        failed = cmocka_run_group_tests_name("repeat", tests, NULL, NULL);
    }
    lms_context_destroy(ctx);
    return failed;
}
