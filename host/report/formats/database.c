#include "report/formats/database.h"

#ifdef ATTNBENCH_HAVE_SQLITE

#include "store/fields.h"
#include "util/text.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { BUSY_MS = 10000 }; /* another process writes; a run is added in far less */

static int fail(struct database *database)
{
    const int code = sqlite3_errcode(database->handle) & 0xff;
    const char *why = sqlite3_errmsg(database->handle);
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) {
        err_set(database->err, "%s: not an SQLite database that can be added to: %s",
                database->path, why);
        return DATABASE_REFUSED;
    }
    return err_set(database->err, "cannot write '%s': %s", database->path, why);
}

int database_run(struct database *database, const char *sql)
{
    return sqlite3_exec(database->handle, sql, NULL, NULL, NULL) ? fail(database) : 0;
}

static int bind_text(sqlite3_stmt *statement, int index, const char *foreign)
{
    struct text safe = {0};
    text_add_printable(&safe, foreign, true);
    const int status = sqlite3_bind_text64(statement, index, text_get(&safe), safe.length,
                                           SQLITE_TRANSIENT, /* NOLINT: SQLite's own cast */
                                           SQLITE_UTF8);
    text_free(&safe);
    return status;
}

static int bind_json(sqlite3_stmt *statement, int index, cJSON *value)
{
    if (!value || cJSON_IsNull(value))
        return sqlite3_bind_null(statement, index);
    if (cJSON_IsBool(value))
        return sqlite3_bind_int(statement, index, cJSON_IsTrue(value));
    if (cJSON_IsNumber(value))
        return sqlite3_bind_double(statement, index, value->valuedouble);
    if (cJSON_IsRaw(value)) /* a whole number: see fields.c */
        return sqlite3_bind_int64(statement, index, strtoll(value->valuestring, NULL, 10));
    if (cJSON_IsString(value))
        return bind_text(statement, index, value->valuestring);
    char *line = fields_print(value);
    const int status = bind_text(statement, index, line);
    free(line);
    return status;
}

/* One number from the file's header; -1 or DATABASE_REFUSED: it cannot be read. */
static int read_pragma(struct database *database, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);
    if (result == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    return sqlite3_finalize(statement) || result ? fail(database) : 0;
}

static int check_owner(struct database *database, int application_id, int version)
{
    int64_t id = 0, found = 0, tables = 0;
    int result = read_pragma(database, "PRAGMA application_id", &id);
    if (!result)
        result = read_pragma(database, "PRAGMA user_version", &found);
    if (!result)
        result = read_pragma(database, "SELECT count(*) FROM sqlite_master", &tables);
    if (result)
        return result;
    if (tables && id != application_id) {
        err_set(database->err, "%s: a database of another program; give --out a new file",
                database->path);
        return DATABASE_REFUSED;
    }
    if (found > version) {
        err_set(database->err,
                "%s: made by a newer attnbench: schema version %lld, this one writes %d",
                database->path, (long long)found, version);
        return DATABASE_REFUSED;
    }
    return 0;
}

int database_open(struct database *database, const char *path, int application_id, int version,
                  struct err *err)
{
    char pragmas[128];
    struct text file = {0};
    *database = (struct database){.path = path, .err = err};
    text_print(&file, "%s%s", *path == ':' ? "./" : "", path); /* ":memory:" is a file, too */
    const int opened = sqlite3_open_v2(text_get(&file), &database->handle,
                                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    text_free(&file);
    if (opened || !*path)
        return *path ? fail(database) : err_set(err, "--out: expected a file, found ''");
    sqlite3_busy_timeout(database->handle, BUSY_MS);
    int result = database_run(database, "PRAGMA foreign_keys = ON; BEGIN IMMEDIATE");
    if (!result)
        result = check_owner(database, application_id, version);
    sqlite3_snprintf(sizeof pragmas, pragmas,
                     "PRAGMA application_id = %d; PRAGMA user_version = %d", application_id,
                     version);
    return result ? result : database_run(database, pragmas);
}

int database_commit(struct database *database)
{
    return database_run(database, "COMMIT");
}

void database_close(struct database *database)
{
    sqlite3_close(database->handle); /* rolls back what is open */
    database->handle = NULL;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static bool has_column(struct database *database, const char *table, const char *column)
{
    return sqlite3_table_column_metadata(database->handle, NULL, table, column, NULL, NULL, NULL,
                                         NULL, NULL) == SQLITE_OK;
}

int database_make_table(struct database *database, const char *table, const struct column *columns,
                        int count, const char *constraints)
{
    struct text sql = {0};
    text_print(&sql, "CREATE TABLE IF NOT EXISTS \"%s\" (", table);
    for (int i = 0; i < count; ++i)
        text_print(&sql, "%s\"%s\" %s", i ? ", " : "", columns[i].name, columns[i].type);
    text_print(&sql, "%s)", constraints);
    int result = database_run(database, text_get(&sql));
    text_free(&sql);
    for (int i = 0; i < count && result == 0; ++i) {
        if (has_column(database, table, columns[i].name))
            continue;
        text_print(&sql, "ALTER TABLE \"%s\" ADD COLUMN \"%s\" %s", table, columns[i].name,
                   columns[i].type);
        result = database_run(database, text_get(&sql));
        text_free(&sql);
    }
    return result;
}

/* ---- values ---------------------------------------------------------------------------------- */

int database_insert(struct database *database, const char *table, const struct column *columns,
                    cJSON **values, int count)
{
    sqlite3_stmt *statement = NULL;
    struct text sql = {0};
    text_print(&sql, "INSERT INTO \"%s\" (", table);
    for (int i = 0; i < count; ++i)
        text_print(&sql, "%s\"%s\"", i ? ", " : "", columns[i].name);
    text_add(&sql, ") VALUES (");
    for (int i = 0; i < count; ++i)
        text_add(&sql, i ? ", ?" : "?");
    text_add(&sql, ")");
    int failed = sqlite3_prepare_v2(database->handle, text_get(&sql), -1, &statement, NULL);
    text_free(&sql);
    for (int i = 0; i < count; ++i) {
        if (!failed)
            failed = bind_json(statement, i + 1, values[i]);
        cJSON_Delete(values[i]);
        values[i] = NULL;
    }
    failed = failed || sqlite3_step(statement) != SQLITE_DONE;
    return sqlite3_finalize(statement) || failed ? fail(database) : 0;
}

int64_t database_last_id(const struct database *database)
{
    return sqlite3_last_insert_rowid(database->handle);
}

int database_find(struct database *database, const char *sql, const char *text, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    int failed = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);
    if (!failed)
        failed = bind_text(statement, 1, text);
    if (!failed && sqlite3_step(statement) == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    return sqlite3_finalize(statement) || failed ? fail(database) : 0;
}

int database_insert_numbers(struct database *database, const char *sql, int64_t id,
                            const double *values, int count)
{
    sqlite3_stmt *statement = NULL;
    int failed = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);
    for (int i = 0; i < count && !failed; ++i) {
        failed = sqlite3_bind_int64(statement, 1, id) || sqlite3_bind_int(statement, 2, i) ||
                 (isfinite(values[i]) ? sqlite3_bind_double(statement, 3, values[i])
                                      : sqlite3_bind_null(statement, 3)) ||
                 sqlite3_step(statement) != SQLITE_DONE || sqlite3_reset(statement);
    }
    return sqlite3_finalize(statement) || failed ? fail(database) : 0;
}

const char *database_version(void)
{
    return sqlite3_libversion();
}

#else

const char *database_version(void)
{
    return "no";
}

#endif
