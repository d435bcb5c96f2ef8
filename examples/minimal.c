/* Samples a batch of three rows, each in its own way, and prints the tokens. */
#include <lmsample.h>
#include <stdio.h>

enum {
    VOCAB = 8,
    ROWS = 3
};

int main(void)
{
    const float logits[ROWS][VOCAB] = {
        {0.1f, 2.0f, -1.0f, 0.5f, 3.0f, 0.0f, 1.0f, -2.0f},
        {1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f},
        {4.0f, 3.5f, 3.0f, 2.5f, 2.0f, 1.5f, 1.0f, 0.5f},
    };
    lms_row_params params[ROWS] = {LMS_ROW_PARAMS_INIT, LMS_ROW_PARAMS_INIT,
                                   LMS_ROW_PARAMS_INIT};
    params[0].filters.temperature = 0.0f; /* greedy */
    params[1].seed = 42;                  /* multinomial; (seed, step) names the draw */
    params[2].seed = 43;
    params[2].filters.temperature = 0.8f;
    params[2].filters.top_k = 5;
    params[2].filters.top_p = 0.9f;
    params[2].filters.min_p = 0.05f;

    const lms_sampler_desc desc = {.vocab = VOCAB, .max_rows = ROWS, .logits = LMS_FLOAT32};
    lms_context *context = NULL;
    lms_sampler *sampler = NULL;
    lms_status status = lms_context_open(NULL, &context);
    if (status == LMS_OK) status = lms_sampler_create(context, &desc, &sampler);

    for (uint64_t step = 0; step < 4 && status == LMS_OK; step++) {
        int32_t tokens[ROWS];
        for (int row = 0; row < ROWS; row++) params[row].step = step;
        const lms_sample_host_args batch = {
            .rows = ROWS, .logits = logits, .params = params, .tokens = tokens};
        status = lms_sample_host(sampler, &batch);
        if (status != LMS_OK) break;
        printf("step %d: %d %d %d\n", (int)step, (int)tokens[0], (int)tokens[1],
               (int)tokens[2]);
    }
    if (status != LMS_OK) fprintf(stderr, "%s\n", lms_error_message());
    lms_sampler_destroy(sampler);
    lms_context_destroy(context);
    return status != LMS_OK;
}
