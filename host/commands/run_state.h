/* A run in progress: what run.c, its header (run_header.c) and going on with an earlier one
 * (resume.c) share. */
#ifndef ATTNBENCH_COMMANDS_RUN_STATE_H
#define ATTNBENCH_COMMANDS_RUN_STATE_H

#include "commands/common.h"
#include "commands/progress.h"
#include "store/journal.h"

struct run_state {
    struct setup setup;
    struct results results; /* rows and devices borrow from the setup's arena */
    struct journal journal;
    const char *out, *journal_path;
    bool *done;
    int *cell_of; /* of each row, its cell in the plan */
    int row_capacity;
    int cells; /* of the plan, those of this shard */
    double written_s;
    struct progress progress;
    struct account account;
    double begun_s;
};

/* run.c */
/* INCOMPLETE, too, where nothing was measured: the words say why, if `why` is not NULL. */
int run_exit_status(const struct results *results, struct text *why);

/* run_header.c: who, what, where and when, into state->results.run. */
void run_fill_header(struct run_state *state, const struct options *options);
const char *run_utc_now(struct arena *arena);

/* resume.c. Those that return int return an exit status, after printing the message. */

/* What --resume was given, as the results file's path: it may also name the journal. */
const char *resume_out(struct arena *arena, const char *path);
/* A run without suites takes its command line from the journal. */
int resume_argv(struct run_state *state, const struct results *old, const struct options *given,
                struct options *options);
int resume_read(struct run_state *state, struct results *old, size_t *valid_bytes);
/* Is it of this plan, this shard of it and these devices? */
int resume_check(const struct run_state *state, const struct results *old, const char *path);
/* Cells with a row in the journal are done; the rows are taken over if `keep`, and then the peaks
 * too: the others must stand under the same roofs. */
void resume_mark(struct run_state *state, const struct results *old, bool keep);
/* --continue: looks at what --out holds. *finished: nothing is left to do. */
int resume_find(struct run_state *state, struct options *options, struct results *old,
                size_t *valid_bytes, bool *finished);

/* What --out names must not be a finished run: a baseline would be lost. --force replaces it. */
int resume_protect(const struct run_state *state, const struct options *options);

#endif
