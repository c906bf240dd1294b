/* SPDX-License-Identifier: ISC */
/* cgroup - what our control group may have; cgroups(7), of either version */
#ifndef CGROUP_H
#define CGROUP_H

#include <stdint.h>

/*
 * Bytes of memory: the least that it or one above it is limited to. UINT64_MAX:
 * as much as there is. root is "", or a folder that stands for "/" in a test.
 */
uint64_t cgroup_memory(const char *root);

#endif
