/* opencl.c - lmsample on the buffer in which llama.cpp's OpenCL backend has the logits, beside
 * the tokens from its copy on the host:  opencl MODEL SEQUENCES STEPS
 *
 * Ends with 77 where no device is one that the OpenCL backend takes. LLAMA_LMS_NOISE: fills the
 * buffer with other logits first, for devices on which the backend computes none of use.
 * LLAMA_LMS_OWN_QUEUE: not on the backend's queue, even where the patch gives it. */
#include "common.h"
#include "llama_lms_opencl.h"

enum {
    MOST = 64 /* sequences */
};

static struct {
    int n, calls, on_queue;
    bool noise;
    lms_context *context; /* in the backend's cl_context */
    lms_sampler *sampler;
    cl_mem buffer; /* int32[MOST] */
    lms_row_params params[MOST];
    int32_t tokens[MOST];
} g;

static void need(lms_status status, const char *what)
{
    if (status == LMS_OK) return;
    fprintf(stderr, "%s: %s\n", what, lms_error_message());
    exit(EXIT_FAILURE);
}

static void open_sampler(const llama_lms_logits *at, uint32_t vocab)
{
    cl_int code = CL_SUCCESS;
    const lms_sampler_desc desc = {.vocab = vocab, .max_rows = MOST, .logits = LMS_FLOAT32};
    need(lms_context_create(at->context, at->device, &g.context), "lms_context_create");
    need(lms_sampler_create(g.context, &desc, &g.sampler), "lms_sampler_create");
    g.buffer = clCreateBuffer(at->context, CL_MEM_READ_WRITE, sizeof g.tokens, NULL, &code);
    if (code) exit(EXIT_FAILURE);
}

static void fill(const llama_lms_logits *at, cl_command_queue queue)
{
    const size_t count = at->rows * at->row_stride;
    float *x = malloc(count * sizeof *x);
    for (size_t i = 0; i < count; ++i) x[i] = 8.0f * (float)rand() / (float)RAND_MAX;
    clEnqueueWriteBuffer(queue, at->view.buffer, CL_TRUE, at->view.offset * 4,
                         count * sizeof *x, x, 0, NULL, NULL);
    free(x);
}

/* The backend's own queue, if it has the patch that is beside README.md. */
static cl_command_queue backend_queue(void)
{
    typedef bool handles(ggml_backend_dev_t, cl_context *, cl_device_id *, cl_command_queue *);
    ggml_backend_reg_t reg = ggml_backend_reg_by_name("OpenCL");
    cl_command_queue queue = NULL;
    cl_context context = NULL;
    cl_device_id device = NULL;
    if (!reg || getenv("LLAMA_LMS_OWN_QUEUE")) return NULL;
    handles *get =
        (handles *)ggml_backend_reg_get_proc_address(reg, "ggml_backend_opencl_get_handles");
    if (!get || !get(ggml_backend_reg_dev_get(reg, 0), &context, &device, &queue)) return NULL;
    return queue;
}

/* ggml's scheduler asks for each node. Where the answer is true it computes up to there, waits,
 * and calls again: the logits are there, and not yet copied. */
static bool on_node(struct ggml_tensor *tensor, bool ask, void *user)
{
    llama_lms_logits at;
    (void)user;
    if (strcmp(tensor->name, "result_output") != 0) return !ask;
    if (ask || tensor->ne[1] != g.n) return true;
    if (llama_lms_find_logits(tensor, &at) != LMS_OK) {
        printf("opencl: %s\n", llama_lms_error_message());
        exit(77);
    }
    if (!g.context) open_sampler(&at, (uint32_t)tensor->ne[0]);
    cl_command_queue queue = backend_queue();
    g.on_queue += queue != NULL;
    if (!queue) queue = lms_context_queue(g.context);
    if (g.noise) fill(&at, queue);
    const lms_sampler_run_args args = {.rows = (uint32_t)g.n,
                                       .logits = at.view,
                                       .row_stride = at.row_stride,
                                       .params = g.params,
                                       .tokens = {g.buffer, 0}};
    need(lms_sampler_run(g.sampler, queue, &args, 0, NULL, NULL), "lms_sampler_run");
    clEnqueueReadBuffer(queue, g.buffer, CL_TRUE, 0, (size_t)g.n * sizeof *g.tokens, g.tokens,
                        0, NULL, NULL);
    g.calls++;
    return true;
}

static bool has_opencl(void)
{
    for (size_t i = 0; i < ggml_backend_dev_count(); ++i) {
        if (strstr(ggml_backend_dev_name(ggml_backend_dev_get(i)), "OpenCL")) return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    const int steps = atoi(argv[3]);
    const char *folder = getenv("GGML_BACKENDS");
    g.n = atoi(argv[2]);
    g.noise = getenv("LLAMA_LMS_NOISE");
    if (g.n < 1 || g.n > MOST) return 2;
    llama_log_set(print_errors, NULL);
    if (folder) ggml_backend_load_all_from_path(folder);
    if (!folder) ggml_backend_load_all();
    llama_backend_init();
    if (!has_opencl()) {
        printf("opencl: llama.cpp has no OpenCL backend here, or that takes no device\n");
        return 77;
    }
    struct llama_model_params mp = llama_model_default_params();
    mp.n_gpu_layers = 999;
    struct llama_model *model = llama_model_load_from_file(argv[1], mp);
    if (!model) return EXIT_FAILURE;
    struct llama_context_params cp = llama_context_default_params();
    cp.n_ctx = (uint32_t)(g.n * (steps + 16));
    cp.n_seq_max = (uint32_t)g.n;
    cp.n_batch = cp.n_ubatch = 512;
    cp.cb_eval = on_node;
    struct llama_context *ctx = llama_init_from_model(model, cp);
    llama_lms *host = NULL;
    must(llama_lms_create(model, NULL, &host), "llama_lms_create");
    const lms_row_params none = LMS_ROW_PARAMS_INIT;
    struct llama_batch batch = llama_batch_init(MOST, 0, 1);
    llama_token tokens[MOST];
    int same = 0;
    for (int i = 0; i < g.n; ++i) {
        tokens[i] = 300 + i;
        g.params[i] = none;
        g.params[i].seed = 100 + (uint64_t)i;
        g.params[i].filters.top_p = 0.95f;
        if (i % 4 == 3) g.params[i].filters.temperature = 0;
    }
    for (int step = 0; step < steps; ++step) {
        batch.n_tokens = 0;
        for (int i = 0; i < g.n; ++i) {
            add_token(&batch, tokens[i], step, i, 1);
            g.params[i].step = (uint64_t)step;
        }
        if (!ctx || llama_decode(ctx, batch)) return EXIT_FAILURE;
        must(llama_lms_sample_batch(host, ctx, (uint32_t)g.n, NULL, g.params, tokens), "host");
        for (int i = 0; i < g.n; ++i) {
            same += tokens[i] == g.tokens[i] && tokens[i] >= 0;
            if (tokens[i] < 0) tokens[i] = 5;
        }
    }
    printf("opencl: %d calls on the backend's buffer, %d on its queue; %d of %d tokens as from "
           "the copy on the host\n",
           g.calls, g.on_queue, same, g.n * steps);
    lms_sampler_destroy(g.sampler);
    lms_context_destroy(g.context);
    if (g.buffer) clReleaseMemObject(g.buffer);
    llama_lms_destroy(host);
    llama_free(ctx);
    llama_model_free(model);
    return g.calls == steps && same == g.n * steps ? EXIT_SUCCESS : EXIT_FAILURE;
}
