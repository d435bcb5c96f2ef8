/* json_members.h - the members of an object in the text of a JSON file that json-c has taken:
 * all of them, in their order. json-c keeps the last of two with one name, and cuts a name at
 * its first zero character. */
#ifndef CLI_JSON_MEMBERS_H
#define CLI_JSON_MEMBERS_H

#include <json-c/json.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct json_member {
    const char *name; /* with its quotation marks, as it is written */
    size_t name_size;
    const char *value;
    size_t value_size;
} json_member;

/* `*place` is an object's brace, or where the last call left it. False after the last
 * member. */
bool json_next_member(const char **place, json_member *member);

/* The value of the last member of that name, or NULL. */
const char *json_find_member(const char *object, const char *name);

/* A piece of the text, such as a name, by itself. NULL without memory, and for null. */
json_object *json_piece(const char *text, size_t size);

#endif
