/* SPDX-License-Identifier: ISC */
/*
 * histogram - how long things took, in any number and little room
 *
 * Each power of two is divided into 64 steps, so that an answer is at most
 * 1.6 % more than the truth, whatever the magnitude.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_STEPS = 64,
	HISTOGRAM_BUCKETS = 60 * HISTOGRAM_STEPS,
};

struct histogram {
	uint64_t n, most;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);
/* The value that per_mille of them do not exceed; 0 if there are none. */
uint64_t histogram_at(const struct histogram *histogram, unsigned per_mille);

#endif
