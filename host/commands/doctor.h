/* What attnbench doctor finds: a list of findings, each with what to do about it where there is
 * something to do. Shared by the doctor's files. */
#ifndef ATTNBENCH_COMMANDS_DOCTOR_H
#define ATTNBENCH_COMMANDS_DOCTOR_H

#include "util/arena.h"

#include <stdbool.h>

/* NOTE: a fact; WARN: it may disturb; BAD: it does not work. */
enum finding_verdict { FINDING_OK, FINDING_NOTE, FINDING_WARN, FINDING_BAD };

struct finding {
    const char *section; /* "loader", "drivers", "nodes", "devices", "caches", "host" */
    const char *name;    /* of a file, device or property */
    enum finding_verdict verdict;
    const char *text;   /* what was found */
    const char *advice; /* one line; NULL: nothing is to be done */
};

struct findings {
    struct arena *arena;
    struct finding *items;
    int count, capacity;
};

/* doctor_findings.c: texts must outlive the list: constants, or of its arena. */
void finding_add(struct findings *findings, struct finding finding);

/* doctor_host.c: nodes of devices, and memory, clocks, governors, load and the limits of a
 * container, read below `root` ("" for this machine; a test's folder has proc/, sys/ and dev/). */
void doctor_nodes(struct findings *findings, const char *root);
void doctor_host(struct findings *findings, const char *root);

/* doctor_caches.c: where this program keeps what. */
void doctor_caches(struct findings *findings);

#endif
