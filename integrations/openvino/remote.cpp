// remote.cpp - logits that never leave the GPU: OpenVINO and lmsample in one OpenCL context
//
//     remote [STEPS]
//
// OpenVINO's GPU plugin works in a cl_context, and hands out its tensors' cl_mem. lmsample takes
// both as they are. Each step, the model writes its logits to a buffer that lmsample reads, and
// lmsample writes the tokens to a buffer that is the model's next input: nothing is copied to the
// host but what is printed. Without a GPU it says so and ends with 77.
#include <lmsample.h>

#include <openvino/opsets/opset13.hpp>
#include <openvino/openvino.hpp>
#include <openvino/runtime/intel_gpu/ocl/ocl.hpp>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

namespace
{

constexpr size_t VOCAB = 32000, WIDTH = 64, ROWS = 8;

void must(lms_status status)
{
    if (status == LMS_OK) return;
    std::fprintf(stderr, "remote: %s\n", lms_error_message());
    std::exit(EXIT_FAILURE);
}

std::shared_ptr<ov::Node> random_table(float scale)
{
    std::mt19937 random(scale > 0.5f ? 1 : 2);
    std::normal_distribution<float> normal(0.0f, scale);
    std::vector<float> values(VOCAB * WIDTH);
    for (float &value : values) value = normal(random);
    return ov::opset13::Constant::create(ov::element::f32, {VOCAB, WIDTH}, values);
}

// An embedding and another's transpose: ids[ROWS] -> logits[ROWS][VOCAB].
std::shared_ptr<ov::Model> toy_model()
{
    namespace op = ov::opset13;
    auto ids = std::make_shared<op::Parameter>(ov::element::i64, ov::Shape{ROWS});
    auto axis = op::Constant::create(ov::element::i64, {}, {0});
    auto state = std::make_shared<op::Gather>(random_table(1.0f), ids, axis);
    auto logits = std::make_shared<op::MatMul>(state, random_table(0.4f), false, true);
    // Else the plugin may give them in the type that it infers in.
    auto as_float = std::make_shared<op::Convert>(logits, ov::element::f32);
    return std::make_shared<ov::Model>(ov::OutputVector{as_float}, ov::ParameterVector{ids});
}

bool has_gpu(const ov::Core &core)
{
    for (const std::string &name : core.get_available_devices()) {
        if (name.rfind("GPU", 0) == 0) return true;
    }
    return false;
}

// The first device of the plugin's context.
cl_device_id device_of(cl_context context)
{
    cl_device_id device = nullptr;
    clGetContextInfo(context, CL_CONTEXT_DEVICES, sizeof device, &device, nullptr);
    return device;
}

// lmsample's half: of ROWS rows, each with a seed and a temperature of its own.
struct Sampling {
    lms_context *context = nullptr;
    lms_sampler *sampler = nullptr;
    std::vector<lms_row_params> params{ROWS, lms_row_params LMS_ROW_PARAMS_INIT};

    explicit Sampling(cl_context shared)
    {
        must(lms_context_create(shared, device_of(shared), &context));
        lms_sampler_desc desc = {};
        desc.vocab = VOCAB;
        desc.max_rows = ROWS;
        desc.logits = LMS_FLOAT32;
        desc.tokens = LMS_INT64;
        must(lms_sampler_create(context, &desc, &sampler));
        for (size_t row = 0; row < ROWS; ++row) {
            params[row].seed = row;
            params[row].filters.temperature = 0.2f * static_cast<float>(row);
            params[row].filters.top_p = 0.9f;
        }
    }

    ~Sampling()
    {
        lms_sampler_destroy(sampler);
        lms_context_destroy(context);
    }

    // Enqueued on lmsample's own queue. The model's next infer() is on another: so it is waited
    // for, which costs no copy.
    void step(cl_mem logits, cl_mem tokens, uint64_t number)
    {
        for (lms_row_params &row : params) row.step = number;
        lms_sampler_run_args batch = {};
        batch.rows = ROWS;
        batch.logits.buffer = logits;
        batch.params = params.data();
        batch.tokens.buffer = tokens;
        must(lms_sampler_run(sampler, lms_context_queue(context), &batch, 0, nullptr, nullptr));
        clFinish(lms_context_queue(context));
    }
};

int run(ov::Core &core, uint64_t steps)
{
    auto remote = core.get_default_context("GPU").as<ov::intel_gpu::ocl::ClContext>();
    cl_context shared = remote.get();
    ov::CompiledModel compiled = core.compile_model(toy_model(), remote);
    ov::InferRequest request = compiled.create_infer_request();
    // Made once; the request writes to, and reads, them from now on.
    auto logits = remote.create_tensor(ov::element::f32, {ROWS, VOCAB}, ov::AnyMap{})
                      .as<ov::intel_gpu::ocl::ClBufferTensor>();
    cl_mem tokens =
        clCreateBuffer(shared, CL_MEM_READ_WRITE, ROWS * sizeof(int64_t), nullptr, nullptr);
    request.set_output_tensor(logits);
    request.set_input_tensor(remote.create_tensor(ov::element::i64, {ROWS}, tokens));
    Sampling sampling(shared);
    std::vector<int64_t> text(ROWS);
    for (size_t row = 0; row < ROWS; ++row) text[row] = static_cast<int64_t>(row);
    cl_command_queue queue = lms_context_queue(sampling.context);
    clEnqueueWriteBuffer(queue, tokens, CL_TRUE, 0, ROWS * sizeof(int64_t), text.data(), 0,
                         nullptr, nullptr);
    for (uint64_t step = 0; step < steps; ++step) {
        request.infer();
        sampling.step(logits.get(), tokens, step);
        clEnqueueReadBuffer(queue, tokens, CL_TRUE, 0, ROWS * sizeof(int64_t), text.data(), 0,
                            nullptr, nullptr);
        for (int64_t token : text) std::printf("%6lld", static_cast<long long>(token));
        std::printf("\n");
    }
    clReleaseMemObject(tokens);
    return EXIT_SUCCESS;
}

} // namespace

int main(int argc, char **argv)
{
    ov::Core core;
    if (!has_gpu(core)) {
        std::printf("remote: OpenVINO sees no GPU here\n");
        return 77;
    }
    return run(core, argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 8);
}
