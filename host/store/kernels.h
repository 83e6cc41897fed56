/* The kernel tree: variants with their sources, from the binary or from a folder.
 *
 * kernels/ is embedded at build time. With a folder given (--kernels DIR), its variants are added,
 * and replace built-in ones of the same name; DIR holds variant folders, or is one. An include
 * folder in DIR goes before the built-in includes. */
#ifndef ATTNBENCH_STORE_KERNELS_H
#define ATTNBENCH_STORE_KERNELS_H

#include "problem/quirk.h"
#include "problem/tunings.h"
#include "problem/variant.h"

/* A file of the tree. */
struct kernel_file {
    const char *path;  /* what #line and compilers call it: "fused/fused.cl", "include/block.clh" */
    const char *shown; /* where people find it: "kernels/fused/fused.cl", or in the folder given */
    bool given;        /* by the folder, not built in */
};

struct kernel_tree {
    struct variant *variants; /* sorted by name */
    int count;
    struct kernel_file *files;
    int file_count;
    const char *peaks;      /* the program of kernels/peaks: always the built-in one */
    struct tunings tunings; /* that came with them: <variant>/<name>.tuning.json */
    struct arena arena;
};

/* Each variant's program is complete: every #include "file" line of its .cl files is replaced by
 * the file (the first time it occurs), which is looked for in the variant's own folder and then
 * among the includes. Names with a slash are refused: nothing reaches outside. */
int kernel_tree_load(struct kernel_tree *tree, const char *folder, struct err *err);
/* By name, also frames. */
const struct variant *kernel_tree_find(const struct kernel_tree *tree, const char *name);
/* By its path; NULL: there is none. */
const struct kernel_file *kernel_tree_file(const struct kernel_tree *tree, const char *path);
/* A file of kernels/new, "naive.cl" or "naive.json", in which NAME stands for a variant's name;
 * NULL: there is none. */
const char *kernel_template(const char *file);
/* kernels/quirks.json as it was at build time; strings live in the arena. */
int kernel_tree_quirks(struct quirk_list *quirks, struct arena *arena, struct err *err);
void kernel_tree_free(struct kernel_tree *tree);

#endif
