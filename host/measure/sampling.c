#include "measure/sampling.h"

#include "measure/stats.h"

#include <assert.h>
#include <math.h>

enum { RECENT = sizeof((struct sampler *)0)->recent_s / sizeof(double) };

void sampler_start(struct sampler *sampler, const struct measure_rule *rule, double *samples_s)
{
    *sampler = (struct sampler){.rule = *rule, .samples_s = samples_s};
}

static bool recent_agree(const struct sampler *sampler)
{
    if (sampler->warmup < RECENT)
        return false;
    double min = INFINITY, max = 0;
    for (int i = 0; i < RECENT; i++) {
        min = fmin(min, sampler->recent_s[i]);
        max = fmax(max, sampler->recent_s[i]);
    }
    return max <= 1.1 * min;
}

static void add_warmup(struct sampler *sampler, double host_s, double time_s)
{
    sampler->recent_s[sampler->warmup++ % RECENT] = time_s;
    sampler->warmup_s += host_s;
    sampler->warm = recent_agree(sampler) || sampler->warmup_s >= sampler->rule.max_time_s / 5;
}

static bool is_stable(const struct sampler *sampler)
{
    struct stats stats;
    stats_compute(sampler->samples_s, sampler->count, &stats);
    return stats.rel_ci <= sampler->rule.target_rel_ci;
}

static void decide(struct sampler *sampler)
{
    const struct measure_rule *rule = &sampler->rule;
    const bool enough = sampler->count >= rule->min_samples && sampler->total_s >= rule->min_time_s;
    const bool limit = sampler->total_s >= rule->max_time_s || sampler->count >= SAMPLES_MAX;
    if (!enough && !limit)
        return;
    sampler->stable = is_stable(sampler);
    sampler->done = sampler->stable || limit;
}

void sampler_end(struct sampler *sampler)
{
    assert(sampler->count > 0);
    sampler->stable = sampler->count >= sampler->rule.min_samples && is_stable(sampler);
    sampler->done = true;
}

bool sampler_add(struct sampler *sampler, double host_s, double time_s)
{
    assert(!sampler->done);
    const bool last_chance = 2 * host_s > sampler->rule.max_time_s;
    if (!sampler->warm && !last_chance) {
        add_warmup(sampler, host_s, time_s);
        return false;
    }
    sampler->warm = true;
    sampler->samples_s[sampler->count++] = time_s;
    sampler->total_s += host_s;
    decide(sampler);
    return true;
}
