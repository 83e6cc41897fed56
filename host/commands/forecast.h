/* What a run will take: the end of `plan`, the beginning of `run`. */
#ifndef ATTNBENCH_COMMANDS_FORECAST_H
#define ATTNBENCH_COMMANDS_FORECAST_H

#include "commands/common.h"
#include "worker/estimate.h"

/* Of the cells that are not done (NULL: of all), by the peaks that are kept; none are measured. */
void setup_forecast(const struct setup *setup, const bool *done, struct forecast *forecast);

/* Seconds that a run may take: --budget, or the first suite's; 0: no limit. */
double setup_budget_s(const struct setup *setup, const struct options *options);

/* "112 cells, about 6 min (from the kept peaks), at most 60 s by the suite's budget". */
void forecast_words(const struct forecast *forecast, const struct setup *setup,
                    const struct options *options, struct text *out);

#endif
