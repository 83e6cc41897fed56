/* The words of a case: what its queries and keys are called (attnbench inspect).
 *
 * tokens.txt in the case's folder, one token a line, names queries and keys; tokens_q.txt and
 * tokens_kv.txt name those of one side and go before it. Without any they are called by their
 * index. Files are UTF-8. Control characters and bidirectional overrides in them become '?', and a
 * token of nothing but spaces open boxes; what is not UTF-8, too long, or of another number than
 * the tensors have is refused with file and line. */
#ifndef ATTNBENCH_STORE_TOKENS_H
#define ATTNBENCH_STORE_TOKENS_H

#include "problem/problem.h"

enum { TOKEN_BYTES_MAX = 256 };

/* The tokens of one side. All strings are printable UTF-8 and not empty. */
struct tokens {
    int64_t count;
    const char *const *words;  /* as in the file, or "0", "1", ... */
    const char *const *labels; /* the same, with the index where a word occurs twice: "the[4]" */
    bool named;                /* by a file */
};

/* Both sides of a case. Memory comes from the arena. */
int tokens_load(struct tokens *queries, struct tokens *keys, const char *folder,
                const struct problem *problem, struct arena *arena, struct err *err);

/* The content of one file. `name` is for messages; `sides`: "queries", say. */
int tokens_parse(struct tokens *tokens, const char *name, const char *bytes, size_t length,
                 int64_t count, const char *sides, struct arena *arena, struct err *err);

#endif
