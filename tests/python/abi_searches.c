/* Of beam search, contrastive search, and slots on arrays. */
#include "abi.h"

static void request(void)
{
    SIZE(lms_request);
    FIELD(lms_request, slot);
    FIELD(lms_request, edits);
    FIELD(lms_request, mask);
    FIELD(lms_request, unconditional);
    FIELD(lms_request, reserved);
}

static void beam_params(void)
{
    SIZE(lms_beam_params);
    FIELD(lms_beam_params, seed);
    FIELD(lms_beam_params, filters.temperature);
    FIELD(lms_beam_params, filters.top_p);
    FIELD(lms_beam_params, filters.min_p);
    FIELD(lms_beam_params, filters.top_k);
    FIELD(lms_beam_params, filters.flags);
    FIELD(lms_beam_params, filters.rules);
    FIELD(lms_beam_params, mode);
    FIELD(lms_beam_params, width);
    FIELD(lms_beam_params, groups);
    FIELD(lms_beam_params, diversity_penalty);
    FIELD(lms_beam_params, length_penalty);
    FIELD(lms_beam_params, length_counts);
    FIELD(lms_beam_params, early_stopping);
    FIELD(lms_beam_params, flags);
    FIELD(lms_beam_params, prompt_length);
    FIELD(lms_beam_params, min_length);
    FIELD(lms_beam_params, max_length);
    FIELD(lms_beam_params, results);
    FIELD(lms_beam_params, end_tokens);
    FIELD(lms_beam_params, reserved);
}

static void beam_desc(void)
{
    SIZE(lms_beam_desc);
    FIELD(lms_beam_desc, vocab);
    FIELD(lms_beam_desc, max_requests);
    FIELD(lms_beam_desc, max_width);
    FIELD(lms_beam_desc, max_length);
    FIELD(lms_beam_desc, max_end_tokens);
    FIELD(lms_beam_desc, max_rows);
    FIELD(lms_beam_desc, logits);
    FIELD(lms_beam_desc, tokens);
    FIELD(lms_beam_desc, max_in_flight);
    FIELD(lms_beam_desc, work_items);
    FIELD(lms_beam_desc, requests);
    FIELD(lms_beam_desc, max_lists);
    FIELD(lms_beam_desc, table_bytes);
    FIELD(lms_beam_desc, slots);
    FIELD(lms_beam_desc, reserved);
}

static void beam_step(void)
{
    SIZE(lms_beam_step_host_args);
    FIELD(lms_beam_step_host_args, requests);
    FIELD(lms_beam_step_host_args, slots);
    FIELD(lms_beam_step_host_args, first_rows);
    FIELD(lms_beam_step_host_args, logits);
    FIELD(lms_beam_step_host_args, row_stride);
    FIELD(lms_beam_step_host_args, logits_rows);
    FIELD(lms_beam_step_host_args, parents);
    FIELD(lms_beam_step_host_args, tokens);
    FIELD(lms_beam_step_host_args, scores);
    FIELD(lms_beam_step_host_args, scores_fixed);
    FIELD(lms_beam_step_host_args, done);
    FIELD(lms_beam_step_host_args, status);
    FIELD(lms_beam_step_host_args, tables);
    FIELD(lms_beam_step_host_args, row_requests);
}

static void beam_results(void)
{
    SIZE(lms_beam_results_host_args);
    FIELD(lms_beam_results_host_args, requests);
    FIELD(lms_beam_results_host_args, slots);
    FIELD(lms_beam_results_host_args, max_results);
    FIELD(lms_beam_results_host_args, token_stride);
    FIELD(lms_beam_results_host_args, counts);
    FIELD(lms_beam_results_host_args, lengths);
    FIELD(lms_beam_results_host_args, tokens);
    FIELD(lms_beam_results_host_args, scores);
    FIELD(lms_beam_results_host_args, logprobs);
    FIELD(lms_beam_results_host_args, token_logprobs);
    FIELD(lms_beam_results_host_args, beams);
}

static void beam_values(void)
{
    VALUE(LMS_BEAM_SEARCH);
    VALUE(LMS_BEAM_STOCHASTIC);
    VALUE(LMS_BEAM_SAMPLE);
    VALUE(LMS_BEAM_LENGTH_GENERATED);
    VALUE(LMS_BEAM_LENGTH_WITH_PROMPT);
    VALUE(LMS_BEAM_LENGTH_NONE);
    VALUE(LMS_BEAM_EARLY_HEURISTIC);
    VALUE(LMS_BEAM_EARLY_YES);
    VALUE(LMS_BEAM_EARLY_NEVER);
    VALUE(LMS_BEAM_EARLY_OFF);
    VALUE(LMS_BEAM_KEEP_LIVE);
    VALUE(LMS_BEAM_END_ANY_RANK);
    VALUE(LMS_BEAM_LENGTH_WITHOUT_END);
    VALUE(LMS_BEAM_RENORMALIZE);
    VALUE(LMS_BEAM_STOP_BY_CANDIDATE);
    VALUE(LMS_BEAM_FLAGS);
    VALUE(LMS_BEAM_PRESET_HUGGING_FACE);
    VALUE(LMS_BEAM_PRESET_TENSORRT_LLM);
    VALUE(LMS_BEAM_PRESET_VLLM);
    VALUE(LMS_BEAM_SCORE_ONE);
    VALUE(LMS_BEAM_DONE);
    VALUE(LMS_BEAM_EARLY);
    VALUE(LMS_BEAM_EMPTY);
    VALUE(LMS_BEAM_NOT_OPENED);
    VALUE(LMS_BEAM_BAD_REQUEST);
    VALUE(LMS_MAX_BEAM_WIDTH);
    VALUE(LMS_MAX_BEAM_LENGTH);
    VALUE(LMS_E_BEAM_PARAMS);
}

static void contrastive_params(void)
{
    SIZE(lms_contrastive_params);
    FIELD(lms_contrastive_params, alpha);
    FIELD(lms_contrastive_params, k);
    FIELD(lms_contrastive_params, context_begin);
    FIELD(lms_contrastive_params, context_window);
    FIELD(lms_contrastive_params, filters.temperature);
    FIELD(lms_contrastive_params, filters.top_p);
    FIELD(lms_contrastive_params, filters.min_p);
    FIELD(lms_contrastive_params, filters.top_k);
    FIELD(lms_contrastive_params, filters.flags);
    FIELD(lms_contrastive_params, filters.rules);
    FIELD(lms_contrastive_params, reserved);
}

static void contrastive_desc(void)
{
    SIZE(lms_contrastive_desc);
    FIELD(lms_contrastive_desc, max_positions);
    FIELD(lms_contrastive_desc, max_buffer_bytes);
    FIELD(lms_contrastive_desc, vocab);
    FIELD(lms_contrastive_desc, width);
    FIELD(lms_contrastive_desc, max_requests);
    FIELD(lms_contrastive_desc, max_k);
    FIELD(lms_contrastive_desc, max_length);
    FIELD(lms_contrastive_desc, max_rows);
    FIELD(lms_contrastive_desc, logits);
    FIELD(lms_contrastive_desc, hidden);
    FIELD(lms_contrastive_desc, tokens);
    FIELD(lms_contrastive_desc, max_in_flight);
    FIELD(lms_contrastive_desc, work_items);
    FIELD(lms_contrastive_desc, requests);
    FIELD(lms_contrastive_desc, table_bytes);
    FIELD(lms_contrastive_desc, slots);
    FIELD(lms_contrastive_desc, max_lists);
    FIELD(lms_contrastive_desc, reserved);
}

static void contrastive_append(void)
{
    SIZE(lms_contrastive_append_host_args);
    FIELD(lms_contrastive_append_host_args, requests);
    FIELD(lms_contrastive_append_host_args, slots);
    FIELD(lms_contrastive_append_host_args, counts);
    FIELD(lms_contrastive_append_host_args, first_rows);
    FIELD(lms_contrastive_append_host_args, hidden);
    FIELD(lms_contrastive_append_host_args, row_stride);
    FIELD(lms_contrastive_append_host_args, hidden_rows);
}

static void contrastive_propose(void)
{
    SIZE(lms_contrastive_propose_host_args);
    FIELD(lms_contrastive_propose_host_args, requests);
    FIELD(lms_contrastive_propose_host_args, slots);
    FIELD(lms_contrastive_propose_host_args, first_rows);
    FIELD(lms_contrastive_propose_host_args, candidate_rows);
    FIELD(lms_contrastive_propose_host_args, logits);
    FIELD(lms_contrastive_propose_host_args, row_stride);
    FIELD(lms_contrastive_propose_host_args, logits_rows);
    FIELD(lms_contrastive_propose_host_args, index);
    FIELD(lms_contrastive_propose_host_args, tokens);
    FIELD(lms_contrastive_propose_host_args, probs);
    FIELD(lms_contrastive_propose_host_args, status);
    FIELD(lms_contrastive_propose_host_args, tables);
    FIELD(lms_contrastive_propose_host_args, row_requests);
}

static void contrastive_select(void)
{
    SIZE(lms_contrastive_select_host_args);
    FIELD(lms_contrastive_select_host_args, requests);
    FIELD(lms_contrastive_select_host_args, slots);
    FIELD(lms_contrastive_select_host_args, first_rows);
    FIELD(lms_contrastive_select_host_args, candidate_rows);
    FIELD(lms_contrastive_select_host_args, hidden);
    FIELD(lms_contrastive_select_host_args, row_stride);
    FIELD(lms_contrastive_select_host_args, tokens);
    FIELD(lms_contrastive_select_host_args, probs);
    FIELD(lms_contrastive_select_host_args, next);
    FIELD(lms_contrastive_select_host_args, rows);
    FIELD(lms_contrastive_select_host_args, scores);
    FIELD(lms_contrastive_select_host_args, penalties);
    FIELD(lms_contrastive_select_host_args, row_scores);
    FIELD(lms_contrastive_select_host_args, row_penalties);
    FIELD(lms_contrastive_select_host_args, status);
}

static void slots_append_host(void)
{
    SIZE(lms_slots_append_host_args);
    FIELD(lms_slots_append_host_args, count);
    FIELD(lms_slots_append_host_args, names);
    FIELD(lms_slots_append_host_args, counts);
    FIELD(lms_slots_append_host_args, tokens);
    FIELD(lms_slots_append_host_args, stride);
    FIELD(lms_slots_append_host_args, rows);
    FIELD(lms_slots_append_host_args, token_rows);
}

static void contrastive_values(void)
{
    VALUE(LMS_CHOICE_NONE);
    VALUE(LMS_CHOICE_BAD_CANDIDATE);
    VALUE(LMS_CHOICE_BAD_STATE);
    VALUE(LMS_CHOICE_EMPTY_STATE);
    VALUE(LMS_CHOICE_NOT_PROPOSED);
    VALUE(LMS_MAX_CONTRASTIVE_K);
    VALUE(LMS_MAX_HIDDEN_WIDTH);
    VALUE(LMS_MAX_CONTEXT_LENGTH);
    VALUE(LMS_E_CONTRASTIVE_PARAMS);
}

void abi_searches(void)
{
    request();
    beam_params();
    beam_desc();
    beam_step();
    beam_results();
    beam_values();
    contrastive_params();
    contrastive_desc();
    contrastive_append();
    contrastive_propose();
    contrastive_select();
    contrastive_values();
    slots_append_host();
}
