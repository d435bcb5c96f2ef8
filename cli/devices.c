/* devices.c - `lmsample devices`: what is there, and what lmsample can use of it. */
#include "command.h"
#include "message.h"
#include "output.h"
#include "self_test.h"
#include "utf8.h"

#include <json-c/json.h>
#include <lmsample.h>

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_BYTES = 4 * 128, /* a text of lms_device, cleaned */
    LARGE_VOCAB = 128256  /* Llama 3's, as an example of a large one */
};

typedef struct device_wishes {
    bool json;
    bool names;
    bool test;
} device_wishes;

typedef struct device_found {
    lms_device facts;
    self_test tests[SELF_TEST_TYPES];
    bool is_tested;
} device_found;

/* --- Facts ------------------------------------------------------------------------------ */

/* A driver's text may hold anything, and may be cut within a character. */
static const char *clean(const char *text, char out[TEXT_BYTES])
{
    size_t used = 0, left = strlen(text);
    while (left > 0 && used + 5 < TEXT_BYTES) {
        const unsigned char first = (unsigned char)*text;
        bool is_valid = false;
        const size_t bytes = utf8_next(text, left, true, &is_valid);
        if (is_valid && first >= 0x20 && first != 0x7f) {
            memcpy(out + used, text, bytes);
            used += bytes;
        } else {
            out[used++] = isspace(first) ? ' ' : '?';
        }
        text += bytes;
        left -= bytes;
    }
    while (used > 0 && out[used - 1] == ' ') used--;
    out[used] = '\0';
    return out;
}

static const char *type_name(cl_device_type type)
{
    if (type & CL_DEVICE_TYPE_GPU) return "GPU";
    if (type & CL_DEVICE_TYPE_CPU) return "CPU";
    if (type & CL_DEVICE_TYPE_ACCELERATOR) return "accelerator";
    return "other";
}

static bool is_usable(const device_found *device) { return device->facts.problem[0] == '\0'; }

static bool is_failed(const device_found *device)
{
    for (int i = 0; device->is_tested && i < SELF_TEST_TYPES; i++) {
        if (device->tests[i].problem[0] != '\0') return true;
    }
    return false;
}

static uint64_t rows_of(const device_found *device, size_t item)
{
    return device->facts.max_alloc_bytes / (LARGE_VOCAB * item);
}

static int find_devices(device_found **found, uint32_t *count)
{
    lms_device *all = NULL;
    uint32_t there = 0;
    *found = NULL;
    *count = 0;
    lms_status status = lms_devices(NULL, 0, &there);
    if (status == LMS_OK && there > 0) {
        all = calloc(there, sizeof *all);
        *found = calloc(there, sizeof **found);
        if (all == NULL || *found == NULL) {
            free(all);
            return fail_memory("the list of devices");
        }
        status = lms_devices(all, there, count);
    }
    if (status != LMS_OK) {
        free(all);
        return fail_library("the list of devices", status);
    }
    if (*count > there) *count = there; /* one more since it was counted */
    for (uint32_t i = 0; i < *count; i++) (*found)[i].facts = all[i];
    free(all);
    return EXIT_DONE;
}

/* --- Lines ------------------------------------------------------------------------------ */

static void print_bytes(output *out, uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes / 1024;
    size_t unit = 0;
    while (value >= 1000 && unit < 3) {
        value /= 1024;
        unit++;
    }
    output_print(out, "%.*f %s", value < 100 ? 1 : 0, value, units[unit]);
}

static void print_test(output *out, const self_test *test)
{
    char problem[TEXT_BYTES];
    if (test->problem[0] != '\0') {
        output_print(out, "  %-9s FAILED: %s\n", test->type, clean(test->problem, problem));
    } else {
        output_print(out,
                     "  %-9s ok, ready after %.2f s, again after %.2f s; %d known rows in "
                     "%.2f ms when warm\n",
                     test->type, test->start_seconds, test->again_seconds, SELF_TEST_ROWS,
                     1e3 * test->sample_seconds);
    }
}

static void print_facts(output *out, const device_found *device)
{
    const lms_device *const facts = &device->facts;
    char platform[TEXT_BYTES], name[TEXT_BYTES], version[TEXT_BYTES], driver[TEXT_BYTES];
    output_print(out, "%s: %s\n", clean(facts->platform, platform), clean(facts->name, name));
    output_print(out, "  type      %s, %u compute unit%s\n", type_name(facts->type),
                 (unsigned)facts->compute_units, facts->compute_units == 1 ? "" : "s");
    output_print(out, "  version   %s, driver %s\n", clean(facts->version, version),
                 clean(facts->driver, driver));
    output_print(out, "  memory    ");
    print_bytes(out, facts->memory_bytes);
    output_print(out, ", %s; largest buffer ",
                 facts->unified ? "shared with the host" : "its own: logits are copied to it");
    print_bytes(out, facts->max_alloc_bytes);
    output_print(out, "\n  at once   %llu rows of %d float32 logits, or %llu of 16 bits\n",
                 (unsigned long long)rows_of(device, 4), LARGE_VOCAB,
                 (unsigned long long)rows_of(device, 2));
    if (is_usable(device)) {
        output_print(out, "  usable    yes%s\n",
                     facts->chosen ? "; taken if no --device is given" : "");
    } else {
        output_print(out, "  usable    no: %s\n", clean(facts->problem, name));
    }
}

static void test_device(device_found *device)
{
    if (!is_usable(device)) return;
    self_test_run(&device->facts, device->tests);
    device->is_tested = true;
}

/* A device's facts are there before its test, which some compilers do not end. */
static void print_table(output *out, device_found *devices, uint32_t count, bool with_test)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) output_print(out, "\n");
        print_facts(out, &devices[i]);
        if (!with_test) continue;
        output_flush(out);
        test_device(&devices[i]);
        for (int type = 0; devices[i].is_tested && type < SELF_TEST_TYPES; type++) {
            print_test(out, &devices[i].tests[type]);
        }
    }
}

/* As the library compares them with --device: unchanged. */
static void print_names(output *out, const device_found *devices, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        output_print(out, "%s: %s\n", devices[i].facts.platform, devices[i].facts.name);
    }
}

/* --- JSON ------------------------------------------------------------------------------- */

static void add_text(json_object *to, const char *key, const char *text)
{
    char cleaned[TEXT_BYTES];
    json_object_object_add(to, key, json_object_new_string(clean(text, cleaned)));
}

/* null where there is none */
static void add_problem(json_object *to, const char *problem)
{
    if (problem[0] != '\0') {
        add_text(to, "problem", problem);
    } else {
        json_object_object_add(to, "problem", NULL);
    }
}

static void add_number(json_object *to, const char *key, uint64_t number)
{
    json_object_object_add(to, key, json_object_new_uint64(number));
}

static void add_flag(json_object *to, const char *key, bool flag)
{
    json_object_object_add(to, key, json_object_new_boolean(flag));
}

static void add_seconds(json_object *to, const char *key, double seconds)
{
    char text[32];
    snprintf(text, sizeof text, "%.6f", seconds);
    json_object_object_add(to, key, json_object_new_double_s(seconds, text));
}

static json_object *describe_test(const self_test *test)
{
    json_object *const object = json_object_new_object();
    add_text(object, "logits", test->type);
    add_flag(object, "ok", test->problem[0] == '\0');
    add_problem(object, test->problem);
    add_seconds(object, "start_seconds", test->start_seconds);
    add_seconds(object, "again_seconds", test->again_seconds);
    add_seconds(object, "sample_seconds", test->sample_seconds);
    return object;
}

static json_object *describe_device(const device_found *device)
{
    const lms_device *const facts = &device->facts;
    json_object *const object = json_object_new_object();
    add_text(object, "platform", facts->platform);
    add_text(object, "name", facts->name);
    add_text(object, "type", type_name(facts->type));
    add_text(object, "version", facts->version);
    add_text(object, "driver", facts->driver);
    add_number(object, "compute_units", facts->compute_units);
    add_number(object, "memory_bytes", facts->memory_bytes);
    add_number(object, "max_alloc_bytes", facts->max_alloc_bytes);
    add_flag(object, "shares_memory", facts->unified != 0);
    add_number(object, "rows_of_128256_float32", rows_of(device, 4));
    add_number(object, "rows_of_128256_float16", rows_of(device, 2));
    add_flag(object, "usable", is_usable(device));
    add_flag(object, "default", facts->chosen != 0);
    add_problem(object, facts->problem);
    if (device->is_tested) {
        json_object *const tests = json_object_new_array();
        for (int i = 0; i < SELF_TEST_TYPES; i++) {
            json_object_array_add(tests, describe_test(&device->tests[i]));
        }
        json_object_object_add(object, "tests", tests);
    }
    return object;
}

static int print_json(output *out, device_found *devices, uint32_t count, bool with_test)
{
    json_object *const array = json_object_new_array();
    for (uint32_t i = 0; i < count; i++) {
        if (with_test) test_device(&devices[i]);
        json_object_array_add(array, describe_device(&devices[i]));
    }
    const int format = count > 0 ? JSON_C_TO_STRING_PRETTY : JSON_C_TO_STRING_PLAIN;
    const char *const text =
        json_object_to_json_string_ext(array, format | JSON_C_TO_STRING_NOSLASHESCAPE);
    const int status = text == NULL ? fail_memory("JSON") : output_print(out, "%s\n", text);
    json_object_put(array);
    return status;
}

/* --- The command ------------------------------------------------------------------------ */

static int print_all(const device_wishes *wishes, device_found *devices, uint32_t count)
{
    output *out = NULL;
    int status = output_open("-", &out);
    if (status != EXIT_DONE) return status;
    if (wishes->json) {
        status = print_json(out, devices, count, wishes->test);
        if (status != EXIT_DONE) {
            output_discard(out);
            return status;
        }
    } else if (wishes->names) {
        print_names(out, devices, count);
    } else {
        print_table(out, devices, count, wishes->test);
    }
    return output_commit(out);
}

/* Success means that lmsample can work here. */
static int judge(const device_found *devices, uint32_t count)
{
    uint32_t usable = 0, failed = 0;
    for (uint32_t i = 0; i < count; i++) {
        usable += is_usable(&devices[i]);
        failed += is_failed(&devices[i]);
    }
    if (count == 0) return fail(EXIT_DEVICE, "%s", lms_error_message());
    if (usable == 0) {
        return fail(EXIT_DEVICE, "none of the OpenCL devices (%u) can be used",
                    (unsigned)count);
    }
    if (failed > 0) {
        return fail(EXIT_DEVICE, "%u of the OpenCL devices (%u) failed the test",
                    (unsigned)failed, (unsigned)count);
    }
    return EXIT_DONE;
}

/* clang-format off: laid out by hand */
static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "Print a JSON array of objects", 0},
    {"names", 'n', NULL, 0, "Print only \"platform: device\", one a line", 0},
    {"test", 'T', NULL, 0,
     "Build the kernels on every device, and sample a few rows whose tokens are known", 0},
    {0}};
/* clang-format on */

static error_t parse(int key, char *value, struct argp_state *state)
{
    device_wishes *const wishes = state->input;
    switch (key) {
    case 'j': wishes->json = true; return 0;
    case 'n': wishes->names = true; return 0;
    case 'T': wishes->test = true; return 0;
    case ARGP_KEY_ARG: exit(fail(EXIT_USAGE, "takes no argument, has \"%s\"", value));
    case ARGP_KEY_END:
        if (wishes->names && (wishes->json || wishes->test)) {
            exit(fail(EXIT_USAGE, "--names: goes with neither --json nor --test"));
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse,
    NULL,
    "Lists the OpenCL devices and what lmsample can use of each.\v"
    "The exit status is 4 if there is no device that can be used, or if one fails the test.",
    NULL,
    NULL,
    NULL};

static int run(int argc, char **argv)
{
    device_wishes wishes = {false, false, false};
    device_found *devices = NULL;
    uint32_t count = 0;
    const int parsed = command_parse(&argp, argc, argv, &wishes);
    if (parsed != EXIT_DONE) return parsed;
    int status = find_devices(&devices, &count);
    if (status == EXIT_DONE) status = print_all(&wishes, devices, count);
    if (status == EXIT_DONE) status = judge(devices, count);
    free(devices);
    return status;
}

const command devices_command = {"devices", "List the OpenCL devices, and test them", &argp,
                                 run};
