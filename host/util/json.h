/* JSON: a thin layer over cJSON that knows where in the file a value stands.
 *
 * A document keeps its text, so that a complaint about any node can name file, line and key path:
 *   suites/quick.json:12: sweeps[0].axes.n: expected an integer from 1 to 1048576, found "x"
 * Duplicate keys are refused on load. */
#ifndef ATTNBENCH_UTIL_JSON_H
#define ATTNBENCH_UTIL_JSON_H

#include "util/err.h"
#include "util/text.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First of all in main: memory that runs out while JSON is made ends the program with a message,
 * instead of leaving something out. */
void json_begin(void);

/* How deep brackets may nest in what is read. All that reads it goes into its depth, on the stack.
 */
enum { JSON_DEPTH_MAX = 48 };

/* A line of a conversation as a tree; NULL: it is not valid, or nested too deeply. */
cJSON *json_parse(const char *text, size_t length);

struct json {
    const char *name; /* shown in messages; borrowed */
    char *text;       /* owned */
    cJSON *root;      /* owned */
};

/* Parses `length` bytes of `text` (copied). `name` must outlive the document. */
int json_load(struct json *json, const char *name, const char *text, size_t length,
              struct err *err);
void json_free(struct json *json);

/* Sets "name:line: key.path: message" for a node of this document; returns -1. */
int json_fail(const struct json *json, const cJSON *node, struct err *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Refuses keys that are not in `keys` (NULL-terminated), with a suggestion. */
int json_only_keys(const struct json *json, const cJSON *object, const char *const *keys,
                   struct err *err);

/* Typed access: an absent key leaves *value as it is and returns 0 (unless `need` is true); a wrong
 * type or a value out of range is -1. Strings and nodes are borrowed from the document. Names of
 * the arguments: object must be an object of this document (anything else is refused). */
int json_int(const struct json *json, const cJSON *object, const char *key, bool need, int64_t low,
             int64_t high, int64_t *value, struct err *err);
int json_double(const struct json *json, const cJSON *object, const char *key, bool need,
                double low, double high, double *value, struct err *err);
int json_bool(const struct json *json, const cJSON *object, const char *key, bool need, bool *value,
              struct err *err);
int json_string(const struct json *json, const cJSON *object, const char *key, bool need,
                const char **value, struct err *err);
/* type: cJSON_Array or cJSON_Object. */
int json_node(const struct json *json, const cJSON *object, const char *key, bool need, int type,
              const cJSON **value, struct err *err);

/* The value of a node itself, with the same messages. */
int json_as_int(const struct json *json, const cJSON *node, int64_t low, int64_t high,
                int64_t *value, struct err *err);
int json_as_double(const struct json *json, const cJSON *node, double low, double high,
                   double *value, struct err *err);
int json_as_string(const struct json *json, const cJSON *node, const char **value, struct err *err);

/* A look at messages of our own worker: the value, or "" and NaN when it is absent or of another
 * type. Takes a NULL object. */
const char *json_peek_string(const cJSON *object, const char *key);
double json_peek_number(const cJSON *object, const char *key);

/* A short description of a node for messages: `"abc"`, `3`, `an array`. */
void json_describe(const cJSON *node, char *out, size_t size);

/* Adds a number to an object; NaN and infinity become null (JSON has neither). */
void json_add_number(cJSON *object, const char *key, double value);

/* Add to text what json_print would print of a number (null for NaN and infinity) and a string,
 * without a tree. */
void json_add_number_text(struct text *out, double value);
void json_add_string_text(struct text *out, const char *value);

/* One line of text, to be freed by the caller with free(); never NULL. */
char *json_print(const cJSON *node);
char *json_print_pretty(const cJSON *node);

#endif
