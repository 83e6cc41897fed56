#include "util/limits.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#ifdef _OPENMP

enum { THREADS_MAX = 256, FEW_PROCESSES = 4096 };

static bool is_limited(void)
{
    struct rlimit memory, processes;
    return (getrlimit(RLIMIT_AS, &memory) == 0 && memory.rlim_cur != RLIM_INFINITY) ||
           (getrlimit(RLIMIT_NPROC, &processes) == 0 && processes.rlim_cur < FEW_PROCESSES);
}

static void *wait_for_end(void *end)
{
    sem_wait(end);
    sem_post(end);
    return NULL;
}

/* All at once, as a loop needs them. */
static bool can_start(int count)
{
    static pthread_t threads[THREADS_MAX];
    sem_t end;
    int started = 0;
    if (sem_init(&end, 0, 0))
        return false;
    while (started < count && pthread_create(&threads[started], NULL, wait_for_end, &end) == 0)
        ++started;
    sem_post(&end);
    for (int i = 0; i < started; ++i)
        pthread_join(threads[i], NULL);
    sem_destroy(&end);
    return started == count;
}

void limits_threads(void)
{
    const int count = omp_get_max_threads();
    if (is_limited() && count > 1 && (count > THREADS_MAX || !can_start(count - 1)))
        omp_set_num_threads(1);
}

#else

void limits_threads(void)
{
}

#endif

int limits_descriptors(int count, struct err *err)
{
    enum { COUNT_MAX = 64 };
    int taken[COUNT_MAX], got = 0;
    count = count < COUNT_MAX ? count : COUNT_MAX;
    while (got < count && (taken[got] = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0)
        ++got;
    for (int i = 0; i < got; ++i)
        close(taken[i]);
    return got == count ? 0
                        : err_set(err,
                                  "too few file descriptors: %d are free, %d are needed; raise the "
                                  "limit (ulimit -n)",
                                  got, count);
}
