#include "worker/account.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *step;
    enum activity activity;
} steps[] = {{"enumerate", ACTIVITY_START}, {"open", ACTIVITY_START},   {"release", ACTIVITY_START},
             {"problem", ACTIVITY_INPUTS},  {"case", ACTIVITY_INPUTS},  {"prepare", ACTIVITY_BUILD},
             {"peak", ACTIVITY_PEAKS},      {"launch", ACTIVITY_CHECK}, {"read", ACTIVITY_CHECK},
             {"judge", ACTIVITY_CHECK}};

void account_step(struct account *account, const char *step, double seconds)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; ++i)
        if (strcmp(steps[i].step, step) == 0)
            account_add(account, steps[i].activity, seconds);
}

void account_add(struct account *account, enum activity activity, double seconds)
{
    if (account)
        account->spent_s[activity] += seconds;
}

void account_close(struct account *account, double total_s)
{
    double known_s = 0;
    for (int i = 0; i < ACTIVITIES; ++i)
        known_s += i == ACTIVITY_OTHER ? 0 : account->spent_s[i];
    account->spent_s[ACTIVITY_OTHER] = fmax(total_s - known_s, 0);
}
