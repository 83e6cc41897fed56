/* Which variant to use on a device, comparing like with like.
 *
 * Candidates are the variants with a right result there. A problem is ranked when all candidates
 * that support it computed it right; one for which a candidate was not measured (skipped, timed
 * out, failed) is open: what it would have done is not known, so it decides nothing, and is counted
 * apart. A wrong result is none of a candidate's. The winner of a problem is the fastest. */
#ifndef ATTNBENCH_REPORT_RANKING_H
#define ATTNBENCH_REPORT_RANKING_H

#include "report/grid.h"

/* Wins of a variant in one phase, with where they are: "128 to 4096" or "64, 128" each. */
struct region {
    const char *variant;
    bool decode; /* see pairs.h */
    int problems;
    double lead; /* geometric mean of (time of the second / its own); NaN: it stood alone */
    const char *n, *heads, *d_k, *dtype, *mask;
};

struct ranking {
    int ranked, open, unranked;   /* problems; unranked: nobody is right */
    const struct region *regions; /* of ranked problems, prefill before decode, most wins first */
    int region_count;
    const struct region *open_regions; /* of open problems, among those that were measured */
    int open_count;
    const char *winner; /* the most wins over ranked problems, else over open ones; NULL: none */
    int wins;           /* over ranked problems */
    double lead;
    /* Time of the best variant that keeps all scores in memory / of the best that does not, over
     * ranked problems that have both. */
    struct {
        int problems, helped;
        double least, mean, most;
    } fusing;
};
void ranking_build(struct ranking *ranking, const struct grid *grid, struct arena *arena);

/* Sentences without full stops; foreign names in them are not escaped. The headline begins with the
 * winner's name, if there is one; `device` is what it calls the device. */
void ranking_headline(const struct ranking *ranking, const char *device, struct text *out);
/* Prefill and decode apart, whether fusing helps, what is open or has no result, and why. */
struct text_list ranking_remarks(const struct ranking *ranking, const struct grid *grid,
                                 struct arena *arena);
/* Is there more than one region, so that a table of them says something? */
bool ranking_has_regions(const struct ranking *ranking);

#endif
