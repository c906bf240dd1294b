/* SPDX-License-Identifier: ISC */
#include "account.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

bool account_add(struct account *account, pid_t pid)
{
	if (account->n == ACCOUNT_PROCESSES ||
	    clock_getcpuclockid(pid, &account->clocks[account->n]) != 0)
		return false;
	account->n++;
	return true;
}

uint64_t account_read(const struct account *account)
{
	uint64_t total = 0;
	struct timespec used;

	for (int i = 0; i < account->n; i++) {
		if (clock_gettime(account->clocks[i], &used) < 0) {
			perror("a process that was to be accounted for");
			exit(EXIT_FAILURE);
		}
		total += (uint64_t)used.tv_sec * 1000000000U + (uint64_t)used.tv_nsec;
	}
	return total;
}
