/* run_corpus.c - runs a fuzz target over the files of a folder, without libFuzzer. */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>

static void run_file(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *const file = fopen(path, "rb");
    FUZZ_CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
    const long size = ftell(file);
    FUZZ_CHECK(size >= 0 && fseek(file, 0, SEEK_SET) == 0);
    /* Exactly as large as the file, so that a sanitizer sees who reads beyond it. */
    uint8_t *const data = malloc(size > 0 ? (size_t)size : 1);
    FUZZ_CHECK(data != NULL && fread(data, 1, (size_t)size, file) == (size_t)size);
    fclose(file);
    fprintf(stderr, "%s\n", name);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

int main(int argc, char **argv)
{
    int count = 0;
    DIR *const folder = argc == 2 ? opendir(argv[1]) : NULL;
    FUZZ_CHECK(folder != NULL);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.') continue;
        run_file(argv[1], entry->d_name);
        count++;
    }
    closedir(folder);
    FUZZ_CHECK(count > 0);
    printf("%d files\n", count);
    return 0;
}
