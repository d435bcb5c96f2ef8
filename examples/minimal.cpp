// minimal.c in C++11, by lmsample.hpp: three rows, four steps; it prints the same. From an
// installed library: c++ -std=c++11 minimal.cpp $(pkg-config --cflags --libs lmsample)
#include <lmsample.hpp>

#include <cstdint>
#include <cstdio>
#include <vector>

static const uint32_t vocab = 8, rows = 3;

static std::vector<float> make_logits()
{
    std::vector<float> logits{0.1f, 2.0f, -1.0f, 0.5f, 3.0f, 0.0f, 1.0f, -2.0f};
    logits.insert(logits.end(), vocab, 1.0f);
    for (float logit = 4.0f; logit > 0.0f; logit -= 0.5f) logits.push_back(logit);
    return logits;
}

static std::vector<lms_row_params> make_params()
{
    const lms_row_params start = LMS_ROW_PARAMS_INIT;
    std::vector<lms_row_params> params(rows, start);
    params[0].filters.temperature = 0.0f; // greedy
    params[1].seed = 42;                  // multinomial; (seed, step) names the draw
    params[2].seed = 43;
    params[2].filters.temperature = 0.8f;
    params[2].filters.top_k = 5;
    params[2].filters.top_p = 0.9f;
    params[2].filters.min_p = 0.05f;
    return params;
}

int main()
try {
    const std::vector<float> logits = make_logits();
    std::vector<lms_row_params> params = make_params();
    std::vector<int32_t> tokens(rows);
    lms_sampler_desc desc{};
    desc.vocab = vocab;
    desc.max_rows = rows;
    desc.logits = LMS_FLOAT32;

    lmsample::context context("");
    lmsample::sampler sampler(context, desc);
    for (unsigned step = 0; step < 4; step++) {
        for (lms_row_params &row : params) row.step = step;
        sampler.sample(logits, params, tokens);
        std::printf("step %u: %d %d %d\n", step, tokens[0], tokens[1], tokens[2]);
    }
    return 0;
} catch (const lmsample::error &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
