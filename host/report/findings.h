/* What lint found, for people and for programs.
 *
 * A finding that several runs showed stands there once, with the first of them. */
#ifndef ATTNBENCH_REPORT_FINDINGS_H
#define ATTNBENCH_REPORT_FINDINGS_H

#include "device/oclgrind_log.h"
#include "problem/plan.h"
#include "store/kernels.h"

struct reported {
    struct finding finding;
    const char *file; /* for people: finding.file in the tree, or the variant's description */
    const struct cell *cell; /* the first that showed it */
    int cells;
};

/* Zero-initialised: none yet. Memory is the arena's. */
struct findings {
    const struct kernel_tree *kernels;
    struct reported *items;
    int count;
    int foreign; /* in kernels of a library, which are not ours to mend: counted only */
};

/* Cells must stay valid. */
void findings_add(struct findings *findings, const struct cell *cell, const struct finding *finding,
                  struct arena *arena);

/* By file and line. */
void findings_sort(struct findings *findings);

/* "kernels/tiled/tiled.cl:76: data-race: tiled_scores: Read-write data race at local memory, with
 * kernels/include/block.clh:62", and a line with the run that showed it. */
void findings_write_text(const struct findings *findings, struct text *out);
/* A list of objects: kind, file, line (null: unknown), kernel, message, other_file and other_line
 * of races, variant, cell, tuning, runs. */
cJSON *findings_to_json(const struct findings *findings);

#endif
