/* explain_json.c - all that is known of the row, for programs. */
#include "explain.h"
#include "message.h"

#include <json-c/json.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(json_object *object, const char *name, json_object *value)
{
    json_object_object_add(object, name, value);
}

/* Where a double is not finite JSON has no number for it. */
static json_object *number_or_name(double value)
{
    /* The fewest digits that give the float back; what is computed here is no better. */
    char digits[40];
    for (int count = 6; count <= 9; count++) {
        snprintf(digits, sizeof digits, "%.*g", count, value);
        if (strtof(digits, NULL) == (float)value) break;
    }
    if (isfinite(value)) return json_object_new_double_s(value, digits);
    return json_object_new_string(value > 0 ? "inf" : value < 0 ? "-inf" : "nan");
}

static void add_number(json_object *object, const char *name, double value)
{
    add(object, name, number_or_name(value));
}

static void add_count(json_object *object, const char *name, uint64_t value)
{
    add(object, name, json_object_new_uint64(value));
}

/* Valid UTF-8, each broken byte replaced by U+FFFD; "bytes" then is the text in hexadecimal. */
static void add_text(json_object *object, const char *name, const char *text, size_t length)
{
    char *const valid = calloc(3, length + 1);
    char *const digits = calloc(2, length + 1);
    size_t written = 0;
    bool is_broken = false;
    uint32_t code = 0;
    if (valid != NULL && digits != NULL) {
        for (size_t i = 0, step; i < length; i += step) {
            step = vocabulary_character(text + i, length - i, &code);
            memcpy(valid + written, step > 0 ? text + i : "\xef\xbf\xbd", step > 0 ? step : 3);
            written += step > 0 ? step : 3;
            if (step > 0) continue;
            is_broken = true;
            step = 1;
        }
        for (size_t i = 0; i < length; i++) {
            snprintf(digits + 2 * i, 3, "%02x", (unsigned char)text[i]);
        }
        add(object, name, json_object_new_string_len(valid, (int)written));
        if (is_broken) add(object, "bytes", json_object_new_string(digits));
    }
    free(valid);
    free(digits);
}

static void add_token_text(json_object *object, const explanation *e, int32_t token)
{
    size_t length = 0;
    const char *const text = vocabulary_text(e->row->texts, token, &length);
    if (text != NULL) {
        add_text(object, "text", text, length);
    } else {
        add(object, "text", NULL);
    }
}

static json_object *parameters(const explanation *e)
{
    static const char *const flags[] = {"temperature-last", "min-p-last", "top-p-whole-row",
                                        "top-k-ties"};
    json_object *const object = json_object_new_object();
    json_object *const names = json_object_new_array();
    add_number(object, "temperature", (double)e->params.filters.temperature);
    add(object, "top_k", json_object_new_int(e->params.filters.top_k));
    add_number(object, "top_p", (double)e->params.filters.top_p);
    add_number(object, "min_p", (double)e->params.filters.min_p);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if ((e->params.filters.flags >> i & 1u) != 0) {
            json_object_array_add(names, json_object_new_string(flags[i]));
        }
    }
    add(object, "flags", names);
    add_count(object, "seed", e->seed);
    add_count(object, "row_seed", e->params.seed);
    add_count(object, "step", e->params.step);
    return object;
}

static json_object *stage_object(const explanation *e, const stage *s)
{
    json_object *const object = json_object_new_object();
    char reason[EXPLAIN_TEXT];
    add(object, "stage", json_object_new_string(stage_names[s->kind]));
    add(object, "label", json_object_new_string(s->label));
    add_count(object, "kept", s->kept);
    add_count(object, "removed", s->removed);
    add_number(object, "removed_probability", s->removed_probability);
    add_number(object, "entropy", s->entropy);
    add_number(object, "choices", explain_choices(s));
    if (s->kind == STAGE_MIN_P || s->kind == STAGE_TOP_P) {
        add_number(object, "threshold", s->threshold);
    }
    if (s->kind == STAGE_TOP_P) add_number(object, "reached", s->reached);
    if (s->kind == STAGE_MIN_P || s->kind == STAGE_TOP_K) {
        add_number(object, "least_kept", s->reached);
    }
    if (s->kind != STAGE_SOFTMAX && s->kept > 0) {
        explain_reason(s, e, false, reason, sizeof reason);
        add(object, "because", json_object_new_string(reason));
    }
    return object;
}

static json_object *token_object(const explanation *e, uint32_t rank)
{
    json_object *const object = json_object_new_object();
    json_object *const by_stage = json_object_new_array();
    const int32_t token = e->order[rank];
    const stage *const cut = explain_removed_by(e, rank);
    add_count(object, "rank", (uint64_t)rank + 1);
    add_count(object, "id", (uint64_t)token);
    add_token_text(object, e, token);
    add_number(object, "logit", (double)e->logits[token]);
    add_number(object, "before", (double)e->stages[0].probs[token]);
    add_number(object, "before_sum", e->sums[0][rank]);
    add_number(object, "after", (double)explain_last(e)->probs[token]);
    add_number(object, "after_sum", e->sums[1][rank]);
    for (size_t i = 0; i < e->stage_count; i++) {
        const double probability = (double)e->stages[i].probs[token];
        json_object_array_add(by_stage, number_or_name(probability));
    }
    add(object, "by_stage", by_stage);
    const char *const remover = rank >= e->live ? "never"
                                : cut != NULL   ? stage_names[cut->kind]
                                                : NULL;
    add(object, "removed_by", remover == NULL ? NULL : json_object_new_string(remover));
    return object;
}

static json_object *drawn_object(const explanation *e, int32_t token)
{
    if (token == LMS_NO_TOKEN) return NULL;
    json_object *const object = json_object_new_object();
    add_count(object, "rank", (uint64_t)explain_rank(e, token) + 1);
    add_count(object, "id", (uint64_t)token);
    add_token_text(object, e, token);
    return object;
}

static void add_source(json_object *root, const explanation *e, const explain_options *options)
{
    json_object *const source = json_object_new_object();
    if (options->prompt != NULL) {
        add_text(source, "prompt", options->prompt, strlen(options->prompt));
    } else {
        add_text(source, "logits", options->logits, strlen(options->logits));
        add_count(source, "row", options->row);
    }
    add(root, "source", source);
    add_count(root, "vocabulary", e->row->vocab);
    add_count(root, "never", (uint64_t)e->row->vocab - e->live);
    add_count(root, "nan", e->nans);
    add_count(root, "inf", e->infinites);
}

/* json-c leaves DEL and the controls above ASCII as they are, which a terminal would obey. They
 * can stand in strings only. */
static int write_safely(output *out, const char *text)
{
    const unsigned char *const bytes = (const unsigned char *)text;
    size_t begin = 0, i = 0;
    int status = EXIT_DONE;
    while (status == EXIT_DONE) {
        const bool is_pair = bytes[i] == 0xc2 && bytes[i + 1] >= 0x80 && bytes[i + 1] < 0xa0;
        if (bytes[i] != '\0' && bytes[i] != 0x7f && !is_pair) {
            i++;
            continue;
        }
        status = output_write(out, text + begin, i - begin);
        if (bytes[i] == '\0' || status != EXIT_DONE) break;
        status = output_print(out, "\\u00%02x", bytes[i + (is_pair ? 1 : 0)]);
        i += is_pair ? 2 : 1;
        begin = i;
    }
    return status;
}

int explain_print_json(const explanation *e, const explain_options *options, output *out)
{
    json_object *const root = json_object_new_object();
    json_object *const stages = json_object_new_array();
    json_object *const tokens = json_object_new_array();
    size_t count = 0;
    item *const items = explain_layout(e, options->top, &count);
    if (root == NULL || stages == NULL || tokens == NULL || items == NULL) {
        free(items);
        return fail_memory("the picture");
    }
    add_source(root, e, options);
    add(root, "parameters", parameters(e));
    for (size_t i = 0; i < e->stage_count; i++) {
        json_object_array_add(stages, stage_object(e, &e->stages[i]));
    }
    add(root, "stages", stages);
    add(root, "greedy", drawn_object(e, e->live > 0 ? e->order[0] : LMS_NO_TOKEN));
    add(root, "drawn", drawn_object(e, e->drawn));
    for (size_t i = 0; i < count; i++) {
        if (items[i].kind == ITEM_TOKEN) {
            json_object_array_add(tokens, token_object(e, items[i].rank));
        }
    }
    free(items);
    add(root, "tokens", tokens);
    const char *const text = json_object_to_json_string_ext(
        root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    int status = text == NULL ? fail_memory("the picture") : write_safely(out, text);
    if (status == EXIT_DONE) status = output_print(out, "\n");
    json_object_put(root);
    return status;
}
