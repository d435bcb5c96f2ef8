/* tuning.c - tuning files: what one has to hold for a device, and whether one does. */
#include "op/tuning.h"

#include "base/cache.h"

#include <stdio.h>
#include <string.h>

/* What it is measured with. Texts of a device may hold anything: they are only compared. */
static size_t print_head(const lms_context *ctx, char text[LMSI_TUNING_BYTES])
{
    const lmsi_device *const d = &ctx->device;
    const int length = snprintf(
        text, LMSI_TUNING_BYTES,
        "lmsample tuning 1\nlibrary %d.%d.%d\nplatform %s\ndevice %s\nunits %u\ndriver %s\n"
        "version %s\n",
        LMS_VERSION_MAJOR, LMS_VERSION_MINOR, LMS_VERSION_PATCH, d->platform, d->name,
        (unsigned)d->units, d->driver, d->version);
    return (size_t)length;
}

int lmsi_tuning_path(const lms_context *ctx, char path[LMSI_TUNING_PATH])
{
    char head[LMSI_TUNING_BYTES];
    const char *below = "";
    const char *const base = lmsi_cache_base(&below);
    if (base == NULL) return 0;
    const size_t size = print_head(ctx, head);
    const int length = snprintf(path, LMSI_TUNING_PATH, "%s%s/tuning-%016llx.txt", base, below,
                                (unsigned long long)lmsi_cache_hash(head, size));
    return length > 0 && (size_t)length < LMSI_TUNING_PATH;
}

void lmsi_tuning_print(const lms_context *ctx, const lmsi_tuning *tuning,
                       char text[LMSI_TUNING_BYTES])
{
    char wide[LMSI_SHAPE_BYTES], narrow[LMSI_SHAPE_BYTES];
    size_t size = print_head(ctx, text);
    lmsi_shape_print(&tuning->float32, wide);
    lmsi_shape_print(&tuning->bits16, narrow);
    size += (size_t)snprintf(text + size, LMSI_TUNING_BYTES - size, "float32 %s\n16-bit %s\n",
                             wide, narrow);
    snprintf(text + size, LMSI_TUNING_BYTES - size, "checksum %016llx\n",
             (unsigned long long)lmsi_cache_hash(text, size));
}

/* A shape behind its name, if there is one that the device takes. */
static int read_shape(const lms_context *ctx, const char *text, const char *name,
                      lmsi_shape *out)
{
    char line[LMSI_SHAPE_BYTES], problem[160];
    const char *const found = strstr(text, name);
    if (found == NULL) return 0;
    const char *const begin = found + strlen(name);
    const size_t length = strcspn(begin, "\n");
    if (length >= sizeof line) return 0;
    memcpy(line, begin, length);
    line[length] = '\0';
    return lmsi_shape_read(line, out, problem, sizeof problem) && lmsi_shape_fits(ctx, out);
}

/* Good is what would be written for what is read: that compares all the rest. */
static int read_text(const lms_context *ctx, const char *text, size_t size, lmsi_tuning *out)
{
    char expected[LMSI_TUNING_BYTES];
    const size_t head = print_head(ctx, expected);
    if (size <= head || memcmp(text, expected, head) != 0) return 0;
    if (!read_shape(ctx, text + head, "float32 ", &out->float32) ||
        !read_shape(ctx, text + head, "\n16-bit ", &out->bits16)) {
        return 0;
    }
    lmsi_tuning_print(ctx, out, expected);
    return size == strlen(expected) && memcmp(text, expected, size) == 0;
}

int lmsi_tuning_load(const lms_context *ctx, lmsi_tuning *out)
{
    char path[LMSI_TUNING_PATH], text[LMSI_TUNING_BYTES];
    if (!lmsi_tuning_path(ctx, path)) return 0;
    char *const slash = strrchr(path, '/');
    *slash = '\0';
    FILE *const file = lmsi_cache_open(path, slash + 1);
    if (file == NULL) return 0;
    const size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    return read_text(ctx, text, size, out);
}
