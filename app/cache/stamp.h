/* A stamp orders everything that a replica knows by when it was true in Postgres.
 *
 * Within one life of Postgres (an era) snapshots form a chain, ordered by
 * V = xmax − number of running transactions below xmax. A stamp puts the replica's own count of eras in front of
 * it, so that one comparison says "newer", and what an earlier era left behind never refuses anything of a later
 * one. Stamps are local to a replica; outside it `<era>.<V>` is shown.
 * 48 bits hold V for 800 years of 10,000 transactions a second; 16 bits hold an era a minute for 45 days, and a
 * replica that has seen more than that ends itself (see stamp_make). */
#pragma once
#include "base/error.h"
#include <stdint.h>

typedef uint64_t stamp;

enum { STAMP_VERSION_BITS = 48, STAMP_ERAS = 1 << 16 };

static inline stamp stamp_make(uint32_t era_index, uint64_t version)
{
    ENSURE(era_index < STAMP_ERAS && version < (UINT64_C(1) << STAMP_VERSION_BITS));
    return (uint64_t)era_index << STAMP_VERSION_BITS | version;
}
static inline uint64_t stamp_version(stamp s)
{
    return s & ((UINT64_C(1) << STAMP_VERSION_BITS) - 1);
}
static inline uint32_t stamp_era_index(stamp s)
{
    return (uint32_t)(s >> STAMP_VERSION_BITS);
}
