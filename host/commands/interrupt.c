#include "commands/interrupt.h"

#include <stddef.h>

static volatile sig_atomic_t requests;

static void on_signal(int number)
{
    (void)number;
    if (requests < 2)
        requests = requests + 1;
}

const volatile sig_atomic_t *interrupt_catch(void)
{
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &requests;
}
