/* SPDX-License-Identifier: ISC */
#include "histogram.h"

#include <stddef.h>

enum { HISTOGRAM_BITS = 6 }; /* 2^6 steps */

_Static_assert(1 << HISTOGRAM_BITS == HISTOGRAM_STEPS, "steps are a power of two");

/* How many bits beyond the first seven a value has, and they are forgotten. */
static unsigned histogram_octave(uint64_t value)
{
	if (value < (uint64_t)2 * HISTOGRAM_STEPS)
		return 0;
	return 63U - HISTOGRAM_BITS - (unsigned)__builtin_clzll(value);
}

static size_t histogram_bucket(uint64_t value)
{
	unsigned octave = histogram_octave(value);

	return (size_t)octave * HISTOGRAM_STEPS + (value >> octave);
}

/* The largest value that falls into it. */
static uint64_t histogram_value(size_t bucket)
{
	size_t octave = bucket < 2 * HISTOGRAM_STEPS ? 0 : bucket / HISTOGRAM_STEPS - 1;

	return ((bucket - octave * HISTOGRAM_STEPS + 1) << octave) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->n++;
	histogram->buckets[histogram_bucket(value)]++;
	if (value > histogram->most)
		histogram->most = value;
}

uint64_t histogram_at(const struct histogram *histogram, unsigned per_mille)
{
	uint64_t rank = (histogram->n * per_mille + 999) / 1000;
	uint64_t seen = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (rank > 0 && seen >= rank)
			return histogram_value(i);
	}
	return histogram->most;
}
