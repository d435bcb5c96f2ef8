/* cache_rig.h - a cache folder for each test, and the files in it. */
#ifndef LMS_TEST_CACHE_RIG_H
#define LMS_TEST_CACHE_RIG_H

#include <stddef.h>

typedef struct cache_folder {
    char path[64];
    char entry[400];
    unsigned files, others;
} cache_folder;

/* Makes the folder, LMS_CACHE_DIR, without LMS_SHAPE, and removes it with what is in it. */
int cache_setup(void **state);
int cache_teardown(void **state);
#define CACHE_ENTRY(test) cmocka_unit_test_setup_teardown(test, cache_setup, cache_teardown)

/* Finds the entry, and counts entries and all else. */
void cache_look(cache_folder *f);

/* The whole file, to be freed. */
unsigned char *cache_read_file(const char *path, size_t *size);
void cache_write_file(const char *path, const void *bytes, size_t size);

#endif /* LMS_TEST_CACHE_RIG_H */
