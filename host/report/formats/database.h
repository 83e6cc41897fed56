/* A thin layer over SQLite: tables from lists of columns, values bound from JSON, never pasted into
 * SQL. Internal to report/. Functions return 0, -1 when the file cannot be read or written, or
 * DATABASE_REFUSED when it is not ours to write to; each with a message. */
#ifndef ATTNBENCH_REPORT_FORMATS_DATABASE_H
#define ATTNBENCH_REPORT_FORMATS_DATABASE_H

#include "util/err.h"

#include <cjson/cJSON.h>
#include <stdint.h>

struct sqlite3;

enum { DATABASE_REFUSED = -2, COLUMN_NAME_BYTES = 64 };

struct database {
    struct sqlite3 *handle;
    const char *path;
    struct err *err;
};

struct column {
    char name[COLUMN_NAME_BYTES];
    const char *type; /* "TEXT", "REAL NOT NULL", ... */
};

/* "no" without SQLite */
const char *database_version(void);

/* Opens or creates the file and begins a transaction. Refuses files of other programs (by
 * application_id) and those of a newer schema (by user_version). */
int database_open(struct database *database, const char *path, int application_id, int version,
                  struct err *err);
/* Ends the transaction, keeping what was written (commit) or nothing; then closes. */
int database_commit(struct database *database);
void database_close(struct database *database);

int database_run(struct database *database, const char *sql);
/* Creates the table unless it is there, or adds the columns that it lacks. `constraints` follow the
 * columns, ", UNIQUE (a)". */
int database_make_table(struct database *database, const char *table, const struct column *columns,
                        int count, const char *constraints);

/* Strings become printable text, arrays and objects JSON; NULL is null. The values are deleted. */
int database_insert(struct database *database, const char *table, const struct column *columns,
                    cJSON **values, int count);
int64_t database_last_id(const struct database *database);
/* The first column of the first row with ?1 = text; *value stays as it is when there is none. */
int database_find(struct database *database, const char *sql, const char *text, int64_t *value);

/* Many rows of (?1 = id, ?2 = index, ?3 = value); values that are not finite are null. */
int database_insert_numbers(struct database *database, const char *sql, int64_t id,
                            const double *values, int count);

#endif
