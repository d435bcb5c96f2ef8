/* token_lists.h - lists of tokens that rows ask something of, such as biases or what is banned:
 * one for all rows, or one for each. Functions print what is wrong (file, row, entry, value,
 * rule) and return an exit status. */
#ifndef CLI_TOKEN_LISTS_H
#define CLI_TOKEN_LISTS_H

#include <lmsample.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum list_kind {
    LIST_TOKENS,    /* 5,7 or a .json file: [5, 7]; of rows: [[5, 7], null, []] */
    LIST_SEQUENCES, /* .json: [[5, 7], [9]]; of rows: [[[5, 7], [9]], null] */
    LIST_BIASES,    /* .json: {"5": -1.5}; of rows: [{"5": -1.5}, null]. .csv: a line
                    "token,value", or "row,token,value" with rising rows, then one for each */
    LIST_HISTORIES  /* .json: as tokens, or {"prompt": [5], "output": [7]} in the place of each
                       list; .jsonl: one of them a line */
} list_kind;

typedef struct token_lists {
    uint64_t rows;     /* 0: not given; 1: for all rows */
    uint32_t *firsts;  /* [rows + 1]: entries of each row's list */
    bool *is_none;     /* [rows]: the row has no list, which is not an empty one */
    uint32_t *prompts; /* [rows]: of a history, so many of its tokens are the prompt's */
    int32_t *ids;      /* with LMS_NO_TOKEN behind each sequence */
    float *values;     /* of biases; else 0 */
    uint32_t entries;
    size_t row_capacity;
    size_t capacity;
} token_lists;

/* `text` is an option's value; tokens are below `vocab`, and the logits have `rows` rows. */
int token_lists_load(const char *option, const char *text, list_kind kind, uint32_t vocab,
                     uint64_t rows, token_lists *out);

/* Accepts one of zeros. */
void token_lists_free(token_lists *lists);

/* What the functions above are made of. A further row, and a further entry of the last one. */
int token_lists_add_row(token_lists *lists, bool is_none);
int token_lists_add(token_lists *lists, int32_t id, float value);
int token_lists_read_csv(const char *path, uint32_t vocab, uint64_t rows, token_lists *out);

#endif
