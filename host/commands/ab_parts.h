/* What the files of `attnbench ab` share: the two sides, and the problems that both have. */
#ifndef ATTNBENCH_COMMANDS_AB_PARTS_H
#define ATTNBENCH_COMMANDS_AB_PARTS_H

#include "commands/common.h"

/* A or B, and what it asks for; NULL: what the options say. */
struct ab_side {
    const char *name;    /* as it was given */
    const char *variant; /* one; NULL: the same name on both sides */
    const char *tuning;  /* "BLOCK_Q=16,WG=64": instead of what would be taken */
    const char *kernels; /* a folder */
    const char *device;
    const char *program; /* another attnbench */
    struct options options;
    struct setup setup;
};

/* A problem, as both sides compute it. */
struct ab_pair {
    const struct cell *cells[2];
};

struct ab {
    struct arena arena;
    struct ab_side sides[2];
    bool apart;
    struct ab_pair *pairs;
    int count, left_out; /* left_out: problems that one side alone supports */
};

/* Each returns an exit status, EXIT_OK or another after the message. */

/* What A and B are: a variant, "NAME:KEY=VALUE,...", a folder of kernels, a device; with --with B
 * is a program. Loads kernels, suites and devices. */
int ab_sides(struct ab *ab, const struct options *options);
/* Both plans, and what they have in common; nothing is EXIT_USAGE, with what each supports. */
int ab_pairs(struct ab *ab);
void ab_free(struct ab *ab);

#endif
