/* SPDX-License-Identifier: ISC */
/* So many lines of one kind a second: the rest is a number. */
#include "log.h"

bool log_limit_pass(struct log_limit *limit, uint64_t now, uint32_t burst)
{
	if (limit->second != now / 1000) {
		limit->second = now / 1000;
		limit->passed = 0;
	}
	if (limit->passed < burst) {
		limit->passed++;
		return true;
	}
	limit->suppressed++;
	return false;
}

uint32_t log_limit_take(struct log_limit *limit)
{
	uint32_t suppressed = limit->suppressed;

	limit->suppressed = 0;
	return suppressed;
}
