#include "slots_model.h"

#include <stdlib.h>
#include <string.h>

static uint32_t pages_of(uint32_t tokens)
{
    return (tokens + LMS_SLOT_PAGE - 1) / LMS_SLOT_PAGE;
}

uint32_t model_lacking(const model_sequence *q, uint32_t more)
{
    const uint32_t pages = pages_of(q->most + more);
    return pages > q->pages ? pages - q->pages : 0;
}

uint32_t model_used(const model *m)
{
    uint32_t pages = 0;
    for (unsigned i = 0; i < MODEL_SLOTS; ++i) {
        if (m->sequences[i].name != 0) pages += m->sequences[i].pages;
    }
    return pages;
}

static uint32_t find(const model_distinct *all, uint32_t count, int32_t token)
{
    uint32_t i = 0;
    while (i < count && all[i].token != token) ++i;
    return i;
}

uint32_t model_distincts(const model_sequence *q, model_distinct out[MODEL_LENGTH])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < q->length; ++i) {
        const uint32_t entry = find(out, count, q->tokens[i]);
        if (entry == count) out[count++] = (model_distinct){q->tokens[i], false, 0, 0};
        if (i < q->prompt) out[entry].in_prompt = true;
        if (i >= q->ignored && i < q->prompt) ++out[entry].prompt_count;
        if (i >= q->prompt) ++out[entry].output_count;
    }
    return count;
}

uint32_t model_entry(const model_sequence *q, const model_distinct *all, uint32_t count,
                     uint32_t position)
{
    return find(all, count, q->tokens[position]);
}

static void add(const model *m, model_sequence *q, int32_t token)
{
    if (token >= 0 && (uint32_t)token < m->vocab) q->tokens[q->length++] = token;
}

void model_open(const model *m, model_sequence *q, uint64_t name, const int32_t *tokens,
                uint32_t length, uint32_t prompt, uint32_t ignored)
{
    *q = (model_sequence){.name = name, .most = length, .most_prompt = prompt};
    q->pages = pages_of(length);
    for (uint32_t i = 0; i < length; ++i) {
        add(m, q, tokens[i]);
        if (i < prompt) q->prompt = q->length;
        if (i < ignored) q->ignored = q->length;
    }
}

void model_append(const model *m, model_sequence *q, const int32_t *tokens, uint32_t count)
{
    q->pages += model_lacking(q, count);
    q->most += count;
    for (uint32_t i = 0; i < count; ++i) add(m, q, tokens[i]);
}

void model_roll_back(model_sequence *q, uint32_t length)
{
    if (length < q->most) q->most = length;
    if (length < q->length) q->length = length;
}

void model_fork(const model_sequence *from, model_sequence *to, uint64_t name)
{
    *to = *from;
    to->name = name;
    to->pages = pages_of(to->most);
}

void model_reorder(model *m, const uint32_t *slots, const int32_t *parents, uint32_t count)
{
    model_sequence *const before = malloc(count * sizeof *before);
    uint32_t most = 0, most_prompt = 0;
    for (uint32_t i = 0; i < count; ++i) {
        before[i] = m->sequences[slots[i]];
        if (before[i].most > most) most = before[i].most;
        if (before[i].most_prompt > most_prompt) most_prompt = before[i].most_prompt;
    }
    for (uint32_t i = 0; i < count; ++i) {
        model_sequence *const q = &m->sequences[slots[i]];
        const uint64_t name = q->name;
        if (parents[i] >= 0 && (uint32_t)parents[i] < count) *q = before[parents[i]];
        q->name = name;
        q->most = most;
        q->most_prompt = most_prompt;
        q->pages = pages_of(most);
    }
    free(before);
}

void model_close(model_sequence *q) { memset(q, 0, sizeof *q); }
