/* Multi-head attention: Concat(head_1, ..., head_h) W_O, head_i = Attention(x W_Q, y W_K, y W_V).
 */
#include "verify/reference_run.h"

#include <string.h>

void reference_mha(const struct reference_run *run, double *output)
{
    const struct problem *p = run->problem;
    const double *x = run_embedded(run);
    const double *kv = p->cross ? run_data(run, "y") : x;
    const double *queries = run_gather(run, x, run->rows, run->row_count, p->d_model);
    const double *out = run_heads(run, OVER_SELF, "", 0, queries, run->rows, run->row_count, kv);
    memcpy(output, out, (size_t)(run->row_count * p->d_model) * sizeof *output);
}
