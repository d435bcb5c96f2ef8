/* sample_options.c - the options of `lmsample sample` that say what rows ask for, and what
 * results there can be. */
#include "sample_options.h"

#include "message.h"

#include <stdlib.h>
#include <string.h>

const sample_side_kind sample_sides[SIDES] = {
    [SIDE_LOGPROBS] = {"logprobs", "logprobs", LMS_OUT_LOGPROB, false, false},
    [SIDE_RAW_LOGPROBS] = {"raw-logprobs", "raw_logprobs", LMS_OUT_LOGPROB_RAW, false, false},
    [SIDE_EDITED_LOGPROBS] = {"edited-logprobs", "edited_logprobs", LMS_OUT_LOGPROB_EDITED,
                              false, false},
    [SIDE_RANKS] = {"ranks", "ranks", LMS_OUT_RANK_EDITED, true, false},
    [SIDE_RAW_RANKS] = {"raw-ranks", "raw_ranks", LMS_OUT_RANK_RAW, true, false},
    [SIDE_ENTROPY] = {"entropy", "entropy", LMS_OUT_ENTROPY, false, true},
    [SIDE_RAW_ENTROPY] = {"raw-entropy", "raw_entropy", LMS_OUT_ENTROPY_RAW, false, true},
    [SIDE_KEPT] = {"kept", "kept", LMS_OUT_KEPT, true, true},
    [SIDE_PROBS] = {"probs", NULL, LMS_OUT_PROBS, false, true},
};

const char *const sample_file_options[FILES] = {
    [FILE_HISTORY] = "history",
    [FILE_BIAS] = "bias",
    [FILE_ALLOWED] = "allowed",
    [FILE_BANNED] = "banned",
    [FILE_BAD_WORDS] = "bad-words",
    [FILE_END_TOKENS] = "end-tokens",
    [FILE_DRY_BREAKERS] = "dry-breakers",
    [FILE_MASK] = "mask",
    [FILE_UNCONDITIONAL] = "unconditional",
    [FILE_TARGETS] = "target",
};

int sample_options_details(sample_options *options, const char *text)
{
    static const uint32_t usual =
        1u << SIDE_LOGPROBS | 1u << SIDE_RAW_LOGPROBS | 1u << SIDE_KEPT;
    if (text == NULL) options->details |= usual;
    if (text != NULL && strcmp(text, "all") == 0) options->details |= (1u << SIDE_PROBS) - 1;
    if (text == NULL || strcmp(text, "all") == 0) return EXIT_DONE;
    for (const char *word = text;;) {
        const size_t length = strcspn(word, ",");
        unsigned side = 0;
        while (side < SIDE_PROBS && (strlen(sample_sides[side].member) != length ||
                                     strncmp(sample_sides[side].member, word, length) != 0)) {
            side++;
        }
        if (side == SIDE_PROBS) {
            return fail(EXIT_USAGE,
                        "--details: is \"%s\", must be all, or of logprobs, raw_logprobs, "
                        "edited_logprobs, ranks, raw_ranks, entropy, raw_entropy, kept with "
                        "commas between",
                        text);
        }
        options->details |= 1u << side;
        if (word[length] == '\0') return EXIT_DONE;
        word += length + 1;
    }
}

/* --- Options of requests ----------------------------------------------------------------- */

enum {
    KEY_FIELD = 1024,     /* and the number of one of request_fields */
    KEY_FILE = 1024 + 64, /* and a sample_file */
    KEY_LOGPROBS_OF = 1024 + 64 * 2
};

/* clang-format off: laid out by hand */
static const struct argp_option list[] = {
    {NULL, 0, NULL, 0, "What rows ask for:", 12},
    {"history", KEY_FILE + FILE_HISTORY, "FILE", 0,
     "The rows' tokens so far, .json or .jsonl: for each row a list of tokens that it has "
     "generated, or {\"prompt\": [...], \"output\": [...]}",
     12},
    {"penalties", KEY_FIELD + REQUEST_PENALTIES, "PRESET", 0,
     "Whose tokens the penalties count, and their order, as in vllm (default), hugging-face, "
     "llama.cpp, tensorrt-llm, sglang or mlc",
     12},
    {"repetition-penalty", KEY_FIELD + REQUEST_REPETITION_PENALTY, "R", 0,
     "Logits above 0 of tokens that are there already are divided by R, others multiplied "
     "(default 1: off)",
     12},
    {"frequency-penalty", KEY_FIELD + REQUEST_FREQUENCY_PENALTY, "F", 0,
     "Subtracted for each time that the token is there (default 0: off)", 12},
    {"presence-penalty", KEY_FIELD + REQUEST_PRESENCE_PENALTY, "F", 0,
     "Subtracted if the token is there (default 0: off)", 12},
    {"penalty-window", KEY_FIELD + REQUEST_PENALTY_WINDOW, "N", 0,
     "Only the last N tokens count for the penalties (default 0: all)", 12},
    {"bias", KEY_FILE + FILE_BIAS, "FILE", 0,
     "Added to logits: a .json file ({\"token\": value, ...}) or a .csv file (a line "
     "\"token,value\", then a line for each); -inf bans",
     12},
    {"mask", KEY_FILE + FILE_MASK, "FILE", 0,
     "Tokens that may be: .npy of int32 or uint32 (rows, words), bit t % 32 of word t / 32; or "
     "of uint8 or bool (rows, vocabulary)",
     12},
    {"allowed", KEY_FILE + FILE_ALLOWED, "TOKENS", 0,
     "The only tokens that may be: numbers with commas between, or a .json file", 12},
    {"banned", KEY_FILE + FILE_BANNED, "TOKENS", 0, "Tokens that may not be", 12},
    {"bad-words", KEY_FILE + FILE_BAD_WORDS, "FILE", 0,
     "Sequences of tokens that may not be, .json: [[5, 7], [9]]", 12},
    {"end-tokens", KEY_FILE + FILE_END_TOKENS, "TOKENS", 0, "What ends a text", 12},
    {"min-tokens", KEY_FIELD + REQUEST_MIN_TOKENS, "N", 0,
     "End tokens are banned until N tokens are generated", 12},
    {"ignore-end", KEY_FIELD + REQUEST_IGNORE_END, NULL, 0, "End tokens are banned", 12},
    {"no-repeat-ngram", KEY_FIELD + REQUEST_NO_REPEAT_NGRAM, "N", 0,
     "No N tokens twice (default 0: off)", 12},
    {"dry-multiplier", KEY_FIELD + REQUEST_DRY_MULTIPLIER, "M", 0,
     "DRY: what would repeat N tokens gets a penalty of M * base ^ (N - allowed length) "
     "(default 0: off)",
     12},
    {"dry-base", KEY_FIELD + REQUEST_DRY_BASE, "B", 0,
     "DRY: the base of its penalty (default 1.75)", 12},
    {"dry-allowed-length", KEY_FIELD + REQUEST_DRY_ALLOWED_LENGTH, "N", 0,
     "DRY: so many tokens may be there again (default 2)", 12},
    {"dry-range", KEY_FIELD + REQUEST_DRY_RANGE, "N", 0,
     "DRY: looks at the last N tokens (default 0: all)", 12},
    {"dry-breakers", KEY_FILE + FILE_DRY_BREAKERS, "FILE", 0,
     "DRY: sequences of tokens at which a repetition ends, .json", 12},
    {"force", KEY_FIELD + REQUEST_FORCE, "TOKEN", 0, "The only token that may be", 12},
    {"guidance", KEY_FIELD + REQUEST_GUIDANCE, "G", 0,
     "Away from the unconditional logits: u + G * (c - u) (default 1: off)", 12},
    {"unconditional", KEY_FILE + FILE_UNCONDITIONAL, "FILE", 0,
     "Logits, as --logits and of the same type; one row, or one for each", 12},
    {"target", KEY_FILE + FILE_TARGETS, "TOKENS", 0,
     "Nothing is drawn: results are those of this token; a token, or a .json or .npy file with "
     "one for each row",
     12},
    {"top-logprobs", KEY_FIELD + REQUEST_TOP_LOGPROBS, "N", 0,
     "JSON has top_tokens and top_logprobs of the N most probable tokens, at most 1024", 30},
    {"logprobs-of", KEY_LOGPROBS_OF, "raw|edited|processed", 0,
     "The best tokens are those of the logits as they are, edited, or after temperature and "
     "filters (default raw)",
     30},
    {0}};
/* clang-format on */

static int set_field(sample_options *options, unsigned number, const char *text)
{
    char error[512];
    const char *const field = request_fields[number];
    if (request_set(&options->request, field, text == NULL ? "true" : text, error,
                    sizeof error)) {
        return EXIT_DONE;
    }
    for (size_t i = 0; list[i].name != NULL || list[i].doc != NULL; i++) {
        if (list[i].key != KEY_FIELD + (int)number) continue;
        return fail(EXIT_USAGE, "--%s: %s", list[i].name, error);
    }
    return fail(EXIT_USAGE, "%s: %s", field, error);
}

static int set_logprobs_of(sample_options *options, const char *text)
{
    static const char *const names[] = {"raw", "edited", "processed"};
    static const uint32_t flags[] = {LMS_WANT_RAW, LMS_WANT_EDITED, LMS_WANT_PROCESSED};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], text) != 0) continue;
        options->logprobs_of = flags[i];
        return EXIT_DONE;
    }
    return fail(EXIT_USAGE, "--logprobs-of: is \"%s\", must be raw, edited or processed", text);
}

/* One token for all rows is a field of theirs. */
static int set_target(sample_options *options, const char *text)
{
    char error[512];
    if (strchr(text, '.') != NULL) {
        options->files[FILE_TARGETS] = text;
        return EXIT_DONE;
    }
    if (request_set(&options->request, "target", text, error, sizeof error)) return EXIT_DONE;
    return fail(EXIT_USAGE, "--target: %s, or the name of a .json or .npy file", error);
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    sample_options *const options = state->input;
    int status = EXIT_DONE;
    if (key == KEY_LOGPROBS_OF) {
        status = set_logprobs_of(options, value);
    } else if (key == KEY_FILE + FILE_TARGETS) {
        status = set_target(options, value);
    } else if (key >= KEY_FILE && key < KEY_FILE + (int)FILES) {
        options->files[key - KEY_FILE] = value;
    } else if (key >= KEY_FIELD && key < KEY_FILE) {
        status = set_field(options, (unsigned)(key - KEY_FIELD), value);
    } else {
        return ARGP_ERR_UNKNOWN;
    }
    if (status != EXIT_DONE) exit(status);
    return 0;
}

const struct argp request_argp = {list, parse, NULL, NULL, NULL, NULL, NULL};
