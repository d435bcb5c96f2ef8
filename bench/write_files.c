/* write_files.c - JSON and CSV; the same names in both. bench/README.md says what they mean. */
#include "fields.h"
#include "machine.h"
#include "say.h"
#include "write.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

FILE *open_to_write(const char *name)
{
    if (name == NULL) return NULL;
    FILE *const file = fopen(name, "w");
    if (file == NULL) fail("cannot write to %s: %s", name, strerror(errno));
    return file;
}

/* What goes to a device, such as /dev/null, may go there together. */
bool is_same_file(FILE *a, FILE *b)
{
    struct stat one, other;
    return a != NULL && b != NULL && fstat(fileno(a), &one) == 0 &&
           fstat(fileno(b), &other) == 0 && S_ISREG(one.st_mode) &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static void close_written(FILE *file, const char *what)
{
    const bool is_bad = ferror(file) != 0;
    if (fclose(file) != 0 || is_bad) fail("writing the %s failed: %s", what, strerror(errno));
}

/* --- JSON --------------------------------------------------------------------------- */

static void set(json_object *object, const char *name, json_object *value)
{
    if (json_object_object_add(object, name, value) != 0) fail("out of memory for JSON");
}

static void set_text(json_object *object, const char *name, const char *text)
{
    set(object, name, json_object_new_string(text));
}

static void set_whole(json_object *object, const char *name, size_t value)
{
    set(object, name, json_object_new_int64((int64_t)value));
}

/* Seven digits are more than any clock gives. NAN is null. */
static void set_real(json_object *object, const char *name, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.7g", value);
    set(object, name, isnan(value) ? NULL : json_object_new_double_s(value, text));
}

static void set_setting(json_object *object, const setting *s)
{
    set_text(object, "shape", shape_name(s->shape));
    set_whole(object, "rows", s->rows);
    set_whole(object, "vocab", s->vocab);
    set_text(object, "dtype", dtype_name(s->dtype));
}

static json_object *json_of_machine(void)
{
    json_object *const object = json_object_new_object();
    char text[256];
    machine_cpu(text, sizeof text);
    set_text(object, "cpu", text);
    set_whole(object, "cores", machine_cores());
    set_whole(object, "memory_bytes", machine_memory_bytes());
    set_whole(object, "llc_bytes", machine_cache_bytes());
    machine_system(text, sizeof text);
    set_text(object, "os", text);
    return object;
}

static json_object *json_of_device(const lms_device *d)
{
    json_object *const object = json_object_new_object();
    set_text(object, "name", d->name);
    set_text(object, "platform", d->platform);
    set_text(object, "driver", d->driver);
    set_text(object, "type", d->type & CL_DEVICE_TYPE_CPU ? "cpu" : "gpu");
    set_whole(object, "compute_units", d->compute_units);
    return object;
}

static json_object *json_of_fields(const fields *f)
{
    json_object *const object = json_object_new_object();
    for (unsigned i = 0; i < f->count; ++i) {
        const field *const one = &f->list[i];
        switch (one->type) {
        case FIELD_TEXT: set_text(object, one->name, one->text); break;
        case FIELD_WHOLE: set_whole(object, one->name, (size_t)one->number); break;
        case FIELD_REAL: set_real(object, one->name, one->number); break;
        case FIELD_BOOL:
            set(object, one->name, json_object_new_boolean(one->number != 0.0));
            break;
        }
    }
    return object;
}

static json_object *json_of_cases(const results *all)
{
    json_object *const array = json_object_new_array();
    fields f;
    for (size_t i = 0; i < all->count; ++i) {
        fields_of_case(&f, &all->cases[i]);
        json_object_array_add(array, json_of_fields(&f));
    }
    return array;
}

static void set_beams(json_object *root, const results *all)
{
    json_object *const beams = json_object_new_array(), *const parts = json_object_new_array();
    fields f;
    for (size_t i = 0; i < all->beam_count; ++i) {
        fields_of_beam(&f, &all->beams[i]);
        json_object_array_add(beams, json_of_fields(&f));
    }
    for (size_t i = 0; i < all->beam_part_count; ++i) {
        fields_of_part(&f, &all->beam_parts[i]);
        json_object_array_add(parts, json_of_fields(&f));
    }
    set(root, "beams", beams);
    set(root, "beam_parts", parts);
}

static json_object *json_of_contrasts(const results *all)
{
    json_object *const array = json_object_new_array();
    fields f;
    for (size_t i = 0; i < all->contrast_count; ++i) {
        fields_of_contrast(&f, &all->contrasts[i]);
        json_object_array_add(array, json_of_fields(&f));
    }
    return array;
}

static json_object *json_of_requests(const results *all)
{
    json_object *const array = json_object_new_array();
    fields f;
    for (size_t i = 0; i < all->request_count; ++i) {
        fields_of_request(&f, &all->requests[i]);
        json_object_array_add(array, json_of_fields(&f));
    }
    return array;
}

static json_object *json_of_mixed(const results *all)
{
    json_object *const array = json_object_new_array();
    for (size_t i = 0; i < all->mixed_count; ++i) {
        json_object *const object = json_object_new_object();
        set_setting(object, &all->mixed[i].what);
        set_real(object, "mixed_over_mean", all->mixed[i].over_mean);
        json_object_array_add(array, object);
    }
    return array;
}

static json_object *json_of_heavy(const results *all)
{
    json_object *const array = json_object_new_array();
    fields f;
    for (size_t i = 0; i < all->heavy_count; ++i) {
        fields_of_heavy(&f, &all->heavy[i]);
        json_object_array_add(array, json_of_fields(&f));
    }
    return array;
}

static json_object *json_of_lines(const results *all)
{
    json_object *const array = json_object_new_array();
    for (size_t i = 0; i < all->linear_count; ++i) {
        const linear *const l = &all->linear[i];
        json_object *const object = json_object_new_object();
        set_text(object, "strategy", subject_name(l->subject));
        set_text(object, "shape", shape_name(l->shape));
        set_text(object, "dtype", dtype_name(l->dtype));
        set_whole(object, "sizes", l->points);
        set_real(object, "fixed_s", l->fixed_s);
        set_real(object, "s_per_logit", l->s_per_logit);
        set_real(object, "worst_relative_residual", l->worst_relative_residual);
        json_object_object_add(object, "fits", json_object_new_boolean(line_fits(l)));
        json_object_array_add(array, object);
    }
    return array;
}

static void set_head(json_object *root, const heading *h)
{
    char text[1024] = "./run bench", date[32];
    const time_t today = time(NULL);
    struct tm local;
    for (int i = 1; i < h->argc; ++i) {
        const size_t used = strlen(text);
        const char *const quote = strpbrk(h->argv[i], " ") != NULL ? "'" : "";
        snprintf(text + used, sizeof text - used, " %s%s%s", quote, h->argv[i], quote);
    }
    localtime_r(&today, &local);
    strftime(date, sizeof date, "%Y-%m-%d", &local);
    set_text(root, "format", "lmsample-bench 1");
    set_text(root, "lmsample", LMS_BENCH_VERSION);
    set_text(root, "date", date);
    set_text(root, "command", text);
    set_text(root, "mode", h->o->selected.full ? "full" : "quick");
    set(root, "machine", json_of_machine());
    set(root, "device", json_of_device(&h->on->device));
}

void write_json(FILE *file, const heading *h, const results *all)
{
    json_object *const root = json_object_new_object();
    set_head(root, h);
    json_object *const start = isnan(all->cold_s) ? NULL : json_object_new_object();
    if (start != NULL) {
        set_real(start, "cold_s", all->cold_s);
        set_real(start, "warm_s", all->warm_s);
    }
    set(root, "start", start);
    set(root, "huge_pages", json_object_new_boolean(h->o->huge_pages));
    set(root, "cpu_time", json_object_new_boolean(h->o->cpu_time));
    set(root, "interrupted", json_object_new_boolean(all->is_interrupted));
    set(root, "cases", json_of_cases(all));
    set(root, "mixed", json_of_mixed(all));
    set(root, "heavy", json_of_heavy(all));
    set(root, "linear", json_of_lines(all));
    if (h->o->selected.beam) set_beams(root, all);
    if (h->o->selected.contrastive) set(root, "contrastive", json_of_contrasts(all));
    if (h->o->selected.requests) set(root, "requests", json_of_requests(all));
    if (all->has_serving) {
        fields f;
        fields_of_serving(&f, &all->serving);
        set(root, "serving", json_of_fields(&f));
    }
    set(root, "absent", json_object_new_array());
    fputs(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
                                                   JSON_C_TO_STRING_NOSLASHESCAPE),
          file);
    fputc('\n', file);
    json_object_put(root);
    close_written(file, "JSON");
}

/* --- CSV ---------------------------------------------------------------------------- */

static void print_field(FILE *file, const field *f)
{
    if (f->type == FIELD_TEXT) {
        fputs(f->text, file);
    } else if (f->type == FIELD_BOOL) {
        fputs(f->number != 0.0 ? "true" : "false", file);
    } else if (!isnan(f->number)) {
        fprintf(file, f->type == FIELD_WHOLE ? "%.0f" : "%.7g", f->number);
    }
}

/* No name has a comma or a quote. */
static void print_fields(FILE *file, const fields *f, bool names)
{
    for (unsigned i = 0; i < f->count; ++i) {
        if (i > 0) fputc(',', file);
        if (names) {
            fputs(f->list[i].name, file);
        } else {
            print_field(file, &f->list[i]);
        }
    }
    fputc('\n', file);
}

void write_csv(FILE *file, const heading *h, const results *all)
{
    fields f;
    fields_of_heading(&f, &h->o->selected);
    print_fields(file, &f, true);
    for (size_t i = 0; i < all->count; ++i) {
        fields_of_case(&f, &all->cases[i]);
        print_fields(file, &f, false);
    }
    for (size_t i = 0; i < all->beam_count; ++i) {
        fields_of_beam(&f, &all->beams[i]);
        print_fields(file, &f, false);
    }
    for (size_t i = 0; i < all->contrast_count; ++i) {
        fields_of_contrast(&f, &all->contrasts[i]);
        print_fields(file, &f, false);
    }
    for (size_t i = 0; i < all->request_count; ++i) {
        fields_of_request(&f, &all->requests[i]);
        print_fields(file, &f, false);
    }
    if (all->has_serving) {
        fields_of_serving(&f, &all->serving);
        print_fields(file, &f, false);
    }
    close_written(file, "CSV");
}
