/* Tunings that were found by measuring, and which of them to use for a problem. Pure.
 *
 * A tuning holds for a class of problems, not for one length: problems of a class run the same
 * build over ranges of similar size. Exact: d_k, d_v, dtype, layout, whether there is a mask (that
 * lets kernels skip keys), query heads a key/value head. n_q and n_kv count by the power of 4 that
 * they do not exceed.
 *
 * A tuning file (format "attnbench-tuning", version 1) names a device by what it must equal and
 * holds entries of variant, class and tuning. `attnbench tune` writes one for each device; a
 * variant may bring some (kernels/README.md). Files come from anywhere, so that every entry is held
 * against the variant's own tunables. */
#ifndef ATTNBENCH_PROBLEM_TUNINGS_H
#define ATTNBENCH_PROBLEM_TUNINGS_H

#include "problem/variant.h"

#define TUNING_FORMAT "attnbench-tuning"

/* Where a cell's tuning comes from: the variant file; its own tuning files; `attnbench tune` on
 * this device; a file that the user named. */
enum tuning_source { TUNING_DEFAULT, TUNING_SHIPPED, TUNING_TUNED, TUNING_GIVEN };
const char *tuning_source_name(enum tuning_source source);

struct problem_class {
    int64_t d_k, d_v, dtype, layout;
    bool masked;
    int64_t n_q, n_kv; /* the upper ends: 1, 4, 16, 64, 256, 1024 ... */
    int64_t group;     /* heads_q / heads_kv */
};

struct problem_class problem_class(const struct problem *problem);
/* "d_k=64 d_v=64 f32 bhnd full n_q<=1024 n_kv<=1024 group=1" */
char *problem_class_text(const struct problem_class *class, struct arena *arena);
cJSON *problem_class_to_json(const struct problem_class *class);
/* How unlike two classes are: one for each power of 4 between their lengths and each doubling of
 * the group, one for another layout, one for a mask. -1: d_k, d_v or dtype differ, and a tuning of
 * one says nothing about the other. */
int problem_class_distance(const struct problem_class *a, const struct problem_class *b);

struct tuned {
    const struct variant *variant;
    const char *platform, *name, *vendor, *driver, *type; /* of the device; NULL: any */
    struct problem_class class;
    struct tuning tuning;
    enum tuning_source source;
};

struct tunings {
    struct tuned *items;
    int count, capacity;
};

struct tuning_document {
    const char *file_name, *text;
    size_t length;
    enum tuning_source source;
    bool strict; /* the first mistake is an error; otherwise what is wrong is told and left out */
    void (*warn)(const char *message); /* NULL: nobody wants to know; not when lenient */
};

/* Adds the document's entries. Those of a variant whose program has changed since (another
 * program_sha) are stale and left out, which is told in one warning. -1: only when strict. Memory
 * comes from the arena; the variants must outlive the tunings. */
int tunings_load(struct tunings *tunings, const struct tuning_document *document,
                 const struct variant *variants, int variant_count, struct arena *arena,
                 struct err *err);

bool tuned_is_for(const struct tuned *tuned, const struct device_info *device);

/* The entry to use: of the nearest class at a distance of at most 4, and of one distance the
 * device's own before a shipped one. An entry that does not fit the problem or the device is passed
 * over for the next. NULL: none, use the defaults. */
const struct tuned *tunings_find(const struct tunings *tunings, const struct variant *variant,
                                 const struct problem *problem, const struct device_info *device);

#endif
