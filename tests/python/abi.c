/* Prints sizes, offsets and constants of the public headers, one a line. */
#include "abi.h"

static void row_params(void)
{
    SIZE(lms_row_params);
    FIELD(lms_row_params, seed);
    FIELD(lms_row_params, step);
    FIELD(lms_row_params, request.slot);
    FIELD(lms_row_params, request.edits);
    FIELD(lms_row_params, request.mask);
    FIELD(lms_row_params, request.unconditional);
    FIELD(lms_row_params, request.reserved);
    FIELD(lms_row_params, filters.temperature);
    FIELD(lms_row_params, filters.top_p);
    FIELD(lms_row_params, filters.min_p);
    FIELD(lms_row_params, filters.top_k);
    FIELD(lms_row_params, filters.flags);
    FIELD(lms_row_params, filters.rules);
    FIELD(lms_row_params, wants);
    FIELD(lms_row_params, target);
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
    FIELD(lms_sampler_desc, requests);
    FIELD(lms_sampler_desc, max_top);
    FIELD(lms_sampler_desc, max_lists);
    FIELD(lms_sampler_desc, table_bytes);
    FIELD(lms_sampler_desc, slots);
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
    FIELD(lms_sample_host_args, tables);
    FIELD(lms_sample_host_args, append);
    FIELD(lms_sample_host_args, logprob_edited);
    FIELD(lms_sample_host_args, rank_raw);
    FIELD(lms_sample_host_args, rank_edited);
    FIELD(lms_sample_host_args, entropy_raw);
    FIELD(lms_sample_host_args, entropy);
    FIELD(lms_sample_host_args, top_tokens);
    FIELD(lms_sample_host_args, top_values);
    FIELD(lms_sample_host_args, top_stride);
    FIELD(lms_sample_host_args, named_values);
    FIELD(lms_sample_host_args, named_stride);
}

static void row_edits(void)
{
    SIZE(lms_row_edits);
    FIELD(lms_row_edits, repetition);
    FIELD(lms_row_edits, frequency);
    FIELD(lms_row_edits, presence);
    FIELD(lms_row_edits, window);
    FIELD(lms_row_edits, flags);
    FIELD(lms_row_edits, bias);
    FIELD(lms_row_edits, sequence_bias);
    FIELD(lms_row_edits, allowed);
    FIELD(lms_row_edits, banned);
    FIELD(lms_row_edits, bad_words);
    FIELD(lms_row_edits, end_tokens);
    FIELD(lms_row_edits, min_tokens);
    FIELD(lms_row_edits, ngram);
    FIELD(lms_row_edits, encoder_ngram);
    FIELD(lms_row_edits, encoder);
    FIELD(lms_row_edits, dry_multiplier);
    FIELD(lms_row_edits, dry_base);
    FIELD(lms_row_edits, dry_allowed_length);
    FIELD(lms_row_edits, dry_range);
    FIELD(lms_row_edits, dry_breakers);
    FIELD(lms_row_edits, forced);
    FIELD(lms_row_edits, decay_start);
    FIELD(lms_row_edits, decay_factor);
    FIELD(lms_row_edits, top_p_decay);
    FIELD(lms_row_edits, top_p_min);
    FIELD(lms_row_edits, top_p_reset);
    FIELD(lms_row_edits, guidance);
    FIELD(lms_row_edits, reserved);
}

static void row_wants(void)
{
    SIZE(lms_row_wants);
    FIELD(lms_row_wants, top_n);
    FIELD(lms_row_wants, named);
    FIELD(lms_row_wants, flags);
    FIELD(lms_row_wants, reserved);
}

static void view(void)
{
    SIZE(lms_view);
    FIELD(lms_view, buffer);
    FIELD(lms_view, offset);
    FIELD(lms_view, svm);
}

static void tables(void)
{
    SIZE(lms_tables);
    FIELD(lms_tables, edit_count);
    FIELD(lms_tables, want_count);
    FIELD(lms_tables, list_count);
    FIELD(lms_tables, mask_count);
    FIELD(lms_tables, edits);
    FIELD(lms_tables, edits_device);
    FIELD(lms_tables, wants);
    FIELD(lms_tables, wants_device);
    FIELD(lms_tables, list_offsets);
    FIELD(lms_tables, list_offsets_device);
    FIELD(lms_tables, list_ids);
    FIELD(lms_tables, list_ids_device);
    FIELD(lms_tables, list_values);
    FIELD(lms_tables, list_values_device);
    FIELD(lms_tables, list_entries);
    FIELD(lms_tables, masks);
    FIELD(lms_tables, masks_device);
    FIELD(lms_tables, mask_type);
    FIELD(lms_tables, mask_columns);
    FIELD(lms_tables, mask_stride);
}

static void slots_desc(void)
{
    SIZE(lms_slots_desc);
    FIELD(lms_slots_desc, max_tokens);
    FIELD(lms_slots_desc, max_slots);
    FIELD(lms_slots_desc, max_length);
    FIELD(lms_slots_desc, vocab);
    FIELD(lms_slots_desc, tokens);
    FIELD(lms_slots_desc, max_in_flight);
    FIELD(lms_slots_desc, max_call);
    FIELD(lms_slots_desc, max_host_tokens);
    FIELD(lms_slots_desc, reserved);
}

static void slots_open(void)
{
    SIZE(lms_slots_open_args);
    FIELD(lms_slots_open_args, count);
    FIELD(lms_slots_open_args, lengths);
    FIELD(lms_slots_open_args, prompts);
    FIELD(lms_slots_open_args, ignored);
    FIELD(lms_slots_open_args, firsts);
    FIELD(lms_slots_open_args, tokens);
    FIELD(lms_slots_open_args, tokens_device);
    FIELD(lms_slots_open_args, token_count);
    FIELD(lms_slots_open_args, names);
}

static void request_values(void)
{
    VALUE(LMS_REQUESTS_EDITS);
    VALUE(LMS_REQUESTS_DRY);
    VALUE(LMS_EDITS_VLLM);
    VALUE(LMS_EDITS_HUGGING_FACE);
    VALUE(LMS_EDITS_LLAMA_CPP);
    VALUE(LMS_EDITS_TENSORRT_LLM);
    VALUE(LMS_EDITS_SGLANG);
    VALUE(LMS_EDITS_MLC);
    VALUE(LMS_REPETITION_NOT_PROMPT);
    VALUE(LMS_REPETITION_NOT_OUTPUT);
    VALUE(LMS_FREQUENCY_PROMPT);
    VALUE(LMS_FREQUENCY_NOT_OUTPUT);
    VALUE(LMS_PRESENCE_PROMPT);
    VALUE(LMS_PRESENCE_NOT_OUTPUT);
    VALUE(LMS_ADDITIVE_FIRST);
    VALUE(LMS_ADDITIVE_TEMPERED);
    VALUE(LMS_IGNORE_END);
    VALUE(LMS_EDIT_FLAGS);
    VALUE(LMS_GUIDANCE_LOGPROBS);
    VALUE(LMS_BAD_WORDS_PROMPT);
    VALUE(LMS_WANT_RAW);
    VALUE(LMS_WANT_EDITED);
    VALUE(LMS_WANT_PROCESSED);
    VALUE(LMS_WANT_LOGITS);
    VALUE(LMS_WANT_RANK_FROM_0);
    VALUE(LMS_MAX_TOP);
    VALUE(LMS_MAX_NAMED);
    VALUE(LMS_MAX_LISTS);
    VALUE(LMS_MASK_BITS);
    VALUE(LMS_MASK_BYTES);
    VALUE(LMS_MAX_SLOTS);
    VALUE(LMS_MAX_SLOT_LENGTH);
    VALUE(LMS_SLOT_PAGE);
    VALUE(LMS_NO_TOKEN);
    VALUE(LMS_STEP_OF_SLOT);
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
    VALUE(LMS_OUT_LOGPROB_EDITED);
    VALUE(LMS_OUT_RANK_RAW);
    VALUE(LMS_OUT_RANK_EDITED);
    VALUE(LMS_OUT_ENTROPY_RAW);
    VALUE(LMS_OUT_ENTROPY);
    VALUE(LMS_OUT_TOP);
    VALUE(LMS_OUT_NAMED);
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
    VALUE(LMS_E_SLOT);
    VALUE(LMS_E_CONTEXT_FULL);
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

static void run_args(void)
{
    SIZE(lms_sampler_run_args);
    FIELD(lms_sampler_run_args, rows);
    FIELD(lms_sampler_run_args, logits);
    FIELD(lms_sampler_run_args, row_stride);
    FIELD(lms_sampler_run_args, logits_rows);
    FIELD(lms_sampler_run_args, params);
    FIELD(lms_sampler_run_args, params_device);
    FIELD(lms_sampler_run_args, index);
    FIELD(lms_sampler_run_args, index_device);
    FIELD(lms_sampler_run_args, uniforms);
    FIELD(lms_sampler_run_args, uniforms_per_row);
    FIELD(lms_sampler_run_args, tokens);
    FIELD(lms_sampler_run_args, status);
    FIELD(lms_sampler_run_args, logprob_raw);
    FIELD(lms_sampler_run_args, logprob);
    FIELD(lms_sampler_run_args, kept);
    FIELD(lms_sampler_run_args, probs);
    FIELD(lms_sampler_run_args, probs_stride);
    FIELD(lms_sampler_run_args, tables);
    FIELD(lms_sampler_run_args, append);
    FIELD(lms_sampler_run_args, logprob_edited);
    FIELD(lms_sampler_run_args, rank_raw);
    FIELD(lms_sampler_run_args, rank_edited);
    FIELD(lms_sampler_run_args, entropy_raw);
    FIELD(lms_sampler_run_args, entropy);
    FIELD(lms_sampler_run_args, top_tokens);
    FIELD(lms_sampler_run_args, top_values);
    FIELD(lms_sampler_run_args, top_stride);
    FIELD(lms_sampler_run_args, named_values);
    FIELD(lms_sampler_run_args, named_stride);
}

int main(void)
{
    row_params();
    device();
    sampler_desc();
    host_batch();
    run_args();
    row_edits();
    row_wants();
    view();
    tables();
    slots_desc();
    slots_open();
    values();
    request_values();
    abi_searches();
    return 0;
}
