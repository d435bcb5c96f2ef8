/* pages.c - taking, sharing and giving back pages. */
#include "slots/pages.h"

#include "base/status.h"

#include <stdlib.h>
#include <string.h>

lms_status lmsi_pages_make(lmsi_pages *p, uint32_t count, uint32_t each)
{
    *p = (lmsi_pages){.count = count, .each = each, .free_count = count};
    p->free = calloc(count, sizeof *p->free);
    p->shares = calloc(count, sizeof *p->shares);
    p->serials = calloc(count, sizeof *p->serials);
    if (p->free != NULL && p->shares != NULL && p->serials != NULL) return LMS_OK;
    return lmsi_fail(LMS_E_MEMORY, "out of memory for %u pages", (unsigned)count);
}

void lmsi_pages_free(lmsi_pages *p)
{
    free(p->free);
    free(p->shares);
    free(p->serials);
}

/* Pages for so many positions. */
static uint32_t pages_for(const lmsi_pages *p, uint64_t positions)
{
    return (uint32_t)((positions + p->each - 1) / p->each);
}

uint32_t lmsi_pages_needed(const lmsi_pages *p, uint32_t length, uint32_t count)
{
    return pages_for(p, (uint64_t)length + count) - pages_for(p, length);
}

static uint32_t take(lmsi_pages *p)
{
    /* Nothing of a page, here or on the device, is touched before it is taken. */
    const uint32_t page = p->returned > 0 ? p->free[--p->returned] : p->used++;
    --p->free_count;
    p->shares[page] = 1;
    ++p->serials[page];
    return page;
}

static void drop(lmsi_pages *p, uint32_t page)
{
    if (--p->shares[page] > 0) return;
    p->free[p->returned++] = page;
    ++p->free_count;
}

void lmsi_pages_grow(lmsi_pages *p, lmsi_page_list *list, uint32_t count)
{
    const uint32_t end = pages_for(p, (uint64_t)list->length + count);
    for (uint32_t i = pages_for(p, list->length); i < end; ++i) list->pages[i] = take(p);
    list->length += count;
}

void lmsi_pages_trim(lmsi_pages *p, lmsi_page_list *list, uint32_t length)
{
    for (uint32_t i = pages_for(p, list->length); i > pages_for(p, length); --i) {
        drop(p, list->pages[i - 1]);
    }
    list->length = length;
}

void lmsi_pages_share(lmsi_pages *p, const lmsi_page_list *from, lmsi_page_list *to)
{
    const uint32_t whole = from->length / p->each;
    memcpy(to->pages, from->pages, whole * sizeof *to->pages);
    for (uint32_t i = 0; i < whole; ++i) ++p->shares[to->pages[i]];
    to->length = whole * p->each;
}

lmsi_span lmsi_pages_span(const lmsi_pages *p, const lmsi_page_list *list, uint32_t at)
{
    const uint32_t first = at % p->each, room = p->each - first, left = list->length - at;
    return (lmsi_span){list->pages[at / p->each], first, left < room ? left : room};
}
