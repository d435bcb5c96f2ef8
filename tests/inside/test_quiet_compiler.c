/* A first use, with nothing in a cache: the runtime's compiler says nothing on the terminal
 * about any of the programs. It would, of warnings, though all is well. */
#include "hooks.h"
#include "rig.h"

#include "base/program.h"
#include "op/choice.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/device.h"

static char folder[] = "/tmp/lmsample-quiet-XXXXXX", said[64];

/* Runs it with standard error in a file, and expects that to stay empty. */
static void expect_silence(const char *what, void (*run)(lms_context *))
{
    struct stat file;
    char text[400] = "";
    lms_context *const ctx = device_open();
    const int kept = dup(STDERR_FILENO);
    const int fd = open(said, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(kept >= 0 && fd >= 0);
    fflush(stderr);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    run(ctx);
    fflush(stderr);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    assert_int_equal(fstat(fd, &file), 0);
    assert_true(pread(fd, text, sizeof text - 1, 0) >= 0);
    if (file.st_size != 0) print_error("%s: %s\n", what, text);
    assert_int_equal(file.st_size, 0);
    close(fd);
    close(kept);
    lms_context_destroy(ctx);
}

/* With all that comes after the program: its kernels, made and run. */
static void create_sampler(lms_context *ctx)
{
    lms_sampler_desc desc;
    lms_sampler *sampler = NULL;
    memset(&desc, 0, sizeof desc);
    desc.logits = LMS_FLOAT32;
    desc.vocab = 1000;
    desc.max_rows = 1;
    device_require(lms_sampler_create(ctx, &desc, &sampler), "lms_sampler_create");
    lms_sampler_destroy(sampler);
}

static void build(lms_context *ctx, lmsi_kind kind, lms_dtype logits, uint32_t lanes)
{
    cl_program program = NULL;
    lmsi_shape shape;
    device_require(lmsi_shape_for(ctx, logits, 1000, 0, &shape, NULL), "lmsi_shape_for");
    if (lanes != 0) shape.lanes = lanes;
    const lmsi_variant variant = {kind, logits, LMS_INT32, shape.team, shape.lanes};
    device_require(lmsi_program_get(ctx, &variant, &program), "lmsi_program_get");
}

/* Also with vectors of 8 and of 16, which `lmsample tune` tries on every CPU. */
static void build_sampler_by_8(lms_context *ctx) { build(ctx, LMSI_SAMPLE, LMS_FLOAT32, 8); }
static void build_report(lms_context *ctx)
{
    build(ctx, LMSI_SAMPLE_AND_REPORT, LMS_FLOAT16, 16);
}
static void build_beam(lms_context *ctx) { build(ctx, LMSI_BEAM, LMS_BFLOAT16, 0); }
static void build_propose(lms_context *ctx) { build(ctx, LMSI_PROPOSE, LMS_FLOAT32, 0); }
static void build_context(lms_context *ctx) { build(ctx, LMSI_CONTEXT, LMS_FLOAT16, 0); }
static void build_slots(lms_context *ctx) { build(ctx, LMSI_SLOTS, LMS_FLOAT32, 0); }

/* Teams have other kernels; those of samplers with requests have most of what there is. */
static void build_requests_of_teams(lms_context *ctx)
{
    const lmsi_variant variant = {LMSI_SAMPLE_REQUESTS, LMS_FLOAT32, LMS_INT32, 64, 8};
    cl_program program = NULL;
    device_require(lmsi_program_get(ctx, &variant, &program), "lmsi_program_get");
}

static void test_silence(void **unused)
{
    (void)unused;
    expect_silence("a sampler", create_sampler);
    expect_silence("a sampler with vectors of 8", build_sampler_by_8);
    expect_silence("reports", build_report);
    expect_silence("beam search", build_beam);
    expect_silence("contrastive search's candidates", build_propose);
    expect_silence("contrastive search's contexts", build_context);
    expect_silence("slots", build_slots);
    expect_silence("requests, by teams", build_requests_of_teams);
}

static void remove_folder(void)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf -- '%s'", folder);
    if (system(command) != 0) print_error("%s is left\n", folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_silence)};
    if (mkdtemp(folder) == NULL || atexit(remove_folder) != 0) return EXIT_FAILURE;
    snprintf(said, sizeof said, "%s/said", folder);
    setenv("POCL_CACHE_DIR", folder, 1);
    setenv("LMS_CACHE_DIR", "", 1);
    return cmocka_run_group_tests_name("quiet compiler", tests, NULL, NULL);
}
