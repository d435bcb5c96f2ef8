#include "target_file.h"

#include "message.h"
#include "npy_array.h"
#include "token_lists.h"

#include <stdlib.h>
#include <string.h>

/* NULL, with a line printed, if there are not as many as there should be. */
static uint32_t *make(const char *path, uint64_t rows, uint64_t found, int *status)
{
    uint32_t *made = NULL;
    if (found != 1 && found != rows) {
        *status = fail(EXIT_INPUT, "%s: has %llu tokens, must have 1 or the %llu of the rows",
                       path, (unsigned long long)found, (unsigned long long)rows);
        return NULL;
    }
    made = calloc((size_t)found + 1, sizeof *made);
    if (made == NULL) *status = fail_memory("targets");
    return made;
}

static int load_array(const char *path, uint32_t vocab, uint64_t rows, uint32_t **targets,
                      uint64_t *count)
{
    npy_array array = {0};
    int status = npy_array_load_tokens(path, &array);
    *count = array.columns;
    if (status == EXIT_DONE) *targets = make(path, rows, *count, &status);
    for (uint64_t i = 0; *targets != NULL && status == EXIT_DONE && i < *count; i++) {
        const int64_t token = npy_array_item(&array, i);
        (*targets)[i] = 1 + (uint32_t)token;
        if (token >= 0 && token < vocab) continue;
        status = fail(EXIT_INPUT, "%s: row %llu: is %lld, must be a token, 0 to %u", path,
                      (unsigned long long)i, (long long)token, (unsigned)vocab - 1);
    }
    npy_array_free(&array);
    return status;
}

static int load_list(const char *path, uint32_t vocab, uint64_t rows, uint32_t **targets,
                     uint64_t *count)
{
    token_lists list = {0};
    int status = token_lists_load("target", path, LIST_TOKENS, vocab, 1, &list);
    *count = list.entries;
    if (status == EXIT_DONE) *targets = make(path, rows, *count, &status);
    for (uint32_t i = 0; *targets != NULL && i < list.entries; i++) {
        (*targets)[i] = 1 + (uint32_t)list.ids[i];
    }
    token_lists_free(&list);
    return status;
}

int target_file_load(const char *path, uint32_t vocab, uint64_t rows, uint32_t **targets,
                     uint64_t *count)
{
    const size_t length = path == NULL ? 0 : strlen(path);
    *targets = NULL;
    *count = 0;
    if (path == NULL) return EXIT_DONE;
    return length >= 4 && strcmp(path + length - 4, ".npy") == 0
               ? load_array(path, vocab, rows, targets, count)
               : load_list(path, vocab, rows, targets, count);
}
