#include "json_members.h"

#include <string.h>

static const char *skip_blanks(const char *c) { return c + strspn(c, " \t\r\n"); }

/* Behind the text that begins here. */
static const char *skip_text(const char *c)
{
    for (c++; *c != '"'; c++) {
        if (*c == '\\') c++;
    }
    return c + 1;
}

static const char *skip_value(const char *c)
{
    size_t depth = 0;
    do {
        if (*c == '"') {
            c = skip_text(c);
            continue;
        }
        if (*c == '{' || *c == '[') depth++;
        if (*c == '}' || *c == ']') depth--;
        c++;
        if (depth == 0) c += strcspn(c, ",]} \t\r\n"); /* of a number or a word */
    } while (depth > 0);
    return c;
}

bool json_next_member(const char **place, json_member *member)
{
    const char *c = skip_blanks(*place);
    if (*c == '{' || *c == ',') c = skip_blanks(c + 1);
    *place = c;
    if (*c != '"') return false;
    member->name = c;
    c = skip_text(c);
    member->name_size = (size_t)(c - member->name);
    c = skip_blanks(c);
    member->value = skip_blanks(c + 1); /* the colon */
    *place = skip_value(member->value);
    member->value_size = (size_t)(*place - member->value);
    return true;
}

json_object *json_piece(const char *text, size_t size)
{
    json_object *piece = NULL;
    json_tokener *const tokener = json_tokener_new();
    if (tokener == NULL) return NULL;
    piece = json_tokener_parse_ex(tokener, text, (int)size);
    /* A number goes on until something else comes. */
    if (json_tokener_get_error(tokener) == json_tokener_continue) {
        piece = json_tokener_parse_ex(tokener, " ", 1);
    }
    json_tokener_free(tokener);
    return piece;
}

static bool is_named(const json_member *member, const char *name)
{
    const size_t length = strlen(name);
    if (memchr(member->name, '\\', member->name_size) == NULL) {
        return member->name_size == length + 2 && memcmp(member->name + 1, name, length) == 0;
    }
    json_object *const text = json_piece(member->name, member->name_size);
    const bool found = text != NULL && strcmp(json_object_get_string(text), name) == 0;
    json_object_put(text);
    return found;
}

const char *json_find_member(const char *object, const char *name)
{
    const char *found = NULL;
    json_member member;
    while (json_next_member(&object, &member)) {
        if (is_named(&member, name)) found = member.value;
    }
    return found;
}
