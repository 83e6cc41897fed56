#include "device/oclgrind_log.h"

#include "util/text.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_names[FINDING_KINDS] = {
    "out-of-bounds", "data-race", "uninitialised", "barrier-divergence",
    "misaligned",    "api",       "other",         "build",
    "wrong",         "crash",     "timeout"};

const char *finding_kind_name(enum finding_kind kind)
{
    return kind_names[kind];
}

/* What a report's first line says, and what kind that is; the first that fits counts. */
static const struct {
    const char *part;
    enum finding_kind kind;
} phrases[] = {
    {"data race", FINDING_RACE},
    {"divergence", FINDING_DIVERGENCE},
    {"not aligned", FINDING_ALIGNMENT},
    {"uninitialized", FINDING_UNINITIALISED},
    {"invalid read", FINDING_BOUNDS},
    {"invalid write", FINDING_BOUNDS},
    {"exceeds static array size", FINDING_BOUNDS},
    {"runtime error detected", FINDING_API},
};

static enum finding_kind kind_of(const char *message)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; ++i)
        if (text_contains(message, phrases[i].part))
            return phrases[i].kind;
    return FINDING_OTHER;
}

/* "Invalid read of size 4 at global memory address 0x10" without the address, and names as they
 * are; an array index differs by work-item, too. */
static char *message_of(const char *line, size_t length, struct arena *arena)
{
    char *message = arena_copy_bytes(arena, line, length);
    char *address = strstr(message, " address 0x");
    if (address)
        *address = '\0';
    char *open = strstr(message, "Index (");
    const char *close = open ? strchr(open, ')') : NULL;
    if (close)
        memmove(open + 5, close + 1, strlen(close + 1) + 1);
    return message;
}

/* "At line 45 (column 30) of a/b.clh:" */
static bool place_of(const char *line, size_t length, const char **file, int *number,
                     struct arena *arena)
{
    static const char start[] = "At line ";
    if (length < sizeof start || strncmp(line, start, sizeof start - 1) != 0)
        return false;
    const char *text = arena_copy_bytes(arena, line, length);
    const char *of = strstr(text, " of ");
    if (!of)
        return false;
    *number = (int)strtol(text + sizeof start - 1, NULL, 10);
    size_t name = strlen(of + 4);
    if (name && of[4 + name - 1] == ':')
        --name;
    *file = arena_copy_bytes(arena, of + 4, name);
    return true;
}

static bool after(const char *line, size_t length, const char *label, const char **value,
                  struct arena *arena)
{
    size_t skip = strlen(label);
    if (length < skip || strncmp(line, label, skip) != 0)
        return false;
    while (skip < length && (line[skip] == ' ' || line[skip] == '\t'))
        ++skip;
    *value = arena_copy_bytes(arena, line + skip, length - skip);
    return true;
}

/* A line that a report's head is followed by. */
static void add_detail(struct finding *finding, const char *line, size_t length,
                       struct arena *arena)
{
    const char *file = NULL, *value = NULL;
    int number = 0;
    if (place_of(line, length, &file, &number, arena)) {
        const bool first = !*finding->file;
        if (first) {
            finding->file = file;
            finding->line = number;
        } else if (!*finding->other_file) {
            finding->other_file = file;
            finding->other_line = number;
        }
    } else if (after(line, length, "Kernel:", &value, arena)) {
        finding->kernel = value;
    } else if (finding->kind == FINDING_API && (after(line, length, "Function:", &value, arena) ||
                                                after(line, length, "Error:", &value, arena))) {
        finding->message = arena_print(arena, "%s: %s", finding->message, value);
    }
}

bool finding_equal(const struct finding *a, const struct finding *b)
{
    return a->kind == b->kind && a->line == b->line && strcmp(a->file, b->file) == 0 &&
           strcmp(a->kernel, b->kernel) == 0 && a->other_line == b->other_line &&
           strcmp(a->other_file, b->other_file) == 0 &&
           (*a->file || strcmp(a->message, b->message) == 0);
}

/* The two places of a race stand in the order in which work-items came, which varies. */
static void sort_places(struct finding *finding)
{
    const int order = strcmp(finding->file, finding->other_file);
    if (!*finding->other_file || order < 0 || (order == 0 && finding->line <= finding->other_line))
        return;
    const struct finding was = *finding;
    finding->file = was.other_file;
    finding->line = was.other_line;
    finding->other_file = was.file;
    finding->other_line = was.line;
}

struct list {
    struct finding *items;
    int count, capacity;
};

static void keep(struct list *list, struct finding *finding, struct arena *arena)
{
    if (finding->kind != FINDING_RACE) { /* what the others had executed is no second place */
        finding->other_file = "";
        finding->other_line = 0;
    }
    sort_places(finding);
    if (finding->kind == FINDING_OTHER && !*finding->kernel)
        return; /* what Oclgrind says of itself */
    for (int i = 0; i < list->count; ++i)
        if (finding_equal(&list->items[i], finding))
            return;
    if (list->count == list->capacity) {
        const int more = list->capacity ? 2 * list->capacity : 16;
        list->items =
            arena_grow(arena, list->items, (size_t)list->count, (size_t)more, sizeof *list->items);
        list->capacity = more;
    }
    list->items[list->count++] = *finding;
}

int oclgrind_log_parse(const char *log, struct finding **findings, struct arena *arena)
{
    struct list list = {0};
    struct finding finding = {.message = NULL};
    for (const char *at = log; *at;) {
        const size_t length = strcspn(at, "\n");
        const char *line = at + strspn(at, " \t\r");
        const size_t indent = (size_t)(line - at);
        if (indent >= length) {
            /* An empty line, also within a report. */
        } else if (indent > 0) {
            if (finding.message)
                add_detail(&finding, line, length - indent, arena);
        } else {
            if (finding.message)
                keep(&list, &finding, arena);
            finding = (struct finding){.message = message_of(line, length, arena),
                                       .kernel = "",
                                       .file = "",
                                       .other_file = ""};
            finding.kind = kind_of(finding.message);
        }
        at += length + (at[length] == '\n');
    }
    if (finding.message)
        keep(&list, &finding, arena);
    *findings = list.items;
    return list.count;
}
