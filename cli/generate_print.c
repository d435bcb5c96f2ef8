#include "generate_print.h"

#include "message.h"
#include "utf8.h"

#include <json-c/json.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int printer_open(printer *p, const generate_options *options)
{
    *p = (printer){.options = options, .last = '\n'};
    p->is_terminal = strcmp(options->output, "-") == 0 && isatty(STDOUT_FILENO);
    return output_open(options->output, &p->out);
}

/* --- Text ------------------------------------------------------------------------------- */

static int write_bytes(printer *p, const char *bytes, size_t count)
{
    if (count == 0) return EXIT_DONE;
    p->last = bytes[count - 1];
    return output_write(p->out, bytes, count);
}

/* Control characters, those of Unicode's second block too, move cursors and change colours. */
static bool is_control(const char *character, size_t length)
{
    const unsigned char first = (unsigned char)character[0];
    if (length == 2) return first == 0xc2 && (unsigned char)character[1] < 0xa0;
    return (first < 0x20 && first != '\n') || first == 0x7f;
}

static int write_character(printer *p, const char *character, size_t length, bool is_valid)
{
    char escaped[8];
    if (!is_valid) return write_bytes(p, "\xef\xbf\xbd", 3);
    if (!is_control(character, length)) return write_bytes(p, character, length);
    snprintf(escaped, sizeof escaped, "\\x%02x", (unsigned char)character[length - 1]);
    return write_bytes(p, escaped, 4);
}

/* Whole characters only; `is_end`: what is held will not become whole. */
static int write_shown(printer *p, const char *bytes, size_t count, bool is_end)
{
    int exit_status = EXIT_DONE;
    if (!p->is_terminal) return write_bytes(p, bytes, count);
    for (size_t i = 0;
         exit_status == EXIT_DONE && (i < count || (is_end && p->held_count > 0));) {
        while (i < count && p->held_count < sizeof p->held)
            p->held[p->held_count++] = bytes[i++];
        bool is_valid = false;
        const size_t length =
            utf8_next(p->held, p->held_count, is_end && i == count, &is_valid);
        if (length == 0) break;
        exit_status = write_character(p, p->held, length, is_valid);
        p->held_count -= length;
        memmove(p->held, p->held + length, p->held_count);
    }
    return exit_status;
}

static int begin_text(printer *p, const sequence *s)
{
    int exit_status = EXIT_DONE;
    if (p->printed > 0) exit_status = write_bytes(p, "---\n", 4);
    if (exit_status == EXIT_DONE) {
        exit_status = write_shown(p, s->prompt->bytes, s->prompt->length, false);
    }
    p->is_inside = true;
    if (s->prompt->length == 0) p->last = '\0'; /* an empty text is an empty line */
    return exit_status;
}

static int show_text(printer *p, sequence *s)
{
    int exit_status = p->is_inside ? EXIT_DONE : begin_text(p, s);
    const size_t safe = sequence_safe_length(s, p->options);
    const bool is_end = s->end != SEQUENCE_GOES_ON;
    if (exit_status == EXIT_DONE) {
        const char *const text = s->text != NULL ? s->text + s->shown : "";
        exit_status = write_shown(p, text, safe - s->shown, is_end);
        s->shown = safe;
    }
    if (exit_status == EXIT_DONE && is_end && p->last != '\n') {
        exit_status = write_bytes(p, "\n", 1);
    }
    return exit_status;
}

/* --- JSON ------------------------------------------------------------------------------- */

static const char *const end_names[] = {
    [SEQUENCE_END] = "end",         [SEQUENCE_LENGTH] = "length", [SEQUENCE_STOP] = "stop",
    [SEQUENCE_CONTEXT] = "context", [SEQUENCE_NO_TOKEN] = "none",
};

static json_object *make_string(const char *bytes, size_t length)
{
    char *const repaired = malloc(3 * length + 1);
    if (repaired == NULL) return NULL;
    const size_t used = length > 0 ? utf8_repair(bytes, length, repaired) : 0;
    json_object *const string = json_object_new_string_len(repaired, (int)used);
    free(repaired);
    return string;
}

/* As many digits as a float32 needs to come back. */
static json_object *make_float(float value)
{
    char text[32];
    if (!isfinite(value)) return json_object_new_null();
    snprintf(text, sizeof text, "%.9g", (double)value);
    return json_object_new_double_s((double)value, text);
}

static json_object *make_token(const drawn_token *drawn)
{
    return json_object_new_int(drawn->token);
}

static json_object *make_kept(const drawn_token *drawn)
{
    return json_object_new_int(drawn->kept);
}

static json_object *make_logprob(const drawn_token *drawn)
{
    return make_float(drawn->logprob);
}

static json_object *make_logprob_raw(const drawn_token *drawn)
{
    return make_float(drawn->logprob_raw);
}

static bool add(json_object *record, const char *name, json_object *value)
{
    if (value != NULL && json_object_object_add(record, name, value) == 0) return true;
    json_object_put(value);
    return false;
}

static bool add_list(json_object *record, const char *name, const sequence *s,
                     json_object *(*make)(const drawn_token *))
{
    json_object *const list = json_object_new_array();
    for (size_t i = 0; list != NULL && i < s->count; i++) {
        if (json_object_array_add(list, make(&s->tokens[i])) != 0) {
            json_object_put(list);
            return false;
        }
    }
    return add(record, name, list);
}

static bool fill_record(json_object *record, const sequence *s, bool has_details)
{
    const prompt *const p = s->prompt;
    return add(record, "prompt_index", json_object_new_uint64(p->number)) &&
           add(record, "continuation", json_object_new_uint64(s->continuation)) &&
           add(record, "prompt", make_string(p->bytes, p->length)) &&
           add(record, "text", make_string(s->text, s->length)) &&
           add_list(record, "tokens", s, make_token) &&
           (sampling_is_greedy(&s->params) ||
            add(record, "seed", json_object_new_uint64(s->params.seed))) &&
           add(record, "finish", json_object_new_string(end_names[s->end])) &&
           (!has_details || (add_list(record, "logprobs", s, make_logprob) &&
                             add_list(record, "raw_logprobs", s, make_logprob_raw) &&
                             add_list(record, "kept", s, make_kept)));
}

static int show_json(printer *p, const sequence *s)
{
    int exit_status = EXIT_DONE;
    if (s->end == SEQUENCE_GOES_ON) return EXIT_DONE;
    json_object *const record = json_object_new_object();
    const char *line = NULL;
    if (record != NULL && fill_record(record, s, p->options->has_details)) {
        line = json_object_to_json_string_ext(record, JSON_C_TO_STRING_SPACED |
                                                          JSON_C_TO_STRING_NOSLASHESCAPE);
    }
    if (line == NULL) {
        exit_status = fail_memory("JSON");
    } else {
        exit_status = output_print(p->out, "%s%s", p->printed > 0 ? ",\n" : "[\n", line);
    }
    json_object_put(record);
    return exit_status;
}

/* --- Both ------------------------------------------------------------------------------- */

int printer_show(printer *p, sequence *s)
{
    const int exit_status = p->options->is_json ? show_json(p, s) : show_text(p, s);
    if (s->end != SEQUENCE_GOES_ON) {
        p->printed++;
        p->is_inside = false;
    }
    return exit_status != EXIT_DONE ? exit_status : output_flush(p->out);
}

int printer_commit(printer *p)
{
    int exit_status = p->options->is_json ? output_print(p->out, "\n]\n") : EXIT_DONE;
    output *const out = p->out;
    if (exit_status != EXIT_DONE) return exit_status;
    p->out = NULL;
    return output_commit(out);
}

void printer_discard(printer *p) { output_discard(p->out); }
