/* The layers that Table 1 of the paper compares, as the sweeps over n have them. Internal to the
 * files here. */
#ifndef ATTNBENCH_REPORT_CLAIMS_OVER_N_H
#define ATTNBENCH_REPORT_CLAIMS_OVER_N_H

#include "report/claims/rows.h"

enum { ATTENTION, LSTM, GRU, OVER_N_LAYERS };
struct over_n_layer {
    const char *name, *sweep, *key;
    double value;
    const char *stage; /* whose growth Table 1 speaks of; NULL: all */
    double exponent;
    const char *kind, *operations, *sequential, *path; /* Table 1 */
};
extern const struct over_n_layer over_n_layers[OVER_N_LAYERS];

struct over_n {
    struct curves *curves[OVER_N_LAYERS];
    const struct curve *lead[OVER_N_LAYERS]; /* NULL: no ok row */
    bool seen;                               /* any row, whatever became of it */
    double width;                            /* d_model */
};
struct over_n over_n_find(const struct claim_source *source);

#endif
