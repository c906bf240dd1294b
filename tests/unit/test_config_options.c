/* SPDX-License-Identifier: ISC */
/*
 * The table of options against everything that repeats it: the sample file, the
 * manual and the examples. None may name a key that is not there, or forget
 * one, or give another default.
 */
#include "config_options.h"

#include <ctype.h>
#include <dirent.h>
#include <string.h>

#include "suite.h"

enum { TEXT_ROOM = 1 << 16 };

static const char sample_path[] = ADIEU_SOURCE_ROOT "/conf/adieu.ini";
static const char manual_path[] = ADIEU_SOURCE_ROOT "/man/adieu.ini.5";
static const char examples_path[] = ADIEU_SOURCE_ROOT "/conf/examples";

static char *read_whole(const char *path)
{
	char *text = calloc(1, TEXT_ROOM);
	FILE *file = fopen(path, "r");

	ck_assert_msg(file != NULL, "%s", path);
	ck_assert_uint_lt(fread(text, 1, TEXT_ROOM - 1, file), TEXT_ROOM - 1);
	(void)fclose(file);
	return text;
}

/* A file has a dot in its name, a folder has none. */
static const char *stand_in_for(const char *path, size_t len)
{
	return memchr(path, '.', len) != NULL ? "/dev/null" : "/dev";
}

/* Loads it with every file and folder under /etc replaced by one that is there. */
static void expect_loads(const char *path, const char *text)
{
	char *real = calloc(1, TEXT_ROOM);
	char *said;
	size_t said_len;
	FILE *errors = open_memstream(&said, &said_len);
	const char *etc;
	struct config *config;
	FILE *file;

	while ((etc = strstr(text, " /etc/")) != NULL) {
		size_t len = strcspn(etc + 1, ", \n");

		(void)strncat(real, text, (size_t)(etc + 1 - text));
		(void)strcat(real, stand_in_for(etc + 1, len));
		text = etc + 1 + len;
	}
	(void)strcat(real, text);
	file = fmemopen(real, strlen(real), "r");
	config = config_read(file, path, errors);
	(void)fclose(file);
	(void)fclose(errors);
	ck_assert_msg(config != NULL, "%s", said);
	config_free(config);
	free(said);
	free(real);
}

/* ---- the table ---- */

START_TEST(keys_are_unique)
{
	for (size_t i = 0; i < n_option_rows; i++)
		ck_assert_ptr_eq(option_find(option_rows[i].key.section, option_rows[i].key.key),
		                 &option_rows[i]);
}
END_TEST

START_TEST(the_list_of_keys_is_the_table)
{
	const struct config_key *keys = config_keys();

	for (size_t i = 0; i < n_option_rows; i++) {
		ck_assert_str_eq(keys[i].section, option_rows[i].key.section);
		ck_assert_str_eq(keys[i].key, option_rows[i].key.key);
	}
	ck_assert_ptr_null(keys[n_option_rows].section);
}
END_TEST

START_TEST(a_key_of_defaults_is_one_of_listeners)
{
	ck_assert_ptr_eq(option_find("defaults", "close"), option_find("listener", "close"));
	ck_assert_ptr_null(option_find("defaults", "bind"));
	ck_assert_ptr_null(option_find("backend", "bind"));
}
END_TEST

/* ---- conf/adieu.ini ---- */

/* Cuts "key = value ; comment", or "#key = ...", into its parts. False: no key. */
static bool take_apart(char *line, char **key, char **value, const char **comment)
{
	char *equals = strstr(line, " = ");

	*key = *line == '#' ? line + 1 : line;
	if (!islower((unsigned char)**key) || equals == NULL)
		return false;
	*equals = '\0';
	*value = equals + 3;
	*comment = "";
	for (char *at = *value; *at != '\0'; at++) {
		if (*at == ';' && at[-1] == ' ') {
			*comment = at + 1;
			*at = '\0';
		}
	}
	for (size_t len = strlen(*value); len > 0 && (*value)[len - 1] == ' '; len--)
		(*value)[len - 1] = '\0';
	return true;
}

/* What is commented out stands at its default, other values and examples name theirs. */
static void expect_default(const struct option_row *row, bool commented, const char *value,
                           const char *comment)
{
	const char *fallback = row->key.fallback;
	bool example = strncmp(comment, " e.g.;", 6) == 0;
	char named[64];

	if (fallback == NULL) {
		ck_assert_msg(!commented || example, "%s", row->key.key);
		return;
	}
	(void)snprintf(named, sizeof(named), "default: %s", fallback);
	ck_assert_msg(commented && !example ? strcmp(value, fallback) == 0
	                                    : strstr(comment, named) != NULL,
	              "%s = %s", row->key.key, value);
}

START_TEST(the_sample_names_every_key_once_with_its_default)
{
	char *text = read_whole(sample_path);
	const char *section = "";
	unsigned seen[128] = { 0 };
	char *rest = text;
	char *line;

	ck_assert_uint_lt(n_option_rows, 128);
	while ((line = strsep(&rest, "\n")) != NULL) {
		bool commented = *line == '#';
		const struct option_row *row;
		const char *comment;
		char *value;
		char *key;

		if (line[commented] == '[') {
			section = line + commented + 1;
			line[strcspn(line, ":]")] = '\0';
		} else if (take_apart(line, &key, &value, &comment)) {
			row = option_find(section, key);
			ck_assert_msg(row != NULL, "[%s] %s", section, key);
			expect_default(row, commented, value, comment);
			seen[row - option_rows]++;
		}
	}
	for (size_t i = 0; i < n_option_rows; i++)
		ck_assert_msg(seen[i] == 1, "%s: %u times", option_rows[i].key.key, seen[i]);
	free(text);
}
END_TEST

START_TEST(the_sample_loads)
{
	char *text = read_whole(sample_path);

	expect_loads(sample_path, text);
	free(text);
}
END_TEST

START_TEST(the_sample_loads_with_all_that_is_commented_out)
{
	char *text = read_whole(sample_path);

	for (char *at = text; *at != '\0'; at++)
		if (*at == '#' && (islower((unsigned char)at[1]) || at[1] == '[') &&
		    (at == text || at[-1] == '\n'))
			*at = ' ';
	expect_loads(sample_path, text);
	free(text);
}
END_TEST

START_TEST(the_examples_load)
{
	DIR *folder = opendir(examples_path);
	const struct dirent *entry;
	unsigned n = 0;

	ck_assert_ptr_nonnull(folder);
	while ((entry = readdir(folder)) != NULL) {
		char path[sizeof(examples_path) + sizeof(entry->d_name)];
		char *text;

		if (*entry->d_name == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", examples_path, entry->d_name);
		text = read_whole(path);
		expect_loads(path, text);
		free(text);
		n++;
	}
	(void)closedir(folder);
	ck_assert_uint_ge(n, 6);
}
END_TEST

/* ---- adieu.ini(5) ---- */

/* The text of a key, or NULL; the caller frees it. */
static char *manual_item(const char *text, const struct config_key *key)
{
	char heading[32];
	char item[64];
	const char *from;
	const char *to;

	(void)snprintf(heading, sizeof(heading), "\n.Sh %sS\n", key->section);
	if (strcmp(key->section, "global") == 0)
		(void)snprintf(heading, sizeof(heading), "\n.Sh GLOBAL\n");
	for (char *at = heading + 5; *at != '\0'; at++)
		*at = (char)toupper((unsigned char)*at);
	(void)snprintf(item, sizeof(item), "\n.It Ic %s Ns = Ns ", key->key);
	text = strstr(text, heading);
	from = text != NULL ? strstr(text + 1, item) : NULL;
	if (from == NULL || from > strstr(text + 1, "\n.Sh "))
		return NULL;
	to = strstr(from + 1, "\n.It ");
	if (to == NULL || to > strstr(from, "\n.El\n"))
		to = strstr(from, "\n.El\n");
	return strndup(from, (size_t)(to - from) + 1);
}

START_TEST(the_manual_names_every_key_with_its_default)
{
	char *text = read_whole(manual_path);

	for (const struct config_key *key = config_keys(); key->section != NULL; key++) {
		char *item = manual_item(text, key);
		char said[128];

		ck_assert_msg(item != NULL, "[%s] %s", key->section, key->key);
		if (key->fallback != NULL) {
			(void)snprintf(said, sizeof(said), "\nDefault: %s.\n", key->fallback);
			ck_assert_msg(strstr(item, said) != NULL, "%s: %s", key->key, said);
		} else {
			ck_assert_msg(strstr(item, "Required") != NULL ||
			                      strstr(item, "Without it") != NULL,
			              "%s: nothing is said of its absence", key->key);
		}
		free(item);
	}
	free(text);
}
END_TEST

START_TEST(the_manual_names_no_other_key)
{
	static const char item[] = ".It Ic ";
	char *text = read_whole(manual_path);
	size_t n = 0;

	for (const char *at = strstr(text, item); at != NULL; at = strstr(at + 1, item))
		n++;
	ck_assert_uint_eq(n, n_option_rows);
	free(text);
}
END_TEST

START_TEST(the_manual_tells_what_may_stand_in_defaults)
{
	char *text = read_whole(manual_path);
	const char *below = strstr(text, "The following may also stand in");

	ck_assert_ptr_nonnull(below);
	for (const struct config_key *key = config_keys(); key->section != NULL; key++) {
		char *item;

		if (strcmp(key->section, "listener") != 0)
			continue;
		item = manual_item(text, key);
		ck_assert_msg((strstr(text, item) > below) == key->in_defaults, "%s", key->key);
		free(item);
	}
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_options");
	TCase *table = tcase_create("table");
	TCase *documents = tcase_create("documents");

	tcase_add_test(table, keys_are_unique);
	tcase_add_test(table, the_list_of_keys_is_the_table);
	tcase_add_test(table, a_key_of_defaults_is_one_of_listeners);
	suite_add_tcase(suite, table);

	tcase_add_test(documents, the_sample_names_every_key_once_with_its_default);
	tcase_add_test(documents, the_sample_loads);
	tcase_add_test(documents, the_sample_loads_with_all_that_is_commented_out);
	tcase_add_test(documents, the_examples_load);
	tcase_add_test(documents, the_manual_names_every_key_with_its_default);
	tcase_add_test(documents, the_manual_names_no_other_key);
	tcase_add_test(documents, the_manual_tells_what_may_stand_in_defaults);
	suite_add_tcase(suite, documents);
	return suite_run(suite);
}
