/* SPDX-License-Identifier: ISC */
#include "log_reader.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

/* Where the value begins, in either format; NULL: no such key. */
static const char *log_reader_find(const char *line, const char *key)
{
	char json[80];
	size_t len = strlen(key);
	const char *found;

	if (line[0] == '{') {
		(void)snprintf(json, sizeof(json), "\"%s\":", key);
		found = strstr(line, json);
		return found != NULL ? found + strlen(json) : NULL;
	}
	for (found = strstr(line, key); found != NULL; found = strstr(found + 1, key))
		if ((found == line || found[-1] == ' ') && found[len] == '=')
			return found + len + 1;
	return NULL;
}

bool log_reader_value(const char *line, const char *key, char room[static LOG_VALUE_ROOM])
{
	const char *value = log_reader_find(line, key);
	size_t len;

	if (value == NULL)
		return false;
	if (*value == '"') {
		value++;
		for (len = 0; value[len] != '\0' && value[len] != '"'; len++)
			if (value[len] == '\\' && value[len + 1] != '\0')
				len++;
	} else {
		len = strcspn(value, line[0] == '{' ? ",}" : " ");
	}
	(void)snprintf(room, LOG_VALUE_ROOM, "%.*s", (int)len, value);
	return true;
}

static bool log_reader_says_word(const char *line, char *word)
{
	char value[LOG_VALUE_ROOM];
	char *equals = strchr(word, '=');

	if (word[0] == '!')
		return !log_reader_value(line, word + 1, value);
	if (equals == NULL)
		return false;
	*equals = '\0';
	return log_reader_value(line, word, value) && fnmatch(equals + 1, value, 0) == 0;
}

bool log_reader_says(const char *line, const char *words)
{
	char copy[1024];
	char *rest = NULL;

	(void)snprintf(copy, sizeof(copy), "%s", words);
	for (char *word = strtok_r(copy, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest))
		if (!log_reader_says_word(line, word))
			return false;
	return true;
}
