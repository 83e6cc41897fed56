/* Devices beside each other, in sentences: how many times as fast is one as another, which kernel
 * is the one for each, and what was not measured.
 *
 * Like is compared with like: problem by problem the fastest right variant of one device with the
 * fastest of the other, by the clock that all of their rows have in common (the host's, where they
 * differ), and over problems that both have. Prefill and decode have figures of their own. */
#ifndef ATTNBENCH_REPORT_PAIRS_H
#define ATTNBENCH_REPORT_PAIRS_H

#include "store/results.h"

struct pair_side {
    const char *label; /* what sentences call it */
    const struct results *results;
    const char *device; /* its id there */
};

/* One figure of a pair. */
struct pair_part {
    int problems;             /* that both have a right result for */
    int partial;              /* of these, with a variant on either side that was not measured */
    double least, mean, most; /* time of the second / time of the first; mean: geometric; NaN: none
                               */
};
struct pair {
    struct pair_part all, prefill, decode;
    bool by_host; /* their rows have no other clock in common */
};

/* Few queries against a longer cache: at most 16, as in speculative decoding. */
bool pair_is_decode(const struct problem *problem);

void pair_build(struct pair *pair, const struct pair_side *first, const struct pair_side *second);

/* The fastest variants of a device in one of the phases, by how many problems each is fastest on.
 */
enum { WINNERS_MAX = 8 };
struct winners {
    int problems;
    struct {
        const char *variant;
        int fastest;
    } items[WINNERS_MAX]; /* the most often fastest first */
    int count;
};
void winners_find(struct winners *winners, const struct pair_side *side, bool decode);

/* All of it, a sentence each, without full stops: a pair each (of many devices, those with the
 * first), then which kernel to use on each device, then what was not measured there. Foreign text
 * is not escaped. */
struct text_list pairs_sentences(const struct pair_side *sides, int count, struct arena *arena);

#endif
