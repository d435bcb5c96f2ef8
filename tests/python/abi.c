/* Prints sizes, offsets and constants of the public headers, one a line. */
#include <lmsample.h>
#include <stdio.h>

#define SIZE(type) printf("sizeof %s %zu\n", #type, sizeof(type))
#define FIELD(type, field) printf("%s %s %zu\n", #type, #field, offsetof(type, field))
#define VALUE(name) printf("value %s %lld\n", #name, (long long)(name))

static void row_params(void)
{
    SIZE(lms_row_params);
    FIELD(lms_row_params, seed);
    FIELD(lms_row_params, step);
    FIELD(lms_row_params, filters.temperature);
    FIELD(lms_row_params, filters.top_p);
    FIELD(lms_row_params, filters.min_p);
    FIELD(lms_row_params, filters.top_k);
    FIELD(lms_row_params, filters.flags);
    FIELD(lms_row_params, filters.rules);
    FIELD(lms_row_params, slot);
    FIELD(lms_row_params, edits);
    FIELD(lms_row_params, wants);
    FIELD(lms_row_params, reserved);
}

static void device(void)
{
    SIZE(lms_device);
    FIELD(lms_device, id);
    FIELD(lms_device, type);
    FIELD(lms_device, memory_bytes);
    FIELD(lms_device, max_alloc_bytes);
    FIELD(lms_device, compute_units);
    FIELD(lms_device, unified);
    FIELD(lms_device, chosen);
    FIELD(lms_device, platform);
    FIELD(lms_device, name);
    FIELD(lms_device, driver);
    FIELD(lms_device, version);
    FIELD(lms_device, problem);
}

static void sampler_desc(void)
{
    SIZE(lms_sampler_desc);
    FIELD(lms_sampler_desc, vocab);
    FIELD(lms_sampler_desc, max_rows);
    FIELD(lms_sampler_desc, logits);
    FIELD(lms_sampler_desc, tokens);
    FIELD(lms_sampler_desc, outputs);
    FIELD(lms_sampler_desc, max_in_flight);
    FIELD(lms_sampler_desc, work_items);
    FIELD(lms_sampler_desc, reserved);
}

static void host_batch(void)
{
    SIZE(lms_sample_host_args);
    FIELD(lms_sample_host_args, rows);
    FIELD(lms_sample_host_args, logits);
    FIELD(lms_sample_host_args, row_stride);
    FIELD(lms_sample_host_args, logits_rows);
    FIELD(lms_sample_host_args, params);
    FIELD(lms_sample_host_args, index);
    FIELD(lms_sample_host_args, uniforms);
    FIELD(lms_sample_host_args, uniforms_per_row);
    FIELD(lms_sample_host_args, tokens);
    FIELD(lms_sample_host_args, status);
    FIELD(lms_sample_host_args, logprob_raw);
    FIELD(lms_sample_host_args, logprob);
    FIELD(lms_sample_host_args, kept);
    FIELD(lms_sample_host_args, probs);
    FIELD(lms_sample_host_args, probs_stride);
}

static void values(void)
{
    VALUE(LMS_VERSION);
    VALUE(LMS_SPECIFICATION);
    VALUE(LMS_FLOAT32);
    VALUE(LMS_FLOAT16);
    VALUE(LMS_BFLOAT16);
    VALUE(LMS_INT32);
    VALUE(LMS_INT64);
    VALUE(LMS_OUT_LOGPROB_RAW);
    VALUE(LMS_OUT_LOGPROB);
    VALUE(LMS_OUT_KEPT);
    VALUE(LMS_OUT_PROBS);
    VALUE(LMS_PRESET_VLLM);
    VALUE(LMS_PRESET_HUGGING_FACE);
    VALUE(LMS_PRESET_LLAMA_CPP);
    VALUE(LMS_PRESET_JOINT);
    VALUE(LMS_TEMPERATURE_LAST);
    VALUE(LMS_MIN_P_LAST);
    VALUE(LMS_TOP_P_WHOLE_ROW);
    VALUE(LMS_TOP_K_TIES);
    VALUE(LMS_ROW_OK);
    VALUE(LMS_ROW_EMPTY);
    VALUE(LMS_ROW_SKIPPED);
    VALUE(LMS_ROW_UNIFORMS_SPENT);
    VALUE(LMS_ROW_NAN_SEEN);
    VALUE(LMS_ROW_INF_SEEN);
    VALUE(LMS_SKIP_ROW);
    VALUE(LMS_MAX_VOCAB);
    VALUE(LMS_E_ARGUMENT);
    VALUE(LMS_E_BUFFER_SIZE);
    VALUE(LMS_E_ROW_PARAMS);
    VALUE(LMS_E_ROW_INDEX);
    VALUE(LMS_E_NO_DEVICE);
    VALUE(LMS_E_UNSUPPORTED);
    VALUE(LMS_E_BUILD);
    VALUE(LMS_E_MEMORY);
    VALUE(CL_DEVICE_TYPE_CPU);
    VALUE(CL_DEVICE_TYPE_GPU);
    VALUE(CL_DEVICE_TYPE_ACCELERATOR);
    VALUE(CL_DEVICE_TYPE_CUSTOM);
    VALUE(CL_MEM_OBJECT_ALLOCATION_FAILURE);
    VALUE(CL_OUT_OF_HOST_MEMORY);
}

int main(void)
{
    row_params();
    device();
    sampler_desc();
    host_batch();
    values();
    return 0;
}
