/* SPDX-License-Identifier: ISC */
/*
 * config_draft - a configuration as written: sections, keys, and what is wrong
 *
 * Reading comes first and judging later, since [defaults] may stand below what
 * it is for and a backend below who uses it. Errors are collected and told in
 * the order of the file.
 */
#ifndef CONFIG_DRAFT_H
#define CONFIG_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct draft_entry {
	unsigned line;
	char *key;
	char *value;
	size_t end;             /* of a list, once filled: where in it this line's values end */
};

/* "[kind]" or "[kind:name]". */
struct draft_section {
	unsigned line;
	char *title;            /* all between the brackets, for messages */
	char *kind;
	char *name;             /* NULL: none */
	struct draft_entry *entries;
	size_t n_entries;
};

/* An error or a warning. */
struct draft_remark {
	unsigned line;          /* 0: the file as a whole */
	char *text;
};

struct draft_remarks {
	struct draft_remark *of;
	size_t n;
};

struct draft {
	const char *path;       /* of the file, for messages; borrowed */
	struct draft_section *sections;
	size_t n_sections;
	struct draft_remarks errors;
	struct draft_remarks warnings;
	bool out_of_memory;
};

/* Reads the file; what is no section and no key becomes an error. False: it cannot be read. */
bool draft_read(struct draft *draft, FILE *file);

/* An error at a line; printf-like. */
void draft_fail(struct draft *draft, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* An error of a key: "[section] key: reason". */
void draft_fail_key(struct draft *draft, const struct draft_section *section, unsigned line,
                    const char *key, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* What is no mistake, but hardly meant: "[section] key: warning: reason", or without a key (NULL).
 */
void draft_warn(struct draft *draft, const struct draft_section *section, unsigned line,
                const char *key, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* True when there is an error at this line: what it says cannot be judged further. */
bool draft_has_failed(const struct draft *draft, unsigned line);

/* The first section of this kind, or NULL. */
const struct draft_section *draft_find_section(const struct draft *draft, const char *kind);

/* The first section of this kind and name, or NULL. */
const struct draft_section *draft_find_named(const struct draft *draft, const char *kind,
                                             const char *name);

/* The first entry of this key, or NULL. section may be NULL. */
const struct draft_entry *draft_find(const struct draft_section *section, const char *key);

/* True when text is about value: begins with it, and goes on with ": ". */
bool draft_mentions(const char *text, const char *value);

/* The first entry with a value, one of its list perhaps, that text is about; or NULL. */
const struct draft_entry *draft_find_mentioned(const struct draft_section *section,
                                               const char *text);

/* The line that value i of a list comes from, once it is filled. */
unsigned draft_line_of(const struct draft_section *section, const char *key, size_t i);

/* True when there is any error; all are written to errors, in order of lines, each once. */
bool draft_report(struct draft *draft, FILE *errors);
/* Likewise all warnings. */
void draft_report_warnings(struct draft *draft, FILE *errors);

/* Frees what it holds. */
void draft_clear(struct draft *draft);

/*
 * The candidate that is nearest to word, if it is near enough to be meant;
 * else NULL. best and its distance are carried from candidate to candidate.
 */
struct nearest {
	const char *word;
	const char *best;
	size_t distance;
};
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
