/* fuzz_params.c - any bytes as a file of parameters, in JSON and as CSV. */
#define _GNU_SOURCE /* memfd_create */
#include "fuzz.h"
#include "message.h"
#include "params_file.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The format is chosen by the name: links with such names to a file in memory. */
static struct {
    int memory;
    char folder[32];
    char json[48];
    char csv[48];
} place;

static void remove_links(void)
{
    unlink(place.json);
    unlink(place.csv);
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
    snprintf(place.json, sizeof place.json, "%s/fuzz.json", place.folder);
    snprintf(place.csv, sizeof place.csv, "%s/fuzz.csv", place.folder);
    FUZZ_CHECK(symlink(target, place.json) == 0 && symlink(target, place.csv) == 0);
    atexit(remove_links);
}

static void load(const char *path)
{
    const lms_row_params defaults = LMS_ROW_PARAMS_INIT;
    const row_request nothing = ROW_REQUEST_INIT;
    params_file file;
    fuzz_lines = 0;
    const int status = params_file_load(path, &defaults, &nothing, &file);
    FUZZ_CHECK(status == EXIT_DONE || status == EXIT_INPUT);
    FUZZ_CHECK(fuzz_lines == (status == EXIT_DONE ? 0 : 1));
    for (uint64_t row = 0; status == EXIT_DONE && row < file.rows; row++) {
        FUZZ_CHECK(lms_row_params_check(&file.records[row].params) == 0);
        FUZZ_CHECK(file.records[row].params.filters.top_k >= 0);
        FUZZ_CHECK(params_file_request(&file, row)->edits.repetition > 0);
        const lms_row_params params = params_file_row(&file, row);
        FUZZ_CHECK(params.filters.temperature == file.records[row].params.filters.temperature);
        if (file.records[row].has_seed && file.rows > 1) {
            FUZZ_CHECK(params.seed == file.records[row].params.seed);
        }
    }
    params_file_free(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (place.folder[0] == '\0') make_links();
    FUZZ_CHECK(ftruncate(place.memory, 0) == 0);
    FUZZ_CHECK(pwrite(place.memory, data, size, 0) == (ssize_t)size);
    load(place.json);
    load(place.csv);
    return 0;
}
