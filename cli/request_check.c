#include "request_check.h"

#include "message.h"

#include <string.h>

/* A field of a row, which may be the command line's for all of them. */
static int wrong(const sample_options *options, const params_file *params, uint64_t row,
                 const char *what, const char *rule)
{
    if (options->params == NULL) return fail(EXIT_USAGE, "%s: %s", what, rule);
    return fail(EXIT_INPUT, "%s: row %llu: %s: %s", options->params,
                (unsigned long long)(params->rows == 1 ? 0 : row), what, rule);
}

/* What says nothing without a file. */
static int check_needs(const sample_options *options, const params_file *params, uint64_t row)
{
    const lms_row_edits *const e = &params->records[row].request.edits;
    const bool looks_back = e->repetition != 1 || e->frequency != 0 || e->presence != 0 ||
                            e->ngram != 0 || e->dry_multiplier != 0 || e->decay_factor != 0 ||
                            e->top_p_decay != 0;
    const bool has_end =
        e->min_tokens != 0 || (e->flags & LMS_IGNORE_END) != 0 || e->decay_factor != 0;
    if (looks_back && options->files[FILE_HISTORY] == NULL) {
        return wrong(options, params, row, "penalties, n-grams, DRY and decays",
                     "need --history, the tokens so far");
    }
    if (has_end && options->files[FILE_END_TOKENS] == NULL) {
        return wrong(options, params, row, "min_tokens, ignore_end and decay_factor",
                     "need --end-tokens");
    }
    if (e->guidance != 1 && options->files[FILE_UNCONDITIONAL] == NULL) {
        return wrong(options, params, row, "guidance",
                     "needs --unconditional, the logits to go away from");
    }
    return EXIT_DONE;
}

/* Tokens are 1 + each. */
static int check_tokens(const sample_options *options, const params_file *params, uint64_t row,
                        uint32_t vocab)
{
    const row_request *const request = &params->records[row].request;
    const struct {
        const char *name;
        uint32_t token;
    } tokens[] = {{"force", request->edits.forced},
                  {"top_p_reset", request->edits.top_p_reset},
                  {"target", request->target}};
    char rule[96];
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        if (tokens[i].token <= vocab) continue;
        snprintf(rule, sizeof rule, "is %u, must be a token, 0 to %u",
                 (unsigned)tokens[i].token - 1, (unsigned)vocab - 1);
        return wrong(options, params, row, tokens[i].name, rule);
    }
    return EXIT_DONE;
}

int request_check(const sample_options *options, const params_file *params, uint32_t vocab,
                  request_summary *out)
{
    static const lms_row_edits nothing = LMS_ROW_EDITS_INIT;
    int status = EXIT_DONE;
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < FILES; i++) out->has_any |= options->files[i] != NULL;
    for (uint64_t row = 0; row < params->rows && status == EXIT_DONE; row++) {
        const row_request *const request = &params->records[row].request;
        status = check_needs(options, params, row);
        if (status == EXIT_DONE) status = check_tokens(options, params, row, vocab);
        out->has_any |= request->top != 0 || request->target != 0 ||
                        !edits_are_same(&request->edits, &nothing);
        out->has_dry |= request->edits.dry_multiplier != 0;
        if (request->top > out->top) out->top = request->top;
    }
    if (status == EXIT_DONE && out->top > 0 && options->format != SAMPLE_JSON) {
        return fail(EXIT_USAGE, "--top-logprobs: must be with --format json");
    }
    return status;
}
