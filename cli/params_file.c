#include "params_file.h"

#include "message.h"
#include "params_internal.h"
#include "sampling.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *params_field(const params_reader *reader, const char *name, size_t length,
                         unsigned *number)
{
    const char *const *const tables[] = {sampling_fields,
                                         reader->requests == NULL ? NULL : request_fields};
    *number = 0;
    for (size_t i = 0; i < 2 && tables[i] != NULL; i++) {
        for (const char *const *field = tables[i]; *field != NULL; field++, ++*number) {
            if (strlen(*field) == length && memcmp(*field, name, length) == 0) return *field;
        }
    }
    return NULL;
}

field_kind params_field_kind(const char *field)
{
    return strcmp(field, "preset") == 0 ? FIELD_NAME : request_field_kind(field);
}

int params_add(params_reader *reader)
{
    params_file *const out = reader->out;
    if (out->rows == reader->capacity) {
        const uint64_t capacity = reader->capacity * 2 + 16;
        params_record *const records =
            capacity > SIZE_MAX / sizeof *records
                ? NULL
                : realloc(out->records, (size_t)capacity * sizeof *records);
        if (records == NULL) return fail_memory(reader->path);
        out->records = records;
        reader->capacity = capacity;
    }
    out->records[out->rows++] = (params_record){
        *reader->defaults,
        reader->requests == NULL ? (row_request)ROW_REQUEST_INIT : *reader->requests, false};
    return EXIT_DONE;
}

void params_no_field(const params_reader *reader, const char *name, char *error, size_t size)
{
    lms_row_params none = LMS_ROW_PARAMS_INIT;
    sampling_set(&none, name, "", error, size);
    const size_t used = strlen(error);
    if (reader->requests != NULL) request_fields_tell(error + used, size - used);
}

static bool set(const params_reader *reader, params_record *record, const char *field,
                const char *text, char *error, size_t size)
{
    unsigned number = 0;
    if (params_field(reader, field, strlen(field), &number) == NULL) {
        params_no_field(reader, field, error, size);
        return false;
    }
    return number < sampling_field_count
               ? sampling_set(&record->params, field, text, error, size)
               : request_set(&record->request, field, text, error, size);
}

int params_set(params_reader *reader, uint64_t row, const char *field, const char *text,
               const char *where)
{
    char error[1024];
    params_record *const record = &reader->out->records[row];
    if (!set(reader, record, field, text, error, sizeof error)) {
        return fail(EXIT_INPUT, "%s: row %llu%s: \"%.64s\" %s", reader->path,
                    (unsigned long long)row, where, field, error);
    }
    if (strcmp(field, "seed") == 0) record->has_seed = true;
    return EXIT_DONE;
}

static bool ends_in(const char *path, const char *ending)
{
    const size_t length = strlen(path), end = strlen(ending);
    return length >= end && strcasecmp(path + length - end, ending) == 0;
}

/* A byte order mark is none of the text. */
static void skip_mark(FILE *file)
{
    static const unsigned char mark[3] = {0xef, 0xbb, 0xbf};
    const int first = fgetc(file);
    if (first != mark[0]) {
        ungetc(first, file);
        return;
    }
    if (fgetc(file) != mark[1] || fgetc(file) != mark[2]) rewind(file);
}

int params_file_load(const char *path, const lms_row_params *defaults,
                     const row_request *requests, params_file *out)
{
    params_reader reader = {path, defaults, requests, out, 0, false};
    const bool is_json = ends_in(path, ".json");
    memset(out, 0, sizeof *out);
    if (!is_json && !ends_in(path, ".csv")) {
        return fail(EXIT_USAGE, "--params: is \"%s\", must end in .json or .csv", path);
    }
    FILE *const file = fopen(path, "rbe");
    if (file == NULL) {
        return fail(EXIT_INPUT, "%s: cannot open: %s", path, strerror(errno));
    }
    skip_mark(file);
    int status = EXIT_DONE;
    if (!ferror(file)) {
        status = is_json ? params_read_json(&reader, file) : params_read_csv(&reader, file);
    }
    if (status == EXIT_DONE && ferror(file)) {
        status = fail(EXIT_INPUT, "%s: cannot read: %s", path, strerror(errno));
    }
    fclose(file);
    return status;
}

int params_file_single(const lms_row_params *defaults, const row_request *requests,
                       params_file *out)
{
    params_reader reader = {"parameters", defaults, requests, out, 0, false};
    memset(out, 0, sizeof *out);
    return params_add(&reader);
}

lms_row_params params_file_row(const params_file *file, uint64_t row)
{
    const bool is_shared = file->rows == 1;
    const params_record *const record = &file->records[is_shared ? 0 : row];
    lms_row_params params = record->params;
    if (is_shared || !record->has_seed) params.seed = lms_row_seed(params.seed, row);
    return params;
}

const row_request *params_file_request(const params_file *file, uint64_t row)
{
    return &file->records[file->rows == 1 ? 0 : row].request;
}

bool params_file_needs_seed(const params_file *file)
{
    for (uint64_t i = 0; i < file->rows; i++) {
        const params_record *const record = &file->records[i];
        if (!record->has_seed && !sampling_is_greedy(&record->params)) return true;
    }
    return false;
}

void params_file_free(params_file *file)
{
    free(file->records);
    file->records = NULL;
    file->rows = 0;
}
