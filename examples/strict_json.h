/* json-c, without what it lets pass beyond the standard and with limits for hostile files. */
#ifndef LM_STRICT_JSON_H
#define LM_STRICT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

/* One value and nothing after it, of at most 16 MiB and nested at most 32 deep; an object has
 * no key twice. NULL on failure, with a reason in error, such as "unexpected character at byte
 * 7". Freed with json_object_put. (null, which is NULL too, is a failure here.) */
struct json_object *strict_json_parse(const char *text, size_t size, char *error,
                                      size_t error_size);

/* A member by its name, or NULL, also when `object` is none. */
struct json_object *strict_json_member(const struct json_object *object, const char *key);

/* The string's text, or NULL when `value` is none or has a zero byte in it. */
const char *strict_json_string(struct json_object *value);

/* A number written as a whole one, from 0 to limit. */
bool strict_json_whole(const struct json_object *value, uint64_t limit, uint64_t *out);

#endif
