/* threads.c - samplers of one llama_lms in several threads at once:  threads MODEL */
#include "common.h"

#include <pthread.h>

static llama_lms *l;
static int32_t V;

typedef struct task {
    struct llama_sampler *smpl;
    llama_token tokens[12];
} task;

static void *run(void *of)
{
    task *t = of;
    llama_token_data *data = malloc(sizeof *data * (size_t)V);
    for (uint32_t i = 0; i < 12; ++i) {
        llama_token_data_array array = fill_row(data, V, i);
        llama_sampler_apply(t->smpl, &array);
        t->tokens[i] = array.data[array.selected].id;
        llama_sampler_accept(t->smpl, t->tokens[i]);
    }
    free(data);
    return NULL;
}

static bool all_the_same(void)
{
    enum {
        THREADS = 4
    };
    task tasks[THREADS];
    pthread_t threads[THREADS];
    llama_lms_params p = LLAMA_LMS_PARAMS_INIT;
    p.seed = 7;
    p.penalty_repeat = 1.3f;
    bool same = true;
    for (int i = 0; i < THREADS; ++i) {
        tasks[i].smpl = llama_sampler_init_lms(l, &p);
        pthread_create(&threads[i], NULL, run, &tasks[i]);
    }
    for (int i = 0; i < THREADS; ++i) {
        pthread_join(threads[i], NULL);
        same = same && !memcmp(tasks[i].tokens, tasks[0].tokens, sizeof tasks[0].tokens);
        llama_sampler_free(tasks[i].smpl);
    }
    return same;
}

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    struct llama_model *model = load_model(argv[1]);
    V = llama_vocab_n_tokens(llama_model_get_vocab(model));
    must(llama_lms_create(model, NULL, &l), "llama_lms_create");
    const bool same = all_the_same();
    printf("threads: tokens of four threads are %s\n", same ? "the same" : "NOT the same");
    llama_lms_destroy(l);
    llama_model_free(model);
    return same ? EXIT_SUCCESS : EXIT_FAILURE;
}
