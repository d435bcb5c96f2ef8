#include "slots/pages.h"

#include "base/status.h"

#include <stdlib.h>

lms_status lmsi_pages_make(lmsi_pages *p, uint32_t count)
{
    lms_status status = LMS_OK;
    p->count = count;
    p->free_count = count;
    p->used = 0;
    p->returned = 0;
    p->free = calloc(count, sizeof *p->free);
    p->shares = calloc(count, sizeof *p->shares);
    p->serials = calloc(count, sizeof *p->serials);
    LMSI_FAIL_IF(p->free == NULL || p->shares == NULL || p->serials == NULL, LMS_E_MEMORY,
                 "out of memory for %u pages", (unsigned)count);
    return LMS_OK;

fail:
    lmsi_pages_free(p);
    return status;
}

void lmsi_pages_free(lmsi_pages *p)
{
    free(p->free);
    free(p->shares);
    free(p->serials);
    p->free = NULL;
    p->shares = NULL;
    p->serials = NULL;
}

uint32_t lmsi_page_take(lmsi_pages *p)
{
    /* Nothing of a page, here or on the device, is touched before it is taken. */
    const uint32_t page = p->returned > 0 ? p->free[--p->returned] : p->used++;
    --p->free_count;
    p->shares[page] = 1;
    ++p->serials[page];
    return page;
}

void lmsi_page_share(lmsi_pages *p, uint32_t page) { ++p->shares[page]; }

void lmsi_page_drop(lmsi_pages *p, uint32_t page)
{
    if (--p->shares[page] > 0) return;
    p->free[p->returned++] = page;
    ++p->free_count;
}

uint32_t lmsi_pages_for(uint64_t positions)
{
    return (uint32_t)((positions + LMS_CONTEXT_PAGE - 1) / LMS_CONTEXT_PAGE);
}
