// What lmsample.hpp does, with exceptions and without: every object is made, moved, used and
// destroyed, and what fails says so in either way. Compiled and run by cpp.sh.
#include <lmsample.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

static void require(bool good, const char *what, int line)
{
    if (good) return;
    std::fprintf(stderr, "cpp_use.cpp:%d: %s (%s)\n", line, what, lmsample::message());
    std::exit(1);
}
#define REQUIRE(condition) require((condition), #condition, __LINE__)
#define OK(call) require((call) == LMS_OK, #call, __LINE__)

// The call fails with this status, and the message has the text.
#if LMSAMPLE_EXCEPTIONS
#define FAILS(code, text, call)                                                                \
    do {                                                                                       \
        bool failed = false;                                                                   \
        try {                                                                                  \
            static_cast<void>(call);                                                           \
        } catch (const lmsample::error &found) {                                               \
            failed = true;                                                                     \
            REQUIRE(found.status() == (code));                                                 \
            REQUIRE(std::strstr(found.what(), text) != nullptr);                               \
            REQUIRE(std::strcmp(found.what(), lmsample::message()) == 0);                      \
        }                                                                                      \
        REQUIRE(failed);                                                                       \
    } while (0)
#else
#define FAILS(code, text, call)                                                                \
    do {                                                                                       \
        REQUIRE((call) == (code));                                                             \
        REQUIRE(std::strstr(lmsample::message(), text) != nullptr);                            \
    } while (0)
#endif

// What is made fails: an exception, or an object that is false.
template <typename Object, typename... Arguments>
static lms_status make(const Arguments &...arguments)
{
#if LMSAMPLE_EXCEPTIONS
    Object made(arguments...);
    REQUIRE(!made);
    return LMS_OK;
#else
    const Object made(arguments...);
    REQUIRE(!made);
    return std::strlen(lms_error_message()) > 0 ? lms_status(LMS_E_ARGUMENT) : LMS_OK;
#endif
}

static const uint32_t V = 300;

static std::vector<float> make_logits(std::size_t rows)
{
    std::vector<float> logits(rows * V);
    for (std::size_t i = 0; i < logits.size(); ++i) {
        logits[i] = static_cast<float>(i * 2654435761u % 1000u) / 100.0f;
    }
    return logits;
}

static void check_sampler(const lmsample::context &context)
{
    const lms_row_params start = LMS_ROW_PARAMS_INIT;
    lms_sampler_desc desc = lms_sampler_desc();
    desc.vocab = V;
    desc.max_rows = 4;
    desc.logits = LMS_FLOAT32;
    const std::vector<float> logits = make_logits(4);
    std::vector<lms_row_params> params(4, start);
    for (std::size_t row = 0; row < 4; ++row) params[row].seed = row;
    lmsample::sampler first(context, desc);
    REQUIRE(first && first.workspace() > 0);
    lmsample::sampler sampler(std::move(first));
    REQUIRE(!first && sampler);
    int32_t expected[4], some[4];
    lms_sample_host_args batch = lms_sample_host_args();
    batch.rows = 4;
    batch.logits = logits.data();
    batch.params = params.data();
    batch.tokens = expected;
    OK(sampler.sample(batch));
    std::array<int32_t, 4> tokens{};
    OK(sampler.sample(logits, params, tokens));
    REQUIRE(std::memcmp(tokens.data(), expected, sizeof expected) == 0);
    OK(sampler.sample(logits, params, some));
    REQUIRE(std::memcmp(some, expected, sizeof expected) == 0);
    const lmsample::span<const float> two(logits.data(), 2 * V);
    OK(sampler.sample(two, lmsample::span<const lms_row_params>(params.data(), 2), some));
    FAILS(LMS_E_ARGUMENT, "logits: must have a row", sampler.sample(two, params, some));
    std::vector<int32_t> few(3);
    FAILS(LMS_E_ARGUMENT, "tokens: must have room", sampler.sample(logits, params, few));
    std::vector<int64_t> wide(4);
    FAILS(LMS_E_ARGUMENT, "of the sampler's types", sampler.sample(logits, params, wide));
    const std::vector<uint16_t> halves(4 * V);
    FAILS(LMS_E_ARGUMENT, "of the sampler's types", sampler.sample(halves, params, some));
    params[2].filters.top_p = NAN;
    FAILS(LMS_E_ROW_PARAMS, "params[2].filters.top_p", sampler.sample(logits, params, some));
    first = std::move(sampler); // and back
    REQUIRE(first && !sampler);
    FAILS(LMS_E_ARGUMENT, "sampler: is NULL", sampler.sample(batch));
    desc.vocab = 0;
    FAILS(LMS_E_ARGUMENT, "vocab: 0", make<lmsample::sampler>(context, desc));
    desc.vocab = V;
    desc.logits = LMS_BFLOAT16;
    desc.tokens = LMS_INT64;
    params[2] = start;
    lmsample::sampler other(context, desc);
    OK(other.sample(halves, params, wide));
    REQUIRE(wide[0] >= 0);
}

// On buffers too, with an event, and one call that waits for it.
static void check_run(const lmsample::context &context)
{
    lms_sampler_desc desc = lms_sampler_desc();
    desc.vocab = V;
    desc.max_rows = 1;
    desc.logits = LMS_FLOAT32;
    lmsample::sampler sampler(context, desc);
    std::vector<float> logits = make_logits(1);
    lms_row_params params = LMS_ROW_PARAMS_INIT;
    params.filters.temperature = 0.0f;
    cl_int code = CL_SUCCESS;
    const cl_mem in = clCreateBuffer(context.opencl(), CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                                     V * sizeof(float), logits.data(), &code);
    const cl_mem out = clCreateBuffer(context.opencl(), CL_MEM_READ_WRITE, 4, nullptr, &code);
    REQUIRE(code == CL_SUCCESS);
    lms_sampler_run_args batch = lms_sampler_run_args();
    batch.rows = 1;
    batch.logits.buffer = in;
    batch.params = &params;
    batch.tokens.buffer = out;
    cl_event event = nullptr;
    OK(sampler.run(lmsample::where(context.queue(), {}, &event), batch));
    OK(sampler.run(lmsample::where(context.queue(), {&event, 1}), batch));
    OK(sampler.run(context, batch));
    int32_t token = -1, expected = 0;
    REQUIRE(clEnqueueReadBuffer(context.queue(), out, CL_TRUE, 0, 4, &token, 0, nullptr,
                                nullptr) == CL_SUCCESS);
    for (int32_t i = 0; i < static_cast<int32_t>(V); ++i) {
        if (logits[static_cast<std::size_t>(i)] > logits[static_cast<std::size_t>(expected)]) {
            expected = i;
        }
    }
    REQUIRE(token == expected);
    FAILS(LMS_E_ARGUMENT, "queue", sampler.run(cl_command_queue(nullptr), batch));
    clReleaseEvent(event);
    clReleaseMemObject(in);
    clReleaseMemObject(out);
}

static void check_beam(const lmsample::context &context)
{
    lms_beam_desc desc = lms_beam_desc();
    desc.vocab = V;
    desc.max_requests = 1;
    desc.max_width = 2;
    desc.max_length = 3;
    desc.max_end_tokens = 1;
    desc.logits = LMS_FLOAT32;
    lmsample::beam beam(context, desc);
    lms_beam_params params = LMS_BEAM_PARAMS_INIT(2);
    params.max_length = 3;
    params.results = 2;
    const int32_t ends[] = {7};
    OK(beam.open(0, params, ends));
    FAILS(LMS_E_SLOT, "is open already", beam.open(0, params));
    const std::vector<float> logits = make_logits(2);
    const uint32_t slot = 0;
    std::array<int32_t, 2> parents{}, tokens{}, lengths{};
    uint32_t done = 0;
    int32_t count = 0;
    std::array<int32_t, 6> texts{};
    lms_beam_step_host_args step = lms_beam_step_host_args();
    step.requests = 1;
    step.slots = &slot;
    step.logits = logits.data();
    step.parents = parents.data();
    step.tokens = tokens.data();
    step.done = &done;
    unsigned steps = 0;
    while (done == 0) {
        OK(beam.step(step));
        ++steps;
    }
    REQUIRE(steps == 3);
    lms_beam_results_host_args results = lms_beam_results_host_args();
    results.requests = 1;
    results.slots = &slot;
    results.max_results = 2;
    results.counts = &count;
    results.lengths = lengths.data();
    results.tokens = texts.data();
    OK(beam.results(results));
    REQUIRE(count == 2 && lengths[0] == 3);
    results.counts = nullptr;
    FAILS(LMS_E_ARGUMENT, "counts: is NULL", beam.results(results));
    OK(beam.close(0));
    FAILS(LMS_E_SLOT, "is not open", beam.step(step));
    OK(beam.open(context, 0, params, ends));
    OK(beam.close(0));
    REQUIRE(beam.workspace() > 0);
    desc.max_width = 0;
    FAILS(LMS_E_ARGUMENT, "max_width: 0", make<lmsample::beam>(context, desc));
}

static void check_contrastive(const lmsample::context &context)
{
    lms_contrastive_desc desc = lms_contrastive_desc();
    desc.vocab = V;
    desc.width = 8;
    desc.max_requests = 2;
    desc.max_k = 2;
    desc.max_length = 64;
    desc.logits = desc.hidden = LMS_FLOAT32;
    lmsample::contrastive search(context, desc);
    const lms_contrastive_params params = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 2);
    const uint32_t slot = 0;
    const std::vector<float> logits = make_logits(1), states(16, 0.5f);
    std::array<int32_t, 2> tokens{};
    std::array<float, 2> probs{};
    int32_t next = 0, row = 0;
    uint32_t length = 0;
    OK(search.open(slot, params));
    lms_contrastive_append_host_args append = lms_contrastive_append_host_args();
    append.requests = 1;
    append.slots = &slot;
    append.hidden = states.data();
    OK(search.append(append));
    lms_contrastive_propose_host_args propose = lms_contrastive_propose_host_args();
    propose.requests = 1;
    propose.slots = &slot;
    propose.logits = logits.data();
    propose.tokens = tokens.data();
    propose.probs = probs.data();
    OK(search.propose(propose));
    lms_contrastive_select_host_args select = lms_contrastive_select_host_args();
    select.requests = 1;
    select.slots = &slot;
    select.hidden = states.data();
    select.tokens = tokens.data();
    select.probs = probs.data();
    select.next = &next;
    select.rows = &row;
    OK(search.select(select));
    REQUIRE(row == 0 && next == tokens[0]);
    FAILS(LMS_E_SLOT, "proposal", search.select(select));
    OK(search.fork(0, 1));
    OK(search.update(1, params));
    OK(search.length(1, length));
    REQUIRE(length == 2 && search.room() > 0 && search.workspace() > 0);
    OK(search.close(1));
    OK(search.fork(context, 0, 1));
    OK(search.close(1));
    FAILS(LMS_E_SLOT, "is not open", search.length(1, length));
    OK(search.close(0));
    desc.width = 0;
    FAILS(LMS_E_ARGUMENT, "width: 0", make<lmsample::contrastive>(context, desc));
}

static void check_slots(const lmsample::context &context)
{
    lms_slots_desc desc = lms_slots_desc();
    desc.max_slots = 6;
    desc.max_length = 64;
    desc.max_tokens = 6 * LMS_SLOT_PAGE;
    desc.vocab = V;
    lmsample::slots slots(context, desc);
    const uint32_t lengths[] = {2, 1};
    const int32_t prompts[] = {1, 2, 3}, more[] = {4, 5};
    std::vector<uint64_t> names(2), forks(2);
    lms_slots_open_args open = lms_slots_open_args();
    open.count = 2;
    open.lengths = lengths;
    open.tokens = prompts;
    open.token_count = 3;
    open.names = names.data();
    OK(slots.open(open));
    lms_slots_append_host_args append = lms_slots_append_host_args();
    append.count = 2;
    append.names = names.data();
    append.tokens = more;
    OK(slots.append(append));
    OK(slots.fork(names, forks));
    const std::vector<int32_t> parents{1, 0};
    OK(slots.reorder(names, parents));
    std::array<int32_t, 8> tokens{};
    uint32_t length = 0, prompt = 0;
    OK(slots.read(names[0], tokens, length, &prompt));
    REQUIRE(length == 2 && prompt == 1 && tokens[0] == 3 && tokens[1] == 5);
    OK(slots.roll_back(forks, lengths));
    OK(slots.read(forks[1], {}, length));
    REQUIRE(length == 1);
    OK(slots.length(forks[0], length));
    REQUIRE(length == 2 && slots.room() == 2 * LMS_SLOT_PAGE && slots.workspace() > 0);
    FAILS(LMS_E_ARGUMENT, "parents: must be one", slots.reorder(names, {parents.data(), 1}));
    FAILS(LMS_E_ARGUMENT, "lengths: must be one", slots.roll_back(names, {lengths, 1}));
    std::vector<uint64_t> one(1);
    FAILS(LMS_E_ARGUMENT, "names: must be one", slots.fork(names, one));
    OK(slots.fork(names, forks));
    FAILS(LMS_E_CONTEXT_FULL, "slots", slots.fork(names, forks));
    // The library speaks again where it is the library that refuses.
    FAILS(LMS_E_SLOT, "no slot of the name 0", slots.close(0));
    OK(slots.close(names[0]));
}

int main()
{
    lmsample::context nothing;
    REQUIRE(!nothing && nothing.queue() == nullptr);
    lmsample::context context("");
    REQUIRE(context && context.opencl() != nullptr && context.device() != nullptr);
    REQUIRE(context.log()[0] == '\0');
    const lmsample::context beside(context.opencl(), context.device());
    REQUIRE(beside && beside.get() != context.get());
#if LMSAMPLE_EXCEPTIONS
    FAILS(LMS_E_NO_DEVICE, "abacus", make<lmsample::context>("abacus"));
#else
    FAILS(LMS_E_ARGUMENT, "abacus", make<lmsample::context>("abacus"));
#endif
    nothing = std::move(context);
    REQUIRE(nothing && !context);
    context.reset(nothing.release());
    REQUIRE(context && !nothing);
    check_sampler(context);
    check_run(context);
    check_beam(context);
    check_contrastive(context);
    check_slots(context);
    std::puts("good");
    return 0;
}
