/* Pseudo-random numbers that are the same everywhere: SplitMix64 (Steele, Lea and Flood, "Fast splittable
 * pseudorandom number generators", OOPSLA 2014). Pure. */
#pragma once
#include <stdint.h>

struct stream {
    uint64_t state;
};

static inline uint64_t stream_next(struct stream *random)
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

/* 0…n-1, n > 0; every value as likely as any other to within n / 2^64. */
static inline uint64_t stream_below(struct stream *random, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)stream_next(random) * n) >> 64);
}

/* A stream of its own for each (seed, id, purpose): what one product is made of does not depend on how many
 * products there are, nor on what was drawn before. */
static inline struct stream stream_of(uint64_t seed, uint64_t id, uint64_t purpose)
{
    struct stream stream = {.state = seed};
    stream.state = stream_next(&stream) ^ id;
    stream.state = stream_next(&stream) ^ purpose;
    return stream;
}
