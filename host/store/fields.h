/* Fields: a struct described by a table, so that writer, reader and columns cannot disagree.
 *
 * A path is "key" or "group.key". Every field is written, null when unknown; a group of which
 * nothing is known is left out, and reads back as all unknown (unless it holds a name), as does
 * null for a group of new fields. The unit is the end of the name
 * (_s seconds, _bytes, gflop_s ...). Shared by the files of store/. */
#ifndef ATTNBENCH_STORE_FIELDS_H
#define ATTNBENCH_STORE_FIELDS_H

#include "util/arena.h"
#include "util/json.h"
#include "util/pool.h"

enum field_type {
    FIELD_NAME,        /* const char *, never NULL */
    FIELD_STRING,      /* const char *, NULL: unknown */
    FIELD_NEW_STRING,  /* the same, added by a minor version: older files do not have it */
    FIELD_COUNT,       /* int64_t or uint64_t, 0 to 2^53 - 1: what a double holds exactly */
    FIELD_NEW_COUNT,   /* int64_t, 0: unknown; added by a minor version */
    FIELD_INT,         /* int */
    FIELD_BOOL,        /* bool */
    FIELD_NEW_BOOL,    /* the same, added by a minor version: older files do not have it */
    FIELD_REAL,        /* double >= 0, NaN: unknown */
    FIELD_NEW_REAL,    /* the same, added by a minor version: older files do not have it */
    FIELD_SIGNED,      /* double of any sign, NaN: unknown */
    FIELD_INTERVAL,    /* double[2] */
    FIELD_NUMBERS,     /* struct number_list */
    FIELD_TEXTS,       /* struct text_list */
    FIELD_STATUS,      /* enum row_status */
    FIELD_PASSES,      /* struct pass_times */
    FIELD_TUNING,      /* struct tuning */
    FIELD_PROBLEM_KEY, /* one key of struct problem: a column, but not in JSON */
    FIELD_PROBLEM      /* struct problem: in JSON, but not a column */
};

struct field {
    const char *path;
    enum field_type type;
    size_t offset; /* into the record */
};

enum { FIELD_LIST_MAX = 100000 }; /* longer lists in a file are refused */

/* The record with every field unknown. It must have been zeroed. */
void fields_default(const struct field *fields, int count, void *record);

cJSON *fields_to_json(const struct field *fields, int count, const void *record);

/* Every field must be there (but for FIELD_NEW_...), of its type; unknown keys are ignored. Strings
 * are copied to the arena. The record must have its defaults. */
int fields_from_json(const struct field *fields, int count, void *record, const struct json *json,
                     const cJSON *object, struct arena *arena, struct err *err);

/* The same; equal strings are one, of the pool (NULL: there is none). */
int fields_from_json_pooled(const struct field *fields, int count, void *record,
                            const struct json *json, const cJSON *object, struct arena *arena,
                            struct text_pool *pool, struct err *err);

/* Is anything known of the group that a field is in, so that it is written? */
bool fields_known(const struct field *fields, int count, const void *record, int field);

/* One field as JSON, to be deleted by the caller. */
cJSON *field_to_json(const struct field *field, const void *record);

/* Adds to an object or (key NULL) an array; ends the program when there is no memory, so that no
 * field is ever lost in silence. */
void fields_add(cJSON *parent, const char *key, cJSON *item);

/* The tree on one line, to be freed with free(). Strings in it become printable text in valid UTF-8
 * first: a driver may name its device anything. */
char *fields_print(cJSON *tree);
/* The same between `before` and `after`. Takes the tree. */
void fields_write(struct text *out, const char *before, cJSON *tree, const char *after);

#endif
