#include "start.h"

#include "lmsample.h"
#include "say.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_VOCAB 128256u

int start_of_child(const options *o)
{
    static float logits[START_VOCAB];
    const double begin = now();
    lms_context *context = NULL;
    lms_sampler *sampler = NULL;
    lms_sampler_desc desc;
    lms_row_params params = LMS_ROW_PARAMS_INIT;
    lms_sample_host_args batch;
    int32_t token = LMS_NO_TOKEN;
    memset(&desc, 0, sizeof desc);
    memset(&batch, 0, sizeof batch);
    desc.vocab = START_VOCAB;
    desc.max_rows = 1;
    desc.logits = LMS_FLOAT32;
    desc.work_items = o->work_items;
    params.filters.top_p = 0.9f;
    batch.rows = 1;
    batch.logits = logits;
    batch.params = &params;
    batch.tokens = &token;
    expect(lms_context_open(o->device, &context), "lms_context_open");
    expect(lms_sampler_create(context, &desc, &sampler), "lms_sampler_create");
    expect(lms_sample_host(sampler, &batch), "lms_sample_host");
    printf("%.6f\n", now() - begin);
    lms_sampler_destroy(sampler);
    lms_context_destroy(context);
    return 0;
}

/* What the child says. The exec'ed program is this one. */
static double run_child(const char *folder, const char *device, uint32_t work_items)
{
    int channel[2], status = 0;
    char items[16], text[64] = "";
    snprintf(items, sizeof items, "%u", work_items);
    if (pipe(channel) != 0) fail("no pipe: %s", strerror(errno));
    fflush(NULL);
    const pid_t child = fork();
    if (child < 0) fail("no process: %s", strerror(errno));
    if (child == 0) {
        dup2(channel[1], STDOUT_FILENO);
        close(channel[0]);
        setenv("POCL_CACHE_DIR", folder, 1);
        setenv("XDG_CACHE_HOME", folder, 1);
        unsetenv("LMS_CACHE_DIR");
        setenv("CUDA_CACHE_PATH", folder, 1);
        execl("/proc/self/exe", "bench", "--start-of", "child", "--work-items", items,
              device != NULL ? "--device" : NULL, device, NULL);
        _exit(127);
    }
    close(channel[1]);
    const ssize_t got = read(channel[0], text, sizeof text - 1);
    close(channel[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return got > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? strtod(text, NULL) : NAN;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

void measure_start(const char *device, uint32_t work_items, double *cold, double *warm)
{
    const char *const base = getenv("TMPDIR");
    char folder[512];
    *cold = *warm = NAN;
    snprintf(folder, sizeof folder, "%s/lmsample-bench.XXXXXX",
             base != NULL && *base != '\0' ? base : "/tmp");
    if (mkdtemp(folder) == NULL) fail("cannot make the folder %s: %s", folder, strerror(errno));
    progress("starting with empty caches of kernels ...");
    *cold = run_child(folder, device, work_items);
    if (!is_stopped()) *warm = run_child(folder, device, work_items);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (isnan(*warm)) *cold = NAN;
}
