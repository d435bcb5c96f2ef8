#include "cache_rig.h"

#include "rig.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void cache_look(cache_folder *f)
{
    DIR *const dir = opendir(f->path);
    f->files = f->others = 0;
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        if (strlen(e->d_name) == 20 && strcmp(e->d_name + 16, ".bin") == 0) {
            snprintf(f->entry, sizeof f->entry, "%s/%s", f->path, e->d_name);
            ++f->files;
        } else {
            ++f->others;
        }
    }
    closedir(dir);
}

int cache_setup(void **state)
{
    cache_folder *const f = calloc(1, sizeof *f);
    assert_non_null(f);
    strcpy(f->path, "/tmp/lmsample-cache-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    setenv("LMS_CACHE_DIR", f->path, 1);
    unsetenv("LMS_SHAPE");
    *state = f;
    return 0;
}

int cache_teardown(void **state)
{
    cache_folder *const f = *state;
    char command[100];
    snprintf(command, sizeof command, "rm -r '%s'", f->path);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

unsigned char *cache_read_file(const char *path, size_t *size)
{
    FILE *const file = fopen(path, "rb");
    unsigned char *const bytes = malloc(1 << 26);
    assert_non_null(file);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1 << 26, file);
    fclose(file);
    return bytes;
}

void cache_write_file(const char *path, const void *bytes, size_t size)
{
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}
