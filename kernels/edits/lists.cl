/* lists.cl - lists of tokens that records name, and the check of those on the device. */
#pragma once
#include "lms_abi.h"
#include "numeric/vectors.cl"
#include "team/team.cl"

/* All lists of a call. */
typedef struct lms_lists {
    __global const uint *offsets; /* [count + 1] */
    __global const int *ids;
    __global const float *values;
    uint count;
    ulong entries;
} lms_lists;

/* One of them. Of sequences, every one has LMS_NO_TOKEN behind it. */
typedef struct lms_list {
    __global const int *ids;
    __global const float *values; /* only where the list is one with values */
    uint count;
} lms_list;

/* The list that a record names: 1 + its number, or 0, which is an empty one. */
lms_list lms_list_named(const lms_lists *all, uint name)
{
    const uint begin = name ? all->offsets[name - 1] : 0;
    lms_list list;
    list.ids = all->ids + begin;
    list.values = all->values + begin;
    list.count = name ? all->offsets[name] - begin : 0;
    return list;
}

/* Do the offsets of a list rise, and stay within the entries? */
bool lms_has_good_offsets(const lms_lists *all, uint name)
{
    if (name == 0) return true;
    return all->offsets[name - 1] <= all->offsets[name] && all->offsets[name] <= all->entries;
}

/* What lists are, bit by bit: of sequences; with values. */
#define LMS_LIST_OF_IDS 0u
#define LMS_LIST_OF_SEQUENCES 1u
#define LMS_LIST_WITH_VALUES 2u

bool lms_is_bad_entry(const lms_list *list, uint i, uint use, uint vocab)
{
    const uint id = (uint)list->ids[i];
    const bool ends = (use & LMS_LIST_OF_SEQUENCES) && id == (uint)LMS_NO_TOKEN;
    if (id >= vocab && !ends) return true;
    if (!(use & LMS_LIST_WITH_VALUES) || ((use & LMS_LIST_OF_SEQUENCES) && !ends)) return false;
    return (as_uint(list->values[i]) & 0x7fffffffu) > 0x7f800000u;
}

/* The same of LMS_LANES entries. */
bool lms_are_bad_entries(const lms_list *list, uint i, uint use, uint vocab)
{
    const lms_uints ids = LMS_V(as_uint)(LMS_V(vload)(0, list->ids + i));
    lms_ints bad = ids >= vocab, counts = (lms_ints)(-1);
    if (use & LMS_LIST_OF_SEQUENCES) {
        counts = ids == (uint)LMS_NO_TOKEN;
        bad &= ~counts;
    }
    if (use & LMS_LIST_WITH_VALUES) {
        const lms_uints bits = LMS_V(as_uint)(LMS_V(vload)(0, list->values + i));
        bad |= ((bits & 0x7fffffffu) > 0x7f800000u) & counts;
    }
    return lms_any(bad);
}

/* Is something wrong with a list, in a work-item's own part of it? */
LMS_APART
bool lms_is_bad_list(const lms_lists *all, uint name, uint use, uint vocab, uint item)
{
    if (!lms_has_good_offsets(all, name)) return true;
    const lms_list list = lms_list_named(all, name);
    bool bad = (use & LMS_LIST_OF_SEQUENCES) && list.count > 0 &&
               list.ids[list.count - 1] != LMS_NO_TOKEN;
    for (ulong i = (ulong)item * LMS_LANES; i < list.count; i += LMS_TEAM * LMS_LANES) {
        if (i + LMS_LANES <= list.count) {
            bad |= lms_are_bad_entries(&list, (uint)i, use, vocab);
            continue;
        }
        for (uint n = (uint)i; n < list.count; ++n) {
            bad |= lms_is_bad_entry(&list, n, use, vocab);
        }
    }
    return bad;
}
