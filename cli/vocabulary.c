#include "vocabulary.h"

#include "message.h"
#include "vocabulary_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* The largest in use are below 64 MiB. A bound also ends the reading of a device. */
    MAX_FILE_BYTES = 256 << 20
};

typedef struct entry {
    size_t offset; /* in the bytes */
    uint32_t length;
    bool is_there;
} entry;

struct vocabulary {
    const lm_model *model; /* or NULL: the rest holds the texts */
    entry *entries;
    size_t entry_count;
    char *bytes;
    size_t used;
    size_t capacity;
};

static bool reserve_bytes(vocabulary *v, size_t more)
{
    if (v->capacity - v->used >= more) return true;
    const size_t capacity = 2 * v->capacity + more + 4096;
    char *const bytes = realloc(v->bytes, capacity);
    if (bytes == NULL) return false;
    v->bytes = bytes;
    v->capacity = capacity;
    return true;
}

static bool reserve_entries(vocabulary *v, size_t count)
{
    if (v->entry_count >= count) return true;
    size_t enlarged = 2 * v->entry_count + 1024;
    if (enlarged < count) enlarged = count;
    entry *const entries = realloc(v->entries, enlarged * sizeof *entries);
    if (entries == NULL) return false;
    memset(entries + v->entry_count, 0, (enlarged - v->entry_count) * sizeof *entries);
    v->entries = entries;
    v->entry_count = enlarged;
    return true;
}

int vocabulary_put(vocabulary *v, const char *path, const char *where, int64_t id,
                   const char *text, size_t length)
{
    char shown[96];
    vocabulary_display(text, length, 32, shown, sizeof shown);
    if (id < 0 || id >= (int64_t)LMS_MAX_VOCAB) {
        return fail(EXIT_INPUT, "%s: %s: token \"%s\": id is %lld, must be from 0 to %u", path,
                    where, shown, (long long)id, LMS_MAX_VOCAB - 1);
    }
    if (!reserve_entries(v, (size_t)id + 1) || !reserve_bytes(v, length)) {
        return fail_memory(path);
    }
    entry *const slot = &v->entries[id];
    if (slot->is_there) {
        char other[96];
        vocabulary_display(v->bytes + slot->offset, slot->length, 32, other, sizeof other);
        return fail(EXIT_INPUT, "%s: %s: token \"%s\": id is %lld, which \"%s\" has already",
                    path, where, shown, (long long)id, other);
    }
    *slot = (entry){v->used, (uint32_t)length, true};
    if (length > 0) memcpy(v->bytes + v->used, text, length);
    v->used += length;
    return EXIT_DONE;
}

void vocabulary_remove(vocabulary *v, int64_t id)
{
    if (id >= 0 && (uint64_t)id < v->entry_count) v->entries[id].is_there = false;
}

void vocabulary_rewrite(vocabulary *v, size_t (*rewrite)(char *text, size_t length))
{
    for (size_t i = 0; i < v->entry_count; i++) {
        entry *const slot = &v->entries[i];
        if (!slot->is_there || slot->length == 0) continue;
        slot->length = (uint32_t)rewrite(v->bytes + slot->offset, slot->length);
    }
}

/* --- The spelling of bytes ---------------------------------------------------------------- */

/* GPT-2's: a byte that is a printable character of Latin-1 other than the space is that
 * character, the n-th other byte is U+0100 + n. */
static int byte_of_character(uint32_t code)
{
    static const unsigned char others[] = {127, 128, 129, 130, 131, 132, 133, 134, 135,
                                           136, 137, 138, 139, 140, 141, 142, 143, 144,
                                           145, 146, 147, 148, 149, 150, 151, 152, 153,
                                           154, 155, 156, 157, 158, 159, 160, 173};
    if ((code >= 33 && code <= 126) || (code >= 161 && code <= 172) ||
        (code >= 174 && code <= 255)) {
        return (int)code;
    }
    if (code >= 256 && code <= 256 + 32) return (int)(code - 256);
    if (code > 288 && code < 289 + sizeof others) return others[code - 289];
    return -1;
}

size_t vocabulary_unspell_bytes(char *text, size_t length)
{
    uint32_t code = 0;
    size_t written = 0;
    for (size_t i = 0, step; i < length; i += step) {
        step = vocabulary_character(text + i, length - i, &code);
        if (step == 0 || byte_of_character(code) < 0) return length;
    }
    for (size_t i = 0; i < length;) {
        i += vocabulary_character(text + i, length - i, &code);
        text[written++] = (char)byte_of_character(code);
    }
    return written;
}

bool vocabulary_is_byte_level(const vocabulary *v)
{
    bool is_seen[256] = {false};
    size_t seen = 0;
    for (size_t i = 0; i < v->entry_count; i++) {
        const entry *const slot = &v->entries[i];
        uint32_t code = 0;
        if (!slot->is_there || slot->length == 0 || slot->length > 2) continue;
        if (vocabulary_character(v->bytes + slot->offset, slot->length, &code) !=
            slot->length) {
            continue;
        }
        const int byte = byte_of_character(code);
        if (byte < 0 || is_seen[byte]) continue;
        is_seen[byte] = true;
        seen++;
    }
    return seen == 256;
}

/* --- Files -------------------------------------------------------------------------------- */

/* The bytes are followed by a zero. */
static int read_whole(const char *path, char **bytes, size_t *size)
{
    FILE *const file = fopen(path, "rb");
    if (file == NULL) return fail(EXIT_INPUT, "%s: %s", path, strerror(errno));
    size_t capacity = 1 << 16, used = 0;
    int status = EXIT_DONE;
    char *data = malloc(capacity);
    while (data != NULL) {
        used += fread(data + used, 1, capacity - used, file);
        if (used < capacity || used > MAX_FILE_BYTES) break;
        capacity *= 2;
        char *const larger = realloc(data, capacity);
        if (larger == NULL) free(data);
        data = larger;
    }
    if (data == NULL) {
        status = fail_memory(path);
    } else if (ferror(file)) {
        status = fail(EXIT_INPUT, "%s: %s", path, strerror(errno));
    } else if (used > MAX_FILE_BYTES) {
        status = fail(EXIT_INPUT, "%s: is longer than %d bytes, too long for a vocabulary",
                      path, MAX_FILE_BYTES);
    }
    fclose(file);
    if (status != EXIT_DONE || data == NULL) {
        free(data);
        return status;
    }
    data[used] = '\0'; /* fits, as the last read did not fill the buffer */
    *bytes = data;
    *size = used;
    return EXIT_DONE;
}

static int read_lines(vocabulary *v, const char *path, const char *bytes, size_t size)
{
    int status = EXIT_DONE;
    int64_t id = 0;
    for (size_t begin = 0; begin < size && status == EXIT_DONE; id++) {
        const char *const end = memchr(bytes + begin, '\n', size - begin);
        const size_t length = end == NULL ? size - begin : (size_t)(end - (bytes + begin));
        char where[32];
        snprintf(where, sizeof where, "line %lld", (long long)id + 1);
        status = vocabulary_put(v, path, where, id, bytes + begin, length);
        begin += length + 1;
    }
    return status;
}

static bool ends_in_json(const char *path)
{
    const size_t length = strlen(path);
    return length >= 5 && strcmp(path + length - 5, ".json") == 0;
}

int vocabulary_load(const char *path, vocabulary **out)
{
    char *bytes = NULL;
    size_t size = 0;
    *out = NULL;
    int status = read_whole(path, &bytes, &size);
    if (status != EXIT_DONE) return status;
    vocabulary *const v = calloc(1, sizeof *v);
    if (v == NULL) {
        status = fail_memory(path);
    } else if (size == 0) {
        status = fail(EXIT_INPUT, "%s: is empty, must have the texts of tokens", path);
    } else if (ends_in_json(path)) {
        status = vocabulary_read_json(v, path, bytes, size);
    } else {
        status = read_lines(v, path, bytes, size);
    }
    free(bytes);
    if (status == EXIT_DONE) {
        *out = v;
    } else {
        vocabulary_free(v);
    }
    return status;
}

int vocabulary_of_model(const lm_model *model, vocabulary **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) return fail_memory("the vocabulary");
    (*out)->model = model;
    return EXIT_DONE;
}

void vocabulary_free(vocabulary *v)
{
    if (v == NULL) return;
    free(v->entries);
    free(v->bytes);
    free(v);
}

const char *vocabulary_text(const vocabulary *v, int32_t token, size_t *length)
{
    *length = 0;
    if (v == NULL || token < 0) return NULL;
    if (v->model != NULL) {
        if (token >= lm_vocab(v->model)) return NULL;
        const char *const bytes = lm_token_bytes(v->model, token, length);
        return *length == 0 ? NULL : bytes;
    }
    if ((size_t)token >= v->entry_count || !v->entries[token].is_there) return NULL;
    *length = v->entries[token].length;
    return v->bytes == NULL ? "" : v->bytes + v->entries[token].offset;
}
