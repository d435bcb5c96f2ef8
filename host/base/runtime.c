/* runtime.c - what is known of some runtimes: where pocl keeps its kernels, and what to say
 * where it cannot. */
#include "base/runtime.h"

#include "base/cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LMSI_FOLDER_BYTES 4096

int lmsi_is_pocl(const char *platform)
{
    return strcmp(platform, "Portable Computing Language") == 0;
}

/* Where pocl keeps its programs, by its own rules. Returns 0 if the name is too long. */
static int find_folder(char *path, size_t size)
{
    const char *dir = getenv("POCL_CACHE_DIR");
    const char *below = "";
    if (dir == NULL) {
        dir = getenv("XDG_CACHE_HOME");
        below = "/pocl/kcache";
    }
    if (dir == NULL) {
        dir = getenv("HOME");
        below = "/.cache/pocl/kcache";
    }
    const int length = snprintf(path, size, "%s%s", dir == NULL ? "/tmp" : dir,
                                dir == NULL ? "/pocl/kcache" : below);
    return length > 0 && (size_t)length < size;
}

/* Writes a few pages there and takes them away. Returns what errno says. */
static int try_folder(const char *dir)
{
    const char page[4096] = {0};
    char path[LMSI_FOLDER_BYTES + 32];
    int problem = 0;
    lmsi_cache_make_dirs(dir);
    snprintf(path, sizeof path, "%s/lmsample-XXXXXX", dir);
    const int file = mkstemp(path);
    if (file < 0) return errno;
    for (int i = 0; i < 16 && problem == 0; ++i) {
        const ssize_t written = write(file, page, sizeof page);
        if (written != (ssize_t)sizeof page) problem = written < 0 ? errno : ENOSPC;
    }
    close(file);
    unlink(path);
    return problem;
}

void lmsi_pocl_hint(int may_be_damaged, char hint[LMSI_HINT_BYTES])
{
    char folder[LMSI_FOLDER_BYTES];
    hint[0] = '\0';
    if (!find_folder(folder, sizeof folder)) return;
    const int problem = try_folder(folder);
    if (problem != 0) {
        snprintf(hint, LMSI_HINT_BYTES,
                 "; pocl's cache folder %.200s cannot be written (%s): POCL_CACHE_DIR may name "
                 "another",
                 folder, strerror(problem));
    } else if (may_be_damaged) {
        snprintf(
            hint, LMSI_HINT_BYTES,
            "; pocl's cache folder %.200s may be damaged: remove it, or let POCL_CACHE_DIR "
            "name another",
            folder);
    }
}
