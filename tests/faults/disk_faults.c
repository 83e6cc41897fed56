/* A disk that fails, to be preloaded (LD_PRELOAD): the k-th write, fsync, fdatasync, rename or
 * ftruncate of a file below a folder fails. Pipes, terminals and other folders are left alone.
 *
 * ATTNBENCH_DISK="FOLDER CALL K HOW": CALL is one of those names or "any"; K counts from 1, "K+":
 * from there on; HOW is ENOSPC, EIO, or short (half is written, then all goes well). */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static struct {
    bool on, from_there_on;
    char folder[512], call[16], how[16];
    unsigned long k, seen;
} disk;

__attribute__((constructor)) static void read_environment(void)
{
    const char *text = getenv("ATTNBENCH_DISK");
    char k[32] = "";
    if (text && sscanf(text, "%511s %15s %31s %15s", disk.folder, disk.call, k, disk.how) == 4) {
        char *end = NULL;
        disk.k = strtoul(k, &end, 10);
        disk.from_there_on = *end == '+';
        disk.on = true;
    }
}

static bool is_below(int fd)
{
    char link[64], path[4096] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return readlink(link, path, sizeof path - 1) > 0 &&
           strncmp(path, disk.folder, strlen(disk.folder)) == 0;
}

/* Is this call to fail? errno is set then. fd < 0: it has none. */
static bool fails(const char *call, int fd)
{
    if (!disk.on || (strcmp(disk.call, "any") != 0 && strcmp(disk.call, call) != 0) ||
        (fd >= 0 && !is_below(fd)))
        return false;
    ++disk.seen;
    if (disk.from_there_on ? disk.seen < disk.k : disk.seen != disk.k)
        return false;
    errno = strcmp(disk.how, "EIO") == 0 ? EIO : ENOSPC;
    return true;
}

#define NEXT(function)                                                                             \
    __typeof__(function) *next = __extension__(__typeof__(function) *) dlsym(RTLD_NEXT, #function)

ssize_t write(int fd, const void *data, size_t bytes)
{
    NEXT(write);
    if (!fails("write", fd))
        return next(fd, data, bytes);
    if (strcmp(disk.how, "short") == 0)
        return next(fd, data, bytes > 1 ? bytes / 2 : bytes);
    if (bytes > 1) /* a full disk takes what still fits */
        (void)!next(fd, data, bytes / 2);
    return -1;
}

int fsync(int fd)
{
    NEXT(fsync);
    return fails("fsync", fd) ? -1 : next(fd);
}

int fdatasync(int fd)
{
    NEXT(fdatasync);
    return fails("fdatasync", fd) ? -1 : next(fd);
}

int ftruncate(int fd, off_t length)
{
    NEXT(ftruncate);
    return fails("ftruncate", fd) ? -1 : next(fd, length);
}

int rename(const char *from, const char *to)
{
    NEXT(rename);
    return fails("rename", -1) ? -1 : next(from, to);
}
