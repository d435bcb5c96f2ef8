#include "tokenizer.h"

#include "safetensors.h"
#include "strict_json.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTE 1
#define FIRST_MERGE (FIRST_BYTE + 256)
#define LARGEST_VOCAB (1 << 20)
#define LONGEST_PIECE 128

typedef struct {
    int32_t left;
    int32_t right;
    int32_t joined; /* 0 marks a free place: no merge makes end-of-text */
} merge;

typedef struct {
    char *bytes;
    size_t length;
} token_text;

struct lm_tokenizer {
    int vocab;
    token_text *texts;
    merge *table; /* open addressing, at least half of it free */
    size_t table_mask;
};

static merge *find_place(const lm_tokenizer *tokenizer, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & tokenizer->table_mask;
    while (tokenizer->table[at].joined != 0 &&
           (tokenizer->table[at].left != left || tokenizer->table[at].right != right)) {
        at = (at + 1) & tokenizer->table_mask;
    }
    return &tokenizer->table[at];
}

/* A longer text than a piece could never be used, and lengths that double would fill the
 * memory from a small file. */
static bool set_text(token_text *text, const token_text *left, const token_text *right)
{
    size_t length = left->length + right->length;
    if (length > LONGEST_PIECE || (text->bytes = malloc(length)) == NULL) {
        return false;
    }
    memcpy(text->bytes, left->bytes, left->length);
    memcpy(text->bytes + left->length, right->bytes, right->length);
    text->length = length;
    return true;
}

static bool add_byte_tokens(lm_tokenizer *tokenizer)
{
    for (int byte = 0; byte < 256; byte++) {
        token_text *text = &tokenizer->texts[FIRST_BYTE + byte];
        if ((text->bytes = malloc(1)) == NULL) {
            return false;
        }
        text->bytes[0] = (char)byte;
        text->length = 1;
    }
    return true;
}

/* One of the two numbers of a merge, which must be an older token that has bytes; or 0. */
static int32_t older_token(const json_object *pair, size_t which, int32_t joined)
{
    uint64_t token = 0;
    bool is_older =
        strict_json_whole(json_object_array_get_idx(pair, which), (uint64_t)joined - 1, &token);
    return is_older ? (int32_t)token : 0; /* 0 is end-of-text, which has none */
}

static bool add_merge(lm_tokenizer *tokenizer, const json_object *pair, int32_t joined)
{
    if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2) {
        return false;
    }
    int32_t left = older_token(pair, 0, joined);
    int32_t right = older_token(pair, 1, joined);
    if (left == 0 || right == 0 ||
        !set_text(&tokenizer->texts[joined], &tokenizer->texts[left],
                  &tokenizer->texts[right])) {
        return false;
    }
    merge *place = find_place(tokenizer, left, right);
    if (place->joined == 0) { /* else the older merge goes first anyway */
        *place = (merge){left, right, joined};
    }
    return true;
}

static bool add_merges(lm_tokenizer *tokenizer, const json_object *merges)
{
    size_t count = json_object_array_length(merges);
    for (size_t i = 0; i < count; i++) {
        if (!add_merge(tokenizer, json_object_array_get_idx(merges, i),
                       FIRST_MERGE + (int32_t)i)) {
            return false;
        }
    }
    return true;
}

static lm_tokenizer *build(const json_object *root)
{
    const json_object *merges = strict_json_member(root, "merges");
    if (!json_object_is_type(merges, json_type_array) ||
        json_object_array_length(merges) > LARGEST_VOCAB - FIRST_MERGE) {
        return NULL;
    }
    int count = (int)json_object_array_length(merges);
    lm_tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (tokenizer == NULL) {
        return NULL;
    }
    size_t places = 2;
    while (places < 2 * (size_t)count) {
        places *= 2;
    }
    tokenizer->vocab = FIRST_MERGE + count;
    tokenizer->texts = calloc((size_t)tokenizer->vocab, sizeof *tokenizer->texts);
    tokenizer->table = calloc(places, sizeof *tokenizer->table);
    tokenizer->table_mask = places - 1;
    if (tokenizer->texts == NULL || tokenizer->table == NULL || !add_byte_tokens(tokenizer) ||
        !add_merges(tokenizer, merges)) {
        lm_tokenizer_close(tokenizer);
        return NULL;
    }
    return tokenizer;
}

lm_tokenizer *lm_tokenizer_open(const char *path, char *error, size_t error_size)
{
    size_t size = 0;
    unsigned char *file = lm_read_file(path, &size, error, error_size);
    if (file == NULL) {
        return NULL;
    }
    char reason[128] = "no memory";
    json_object *root = strict_json_parse((const char *)file, size, reason, sizeof reason);
    lm_tokenizer *tokenizer = root == NULL ? NULL : build(root);
    if (root == NULL) {
        snprintf(error, error_size, "%s: no JSON: %s", path, reason);
    } else if (tokenizer == NULL) {
        snprintf(error, error_size, "%s: not a list of merges, or no memory for it", path);
    }
    json_object_put(root);
    free(file);
    return tokenizer;
}

void lm_tokenizer_close(lm_tokenizer *tokenizer)
{
    if (tokenizer == NULL) {
        return;
    }
    for (int token = 0; tokenizer->texts != NULL && token < tokenizer->vocab; token++) {
        free(tokenizer->texts[token].bytes);
    }
    free(tokenizer->texts);
    free(tokenizer->table);
    free(tokenizer);
}

int lm_tokenizer_vocab(const lm_tokenizer *tokenizer) { return tokenizer->vocab; }

const char *lm_tokenizer_bytes(const lm_tokenizer *tokenizer, int32_t token, size_t *length)
{
    if (token < FIRST_BYTE || token >= tokenizer->vocab) {
        *length = 0;
        return "";
    }
    *length = tokenizer->texts[token].length;
    return tokenizer->texts[token].bytes;
}

typedef enum {
    LETTER,
    DIGIT,
    NEWLINE,
    OTHER
} byte_class;

/* Not by <ctype.h>, whose answers depend on the locale. */
static byte_class class_of(char c)
{
    unsigned char byte = (unsigned char)c;
    if (byte >= 0x80 || byte == '\'' || (byte >= 'a' && byte <= 'z') ||
        (byte >= 'A' && byte <= 'Z')) {
        return LETTER;
    }
    if (byte >= '0' && byte <= '9') {
        return DIGIT;
    }
    return byte == '\n' ? NEWLINE : OTHER;
}

/* At most one space, then bytes that are all of one class. */
static size_t piece_length(const char *text, size_t length)
{
    size_t body = text[0] == ' ' ? 1 : 0;
    size_t limit = length < LONGEST_PIECE ? length : LONGEST_PIECE;
    size_t end = body;
    while (end < limit && text[end] != ' ' && class_of(text[end]) == class_of(text[body])) {
        end++;
    }
    return end;
}

/* Applies the oldest merge that fits anywhere, leftmost first, until none fits. */
static size_t encode_piece(const lm_tokenizer *tokenizer, const char *piece, size_t length,
                           int32_t tokens[LONGEST_PIECE])
{
    for (size_t i = 0; i < length; i++) {
        tokens[i] = FIRST_BYTE + (unsigned char)piece[i];
    }
    for (;;) {
        int32_t oldest = INT32_MAX;
        size_t at = 0;
        for (size_t i = 0; i + 1 < length; i++) {
            int32_t joined = find_place(tokenizer, tokens[i], tokens[i + 1])->joined;
            if (joined != 0 && joined < oldest) {
                oldest = joined;
                at = i;
            }
        }
        if (oldest == INT32_MAX) {
            return length;
        }
        tokens[at] = oldest;
        length--;
        memmove(&tokens[at + 1], &tokens[at + 2], (length - at - 1) * sizeof tokens[0]);
    }
}

size_t lm_tokenizer_encode(const lm_tokenizer *tokenizer, const char *text, size_t length,
                           int32_t *tokens, size_t capacity)
{
    size_t count = 0;
    while (length > 0) {
        int32_t piece[LONGEST_PIECE];
        size_t bytes = piece_length(text, length);
        size_t found = encode_piece(tokenizer, text, bytes, piece);
        for (size_t i = 0; i < found; i++, count++) {
            if (count < capacity) {
                tokens[count] = piece[i];
            }
        }
        text += bytes;
        length -= bytes;
    }
    return count;
}
