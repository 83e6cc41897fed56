#include "util/lock.h"

#include "util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static long holder_of(int fd)
{
    char text[32] = "";
    return pread(fd, text, sizeof text - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

/* The id is for people's eyes: nothing depends on it. */
static void sign(int fd)
{
    char text[32];
    const int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0)
        (void)!pwrite(fd, text, (size_t)length, 0);
}

int lock_take(const char *path, double limit_s, void (*waiting)(void *context, long holder),
              void *context, const volatile sig_atomic_t *stop, struct err *err)
{
    const double start_s = clock_now_s();
    struct stat status;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (fd < 0)
        return err_set(err, "cannot open '%s': %s", path, strerror(errno));
    if (fstat(fd, &status) || !S_ISREG(status.st_mode)) {
        close(fd);
        return err_set(err, "cannot open '%s': it is no file", path);
    }
    bool told = false;
    while (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK || *stop) {
            err_set(err, "cannot lock '%s': %s", path,
                    *stop ? "stopped by the user" : strerror(errno));
            close(fd);
            return -1;
        }
        if (clock_now_s() - start_s >= limit_s) {
            err_set(err, "process %ld holds '%s'", holder_of(fd), path);
            close(fd);
            return LOCK_HELD;
        }
        if (!told)
            waiting(context, holder_of(fd));
        told = true;
        /* Not a blocking flock: a signal between looking at *stop and that would be missed. */
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    sign(fd);
    return fd;
}
