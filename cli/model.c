#include "model.h"

#include "message.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    BUNDLED_BYTES = 2 * PATH_MAX
};

/* The folder of this program. Linux's own way to find it; argv[0] may name anything. */
static bool find_program_folder(char *folder, size_t size)
{
    const ssize_t length = readlink("/proc/self/exe", folder, size);
    if (length <= 0 || (size_t)length >= size) return false;
    folder[length] = '\0';
    char *const slash = strrchr(folder, '/');
    if (slash == NULL) return false;
    *slash = '\0';
    return true;
}

static int find_bundled(char *directory, size_t size)
{
    char folder[PATH_MAX];
    if (!find_program_folder(folder, sizeof folder)) {
        return fail(EXIT_INPUT, "cannot tell where the program is, so that the model must be "
                                "given with --model DIRECTORY");
    }
    const int length = snprintf(directory, size, "%s/%s", folder, LMS_MODEL_FROM_BIN);
    if (length < 0 || (size_t)length >= size) {
        return fail(EXIT_INPUT, "the path of the bundled model is longer than %zu bytes: %s/%s",
                    size - 1, folder, LMS_MODEL_FROM_BIN);
    }
    if (access(directory, F_OK) != 0) {
        return fail(EXIT_INPUT,
                    "there is no bundled model in %s; --model DIRECTORY names another folder",
                    directory);
    }
    return EXIT_DONE;
}

int model_open(const char *directory, lm_model **out)
{
    char bundled[BUNDLED_BYTES];
    char error[2 * PATH_MAX + 256];
    *out = NULL;
    if (directory == NULL) {
        const int exit_status = find_bundled(bundled, sizeof bundled);
        if (exit_status != EXIT_DONE) return exit_status;
    }
    *out = lm_model_load(directory == NULL ? bundled : directory, error, sizeof error);
    return *out != NULL ? EXIT_DONE : fail(EXIT_INPUT, "model: %s", error);
}

int model_reads(const char *directory, file_set *set)
{
    static const char *const names[] = {"model.safetensors", "tokenizer.json"};
    char bundled[BUNDLED_BYTES];
    char path[BUNDLED_BYTES + 32];
    int exit_status = directory == NULL ? find_bundled(bundled, sizeof bundled) : EXIT_DONE;
    for (size_t i = 0; exit_status == EXIT_DONE && i < sizeof names / sizeof names[0]; i++) {
        const int length = snprintf(path, sizeof path, "%s/%s",
                                    directory == NULL ? bundled : directory, names[i]);
        /* A path that is too long is no file: model_open() says so. */
        if (length < 0 || (size_t)length >= sizeof path) continue;
        exit_status = file_set_reads(set, "model", path);
    }
    return exit_status;
}
