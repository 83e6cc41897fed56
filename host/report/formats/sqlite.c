#include "report/report.h"

#include "report/formats/database.h"

#include <stdio.h>
#include <string.h>

#ifdef ATTNBENCH_HAVE_SQLITE

/* "attn" in ASCII; of the tables below, raised when what is in them changes its meaning. Columns
 * that a newer row table has are added without that. */
enum { APPLICATION_ID = 0x6174746e, SCHEMA_VERSION = 1, COLUMNS_MAX = 128 };

/* Where a value stands in the results file's JSON; dots become underscores in the column's name. */
struct source {
    const char *path, *type;
};

static const struct source run_sources[] = {
    {"id", "TEXT PRIMARY KEY"},
    {"started_utc", "TEXT NOT NULL"},
    {"finished_utc", "TEXT"},
    {"argv", "TEXT"},
    {"tool_version", "TEXT"},
    {"git_commit", "TEXT"},
    {"seed", "INTEGER"},
    {"plan_id", "TEXT"},
    {"planned_cells", "INTEGER"},
    {"shard", "TEXT"},
    {"suite.name", "TEXT"},
    {"suite.sha256", "TEXT"},
    {"host.name", "TEXT"},
    {"host.os", "TEXT"},
    {"host.cpu", "TEXT"},
    {"host.cpus", "INTEGER"},
    {"host.memory_bytes", "INTEGER"},
    {"time_s", "TEXT"},
};

static const struct source device_sources[] = {
    {"run_id", "TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE"},
    {"id", "TEXT NOT NULL"},
    {"platform", "TEXT"},
    {"name", "TEXT"},
    {"vendor", "TEXT"},
    {"driver", "TEXT"},
    {"opencl_c", "TEXT"},
    {"type", "TEXT"},
    {"compute_units", "INTEGER"},
    {"clock_mhz", "INTEGER"},
    {"global_bytes", "INTEGER"},
    {"local_bytes", "INTEGER"},
    {"max_alloc_bytes", "INTEGER"},
    {"extensions", "TEXT"},
    {"quirks", "TEXT"},
    {"peaks.f32_gflop_s", "REAL"},
    {"peaks.f16_gflop_s", "REAL"},
    {"peaks.exp_gop_s", "REAL"},
    {"peaks.copy_gb_s", "REAL"},
    {"peaks.read_gb_s", "REAL"},
    {"peaks.local_gb_s", "REAL"},
    {"peaks.launch_us", "REAL"},
    {"peaks.measured_utc", "TEXT"},
};
enum {
    RUN_SOURCES = sizeof run_sources / sizeof *run_sources,
    DEVICE_SOURCES = sizeof device_sources / sizeof *device_sources
};

/* Beside the row table's own columns. */
static const struct column row_links[] = {
    {"id", "INTEGER PRIMARY KEY"},
    {"run_id", "TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE"}};
enum { ROW_LINKS = sizeof row_links / sizeof *row_links };

static const char make_samples[] =
    "CREATE TABLE IF NOT EXISTS sample (row_id INTEGER NOT NULL REFERENCES \"row\" (id) ON DELETE "
    "CASCADE, \"index\" INTEGER NOT NULL, time_s REAL, PRIMARY KEY (row_id, \"index\")) WITHOUT "
    "ROWID";

static const char make_view[] =
    "CREATE VIEW IF NOT EXISTS result AS SELECT run.started_utc, run.suite_name, run.host_name, "
    "device.name AS device_name, device.driver AS device_driver, \"row\".* FROM \"row\" JOIN run "
    "ON "
    "run.id = \"row\".run_id JOIN device ON device.run_id = \"row\".run_id AND device.id = "
    "\"row\".device";

/* ---- columns --------------------------------------------------------------------------------- */

/* "problem.n_q" is n_q, "time.median_s" time_median_s, an end of "time.ci95_s" time_ci95_low_s. */
static struct column make_column(const char *path, const char *end, const char *type)
{
    struct column column = {.type = type};
    path += text_starts(path, "problem.") ? strlen("problem.") : 0;
    if (*end)
        snprintf(column.name, sizeof column.name, "%.*s_%s_s", (int)(strlen(path) - strlen("_s")),
                 path, end);
    else
        snprintf(column.name, sizeof column.name, "%s", path);
    for (char *dot = strchr(column.name, '.'); dot; dot = strchr(dot, '.'))
        *dot = '_';
    return column;
}

static int source_columns(const struct source *sources, int count, struct column *columns)
{
    for (int i = 0; i < count; ++i)
        columns[i] = make_column(sources[i].path, "", sources[i].type);
    return count;
}

/* With the values of a row, unless it is NULL. An interval is two columns. */
static int row_columns(const struct row *row, struct column *columns, cJSON **values)
{
    static const char *const types[] = {[ROW_COLUMN_TEXT] = "TEXT",
                                        [ROW_COLUMN_NUMBER] = "NUMERIC",
                                        [ROW_COLUMN_INTEGER] = "INTEGER",
                                        [ROW_COLUMN_REAL] = "REAL"};
    int count = 0;
    for (int i = 0; i < ROW_LINKS; ++i)
        columns[count++] = row_links[i];
    for (int field = 0; field < row_field_count(); ++field) {
        const enum row_column kind = row_field_column(field);
        const char *path = row_field_path(field);
        cJSON *value = row ? row_field_json(row, field) : NULL;
        if (kind == ROW_COLUMN_SAMPLES) { /* a table of their own */
            cJSON_Delete(value);
        } else if (kind == ROW_COLUMN_INTERVAL) {
            cJSON *low = cJSON_DetachItemFromArray(value, 0);
            cJSON *high = cJSON_DetachItemFromArray(value, 0);
            cJSON_Delete(value);
            values[count] = low;
            columns[count++] = make_column(path, "low", "REAL");
            values[count] = high;
            columns[count++] = make_column(path, "high", "REAL");
        } else {
            values[count] = value;
            columns[count++] = make_column(path, "", types[kind]);
        }
    }
    return count;
}

static int make_tables(struct database *database)
{
    struct column columns[COLUMNS_MAX];
    cJSON *values[COLUMNS_MAX];
    int count = source_columns(run_sources, RUN_SOURCES, columns);
    int result = database_make_table(database, "run", columns, count, "");
    count = source_columns(device_sources, DEVICE_SOURCES, columns);
    if (result == 0)
        result =
            database_make_table(database, "device", columns, count, ", PRIMARY KEY (run_id, id)");
    count = row_columns(NULL, columns, values);
    if (result == 0)
        result = database_make_table(database, "row", columns, count,
                                     ", UNIQUE (run_id, device, variant, cell)");
    if (result == 0)
        result = database_run(database, make_samples);
    return result ? result : database_run(database, make_view);
}

/* ---- a run ----------------------------------------------------------------------------------- */

static cJSON *detach(cJSON *object, const char *path)
{
    const char *dot = strchr(path, '.');
    if (!dot)
        return cJSON_DetachItemFromObjectCaseSensitive(object, path);
    char group[32];
    snprintf(group, sizeof group, "%.*s", (int)(dot - path), path);
    return cJSON_DetachItemFromObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(object, group),
                                                   dot + 1);
}

static int add_object(struct database *database, const char *table, const struct source *sources,
                      int count, cJSON *object)
{
    struct column columns[COLUMNS_MAX];
    cJSON *values[COLUMNS_MAX];
    source_columns(sources, count, columns);
    for (int i = 0; i < count; ++i)
        values[i] = detach(object, sources[i].path);
    return database_insert(database, table, columns, values, count);
}

static int add_rows(struct database *database, const struct results *results)
{
    int result = 0;
    for (int i = 0; i < results->row_count && result == 0; ++i) {
        const struct row *row = results->rows + i;
        struct column columns[COLUMNS_MAX];
        cJSON *values[COLUMNS_MAX];
        const int count = row_columns(row, columns, values);
        values[0] = NULL; /* SQLite numbers them */
        values[1] = cJSON_CreateString(results->run.id);
        result = database_insert(database, "row", columns, values, count);
        if (result == 0)
            result = database_insert_numbers(database, "INSERT INTO sample VALUES (?1, ?2, ?3)",
                                             database_last_id(database), row->time.samples_s.values,
                                             row->time.samples_s.count);
    }
    return result;
}

/* Is there as much of this run as the file has? A resumed run keeps its id and has more. */
static int is_there(struct database *database, const struct results *results, bool *there)
{
    int64_t runs = 0, rows = 0, finished = 0;
    const char *id = results->run.id;
    int result = database_find(database, "SELECT count(*), ?1 FROM run WHERE id = ?1", id, &runs);
    if (result == 0)
        result =
            database_find(database, "SELECT count(*) FROM \"row\" WHERE run_id = ?1", id, &rows);
    if (result == 0)
        result = database_find(
            database, "SELECT count(*) FROM run WHERE id = ?1 AND finished_utc IS NOT NULL", id,
            &finished);
    const bool grown = rows < results->row_count || (!finished && results->run.finished_utc);
    *there = runs && !(grown && rows <= results->row_count);
    return result;
}

static int add_run(struct database *database, const struct results *results, bool *added)
{
    bool there = false;
    int64_t nothing = 0;
    int result = is_there(database, results, &there);
    *added = result == 0 && !there;
    if (!*added)
        return result;
    result = database_find(database, "DELETE FROM run WHERE id = ?1", results->run.id, &nothing);
    cJSON *header = results_header_to_json(results, RESULTS_FORMAT);
    if (result == 0)
        result = add_object(database, "run", run_sources, RUN_SOURCES,
                            cJSON_GetObjectItemCaseSensitive(header, "run"));
    cJSON *device = NULL;
    cJSON_ArrayForEach(device, cJSON_GetObjectItemCaseSensitive(header, "devices"))
    {
        cJSON_AddStringToObject(device, "run_id", results->run.id);
        if (result == 0)
            result = add_object(database, "device", device_sources, DEVICE_SOURCES, device);
    }
    cJSON_Delete(header);
    return result ? result : add_rows(database, results);
}

bool report_has_sqlite(void)
{
    return true;
}

int report_sqlite(const struct results *results, int count, const char *path, int *added,
                  struct err *err)
{
    struct database database;
    int result = database_open(&database, path, APPLICATION_ID, SCHEMA_VERSION, err);
    *added = 0;
    if (result == 0)
        result = make_tables(&database);
    for (int i = 0; i < count && result == 0; ++i) {
        bool new = false;
        result = add_run(&database, results + i, &new);
        *added += new;
    }
    if (result == 0)
        result = database_commit(&database);
    database_close(&database);
    return result == DATABASE_REFUSED ? REPORT_REFUSED : result;
}

#else

bool report_has_sqlite(void)
{
    return false;
}

int report_sqlite(const struct results *results, int count, const char *path, int *added,
                  struct err *err)
{
    (void)results;
    (void)count;
    *added = 0;
    return err_set(err, "cannot write '%s': this attnbench was built without SQLite", path);
}

#endif
