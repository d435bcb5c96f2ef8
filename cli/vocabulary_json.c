/* vocabulary_json.c - vocabularies in JSON: tokenizer.json, vocab.json, or an array.
 *
 * Format of tokenizer.json: https://huggingface.co/docs/tokenizers (model, added_tokens,
 * normalizer, pre_tokenizer, decoder). */
#include "json_members.h"
#include "message.h"
#include "vocabulary_store.h"

#include <json-c/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char metaspace[] = "\xe2\x96\x81"; /* U+2581, SentencePiece's space */

static int parse(const char *path, const char *bytes, size_t size, json_object **out)
{
    json_tokener *const tokener = json_tokener_new_ex(64);
    if (tokener == NULL) return fail_memory(path);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    /* With the zero, which ends a number. json-c takes an int; the bound on a file's size keeps
     * it in range. */
    *out = json_tokener_parse_ex(tokener, bytes, (int)size + 1);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    size_t end = json_tokener_get_parse_end(tokener);
    if (error == json_tokener_success) {
        end += strspn(bytes + end, " \t\r\n");
        if (end < size) error = json_tokener_error_parse_unexpected;
    }
    json_tokener_free(tokener);
    if (error == json_tokener_success) return EXIT_DONE;
    json_object_put(*out);
    *out = NULL;
    size_t line = 1;
    for (size_t i = 0; i < end && i < size; i++) line += bytes[i] == '\n';
    return fail(EXIT_INPUT, "%s: line %zu: is no JSON: %s", path, line,
                json_tokener_error_desc(error));
}

static const char *type_name(const json_object *value)
{
    return json_type_to_name(json_object_get_type(value));
}

static int put_id(vocabulary *v, const char *path, const char *field, const char *text,
                  size_t length, json_object *id)
{
    if (!json_object_is_type(id, json_type_int)) {
        char shown[96];
        vocabulary_display(text, length, 32, shown, sizeof shown);
        return fail(EXIT_INPUT,
                    "%s: %s: token \"%s\": id is of type %s, must be a whole number", path,
                    field, shown, type_name(id));
    }
    return vocabulary_put(v, path, field, json_object_get_int64(id), text, length);
}

static int read_member(vocabulary *v, const char *path, const char *field,
                       const json_member *member)
{
    const bool is_plain = memchr(member->name, '\\', member->name_size) == NULL;
    json_object *const id = json_piece(member->value, member->value_size);
    json_object *const name = is_plain ? NULL : json_piece(member->name, member->name_size);
    int status = EXIT_DONE;
    if (is_plain) {
        status = put_id(v, path, field, member->name + 1, member->name_size - 2, id);
    } else if (name == NULL) {
        status = fail_memory(path);
    } else {
        status = put_id(v, path, field, json_object_get_string(name),
                        (size_t)json_object_get_string_len(name), id);
    }
    json_object_put(name);
    json_object_put(id);
    return status;
}

/* An object of text to id, as it is written: no token may be lost whose text has a zero
 * character, or is also another's. */
static int read_object(vocabulary *v, const char *path, const char *field, const char *object)
{
    json_member member;
    while (json_next_member(&object, &member)) {
        const int status = read_member(v, path, field, &member);
        if (status != EXIT_DONE) return status;
    }
    return EXIT_DONE;
}

/* An array of texts or of [text, score]. */
static int read_array(vocabulary *v, const char *path, const char *field, json_object *array)
{
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        char where[64];
        json_object *text = json_object_array_get_idx(array, i);
        snprintf(where, sizeof where, "%s[%zu]", field, i);
        if (json_object_is_type(text, json_type_array) && json_object_array_length(text) == 2) {
            text = json_object_array_get_idx(text, 0);
        }
        if (!json_object_is_type(text, json_type_string)) {
            return fail(EXIT_INPUT, "%s: %s: is of type %s, must be a text or [text, score]",
                        path, where, type_name(text));
        }
        const int status =
            vocabulary_put(v, path, where, (int64_t)i, json_object_get_string(text),
                           (size_t)json_object_get_string_len(text));
        if (status != EXIT_DONE) return status;
    }
    return EXIT_DONE;
}

/* `written`: as the file has it. */
static int read_texts(vocabulary *v, const char *path, const char *field, json_object *texts,
                      const char *written)
{
    if (json_object_is_type(texts, json_type_object) && written != NULL) {
        return read_object(v, path, field, written);
    }
    if (json_object_is_type(texts, json_type_array)) return read_array(v, path, field, texts);
    return fail(EXIT_INPUT, "%s: %s: is of type %s, must be an object or an array", path, field,
                type_name(texts));
}

/* Added tokens stand in the place of those of the model that have their ids. */
static int read_added(vocabulary *v, const char *path, json_object *added)
{
    json_object *id = NULL, *content = NULL;
    if (!json_object_is_type(added, json_type_array)) {
        return fail(EXIT_INPUT, "%s: added_tokens: is of type %s, must be an array", path,
                    type_name(added));
    }
    const size_t count = json_object_array_length(added);
    for (size_t i = 0; i < count; i++) {
        json_object *const token = json_object_array_get_idx(added, i);
        if (!json_object_object_get_ex(token, "id", &id) ||
            !json_object_object_get_ex(token, "content", &content) ||
            !json_object_is_type(id, json_type_int) ||
            !json_object_is_type(content, json_type_string)) {
            return fail(EXIT_INPUT,
                        "%s: added_tokens[%zu]: must be an object with an id and a content",
                        path, i);
        }
        vocabulary_remove(v, json_object_get_int64(id));
    }
    int status = EXIT_DONE;
    for (size_t i = 0; i < count && status == EXIT_DONE; i++) {
        json_object *const token = json_object_array_get_idx(added, i);
        char where[64];
        snprintf(where, sizeof where, "added_tokens[%zu]", i);
        json_object_object_get_ex(token, "id", &id);
        json_object_object_get_ex(token, "content", &content);
        status = put_id(v, path, where, json_object_get_string(content),
                        (size_t)json_object_get_string_len(content), id);
    }
    return status;
}

/* Whether one of the steps of the tokenizer, which may consist of others, has a text that
 * contains `sought`, be it its type or what it replaces. */
static bool mentions(json_object *file, const char *sought)
{
    static const char *const steps[] = {"pre_tokenizer", "decoder", "normalizer"};
    json_object *step = NULL;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (!json_object_object_get_ex(file, steps[i], &step)) continue;
        const char *const text = json_object_to_json_string_ext(step, JSON_C_TO_STRING_PLAIN);
        if (text != NULL && strstr(text, sought) != NULL) return true;
    }
    return false;
}

static size_t unspell_spaces(char *text, size_t length)
{
    const size_t mark = sizeof metaspace - 1;
    size_t written = 0;
    for (size_t i = 0; i < length; written++) {
        const bool is_space = length - i >= mark && memcmp(text + i, metaspace, mark) == 0;
        text[written] = text[i];
        if (is_space) text[written] = ' ';
        i += is_space ? mark : 1;
    }
    return written;
}

/* "<0x0A>" is a byte that has no token in its character. */
static size_t unspell_fallback(char *text, size_t length)
{
    static const char digits[] = "0123456789ABCDEF";
    if (length != 6 || strncmp(text, "<0x", 3) != 0 || text[5] != '>') return length;
    const char *const high = text[3] == '\0' ? NULL : strchr(digits, text[3]);
    const char *const low = text[4] == '\0' ? NULL : strchr(digits, text[4]);
    if (high == NULL || low == NULL) return length;
    const unsigned char byte = (unsigned char)((high - digits) * 16 + (low - digits));
    memcpy(text, &byte, 1);
    return 1;
}

static int read_tokenizer(vocabulary *v, const char *path, json_object *file,
                          json_object *model, const char *written)
{
    const char *const written_model = json_find_member(written, "model");
    json_object *texts = NULL, *added = NULL, *fallback = NULL;
    if (!json_object_object_get_ex(model, "vocab", &texts)) {
        return fail(EXIT_INPUT, "%s: model: has no vocab", path);
    }
    int status =
        read_texts(v, path, "model.vocab", texts,
                   written_model == NULL ? NULL : json_find_member(written_model, "vocab"));
    if (status != EXIT_DONE) return status;
    json_object_object_get_ex(model, "byte_fallback", &fallback);
    if (mentions(file, "ByteLevel")) {
        vocabulary_rewrite(v, vocabulary_unspell_bytes);
    } else {
        if (mentions(file, "Metaspace") || mentions(file, metaspace)) {
            vocabulary_rewrite(v, unspell_spaces);
        }
        if (json_object_get_boolean(fallback) || mentions(file, "ByteFallback")) {
            vocabulary_rewrite(v, unspell_fallback);
        }
    }
    /* Added tokens are texts, in no spelling. */
    if (!json_object_object_get_ex(file, "added_tokens", &added)) return EXIT_DONE;
    return read_added(v, path, added);
}

int vocabulary_read_json(vocabulary *v, const char *path, const char *bytes, size_t size)
{
    json_object *file = NULL, *model = NULL;
    int status = parse(path, bytes, size, &file);
    if (status != EXIT_DONE) return status;
    if (json_object_is_type(file, json_type_object) &&
        json_object_object_get_ex(file, "model", &model) &&
        json_object_is_type(model, json_type_object)) {
        status = read_tokenizer(v, path, file, model, bytes);
    } else {
        status = read_texts(v, path, "vocabulary", file, bytes);
        /* Such files do not say how they spell bytes, but byte-level ones have all of them. */
        if (status == EXIT_DONE && vocabulary_is_byte_level(v)) {
            vocabulary_rewrite(v, vocabulary_unspell_bytes);
        }
    }
    json_object_put(file);
    return status;
}
