/* fuzz_lists.c - any bytes as a file of lists of tokens, of each kind, and as a mask. */
#define _GNU_SOURCE /* memfd_create */
#include "fuzz.h"
#include "message.h"
#include "npy_array.h"
#include "token_lists.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    VOCAB = 40,
    ROWS = 3
};

/* The format is chosen by the name: links with such names to a file in memory. */
static const char *const names[] = {"fuzz.json", "fuzz.jsonl", "fuzz.csv"};
static struct {
    int memory;
    char folder[32];
    char paths[3][48];
} place;

static void remove_links(void)
{
    for (size_t i = 0; i < 3; i++) unlink(place.paths[i]);
    rmdir(place.folder);
}

static void make_links(void)
{
    char target[32];
    strcpy(place.folder, "/tmp/lmsample-fuzz-XXXXXX");
    FUZZ_CHECK(mkdtemp(place.folder) != NULL);
    place.memory = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_CHECK(place.memory >= 0);
    snprintf(target, sizeof target, "/proc/self/fd/%d", place.memory);
    for (size_t i = 0; i < 3; i++) {
        snprintf(place.paths[i], sizeof place.paths[i], "%s/%s", place.folder, names[i]);
        FUZZ_CHECK(symlink(target, place.paths[i]) == 0);
    }
    atexit(remove_links);
}

static void check_row(const token_lists *lists, list_kind kind, uint64_t row)
{
    const uint32_t begin = lists->firsts[row], end = lists->firsts[row + 1];
    FUZZ_CHECK(begin <= end && end <= lists->entries);
    FUZZ_CHECK(!lists->is_none[row] || begin == end);
    FUZZ_CHECK(lists->prompts[row] <= end - begin);
    for (uint32_t i = begin; i < end; i++) {
        const bool ends = kind == LIST_SEQUENCES && lists->ids[i] == LMS_NO_TOKEN;
        FUZZ_CHECK(ends || (lists->ids[i] >= 0 && lists->ids[i] < VOCAB));
        FUZZ_CHECK(lists->values[i] == lists->values[i]);
    }
    if (kind == LIST_SEQUENCES && end > begin) {
        FUZZ_CHECK(lists->ids[begin] != LMS_NO_TOKEN);
        FUZZ_CHECK(lists->ids[end - 1] == LMS_NO_TOKEN);
    }
}

static void load(const char *path, list_kind kind)
{
    token_lists lists;
    fuzz_lines = 0;
    const int status = token_lists_load("lists", path, kind, VOCAB, ROWS, &lists);
    FUZZ_CHECK(status == EXIT_DONE || status == EXIT_INPUT);
    FUZZ_CHECK(fuzz_lines == (status == EXIT_DONE ? 0 : 1));
    FUZZ_CHECK(status != EXIT_DONE || lists.rows == 1 || lists.rows == ROWS);
    for (uint64_t row = 0; status == EXIT_DONE && row < lists.rows; row++) {
        check_row(&lists, kind, row);
    }
    token_lists_free(&lists);
}

static void load_array(bool is_mask)
{
    npy_array array;
    fuzz_lines = 0;
    const int status = is_mask ? npy_array_load_mask(place.paths[0], ROWS, &array)
                               : npy_array_load_tokens(place.paths[0], &array);
    FUZZ_CHECK(status == EXIT_DONE || status == EXIT_INPUT || status == EXIT_MEMORY);
    FUZZ_CHECK(fuzz_lines == (status == EXIT_DONE ? 0 : 1));
    if (status == EXIT_DONE) {
        FUZZ_CHECK(array.rows >= 1 && array.columns >= 1);
        FUZZ_CHECK(!is_mask || array.item_bytes == 1 || array.item_bytes == 4);
        if (!is_mask) npy_array_item(&array, array.columns - 1);
    }
    npy_array_free(&array);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (place.folder[0] == '\0') make_links();
    FUZZ_CHECK(ftruncate(place.memory, 0) == 0);
    FUZZ_CHECK(pwrite(place.memory, data, size, 0) == (ssize_t)size);
    for (int kind = LIST_TOKENS; kind <= LIST_HISTORIES; kind++) {
        load(place.paths[0], (list_kind)kind);
    }
    load(place.paths[1], LIST_HISTORIES);
    load(place.paths[2], LIST_BIASES);
    load_array(true);
    load_array(false);
    return 0;
}
