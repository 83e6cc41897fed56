#include "commands/forecast.h"

void setup_forecast(const struct setup *setup, const bool *done, struct forecast *forecast)
{
    struct setup own = {0}; /* a run loads or measures its peaks itself, and says so */
    struct plan plan = setup->plan;
    const size_t count = (size_t)plan.device_count;
    struct device_info *devices =
        arena_grow(&own.arena, plan.devices, count, count, sizeof *devices);
    setup_kept_peaks(&own, devices, plan.device_count);
    plan.devices = devices;
    estimate_plan(forecast, &plan, done);
    arena_free(&own.arena);
}

double setup_budget_s(const struct setup *setup, const struct options *options)
{
    return options->budget_s > 0 ? options->budget_s
           : setup->suite_count  ? setup->suites[0].budget_s
                                 : 0;
}

static void add_duration(struct text *out, double seconds)
{
    if (seconds >= 5400)
        text_print(out, "%.1f h", seconds / 3600);
    else if (seconds >= 90)
        text_print(out, "%.0f min", seconds / 60);
    else
        text_print(out, "%.0f s", seconds < 1 ? 1 : seconds);
}

void forecast_words(const struct forecast *forecast, const struct setup *setup,
                    const struct options *options, struct text *out)
{
    const double budget_s = setup_budget_s(setup, options);
    text_print(out, "%d cell%s, about ", forecast->cells, forecast->cells == 1 ? "" : "s");
    add_duration(out, forecast->seconds);
    text_add(out, forecast->by_peaks ? " (from the kept peaks)"
                                     : " (a guess: no peaks of the device are kept yet)");
    if (budget_s > 0) {
        text_add(out, ", at most ");
        add_duration(out, budget_s);
        text_add(out, options->budget_s > 0 ? " by --budget" : " by the suite's budget");
    }
}
