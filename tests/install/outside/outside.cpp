// examples/minimal.c in C++11; it prints the same.
#include <lmsample.h>

#include <cstdio>
#include <memory>
#include <vector>

int main()
{
    const uint32_t vocab = 8, rows = 3;
    std::vector<float> logits{0.1f, 2.0f, -1.0f, 0.5f, 3.0f, 0.0f, 1.0f, -2.0f};
    logits.insert(logits.end(), vocab, 1.0f);
    for (float logit = 4.0f; logit > 0.0f; logit -= 0.5f) logits.push_back(logit);

    const lms_row_params start = LMS_ROW_PARAMS_INIT;
    std::vector<lms_row_params> params(rows, start);
    params[0].filters.temperature = 0.0f;
    params[1].seed = 42;
    params[2].seed = 43;
    params[2].filters.temperature = 0.8f;
    params[2].filters.top_k = 5;
    params[2].filters.top_p = 0.9f;
    params[2].filters.min_p = 0.05f;

    lms_context *context = nullptr;
    lms_status status = lms_context_open(nullptr, &context);
    std::unique_ptr<lms_context, decltype(&lms_context_destroy)> own(context,
                                                                     lms_context_destroy);
    lms_sampler_desc desc = {};
    desc.vocab = vocab;
    desc.max_rows = rows;
    desc.logits = LMS_FLOAT32;
    lms_sampler *sampler = nullptr;
    if (status == LMS_OK) status = lms_sampler_create(context, &desc, &sampler);
    for (uint64_t step = 0; step < 4 && status == LMS_OK; step++) {
        std::vector<int32_t> tokens(rows);
        for (auto &row : params) row.step = step;
        lms_sample_host_args batch = {};
        batch.rows = rows;
        batch.logits = logits.data();
        batch.params = params.data();
        batch.tokens = tokens.data();
        status = lms_sample_host(sampler, &batch);
        if (status != LMS_OK) break;
        std::printf("step %d: %d %d %d\n", static_cast<int>(step), tokens[0], tokens[1],
                    tokens[2]);
    }
    if (status != LMS_OK) std::fprintf(stderr, "%s\n", lms_error_message());
    lms_sampler_destroy(sampler);
    // The program calls OpenCL itself, too.
    cl_uint platforms = 0;
    return status != LMS_OK || clGetPlatformIDs(0, nullptr, &platforms) != CL_SUCCESS;
}
