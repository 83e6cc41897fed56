#include "util/place.h"

#include "util/clock.h"
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINKS_MAX = 40, PROBE_BYTES = 4096 };
static const double reader_deadline_s = 3;

const char *place_odd(mode_t mode)
{
    return S_ISREG(mode)    ? NULL
           : S_ISDIR(mode)  ? "it is a folder"
           : S_ISFIFO(mode) ? "it is a pipe"
           : S_ISSOCK(mode) ? "it is a socket"
                            : "it is a device";
}

static int cannot_write(const char *name, const char *why, struct err *err)
{
    return err_set(err, "cannot write '%.1000s': %s", name, why);
}

/* ---- what is there --------------------------------------------------------------------------- */

/* `path` becomes what the link in it points to. */
static bool follow_once(char path[PLACE_PATH_BYTES])
{
    char target[PLACE_PATH_BYTES];
    const ssize_t length = readlink(path, target, sizeof target - 1);
    if (length <= 0)
        return false;
    target[length] = '\0';
    char *slash = *target == '/' ? NULL : strrchr(path, '/');
    const size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
    if (folder + (size_t)length >= PLACE_PATH_BYTES)
        return false;
    memcpy(path + folder, target, (size_t)length + 1);
    return true;
}

/* A link to nowhere is followed, too: the file is made where it points, as a shell's ">" does. */
static int follow(const char *name, char path[PLACE_PATH_BYTES], struct err *err)
{
    struct stat status;
    if (strlen(name) + sizeof ".tmp.XXXXXX" > PLACE_PATH_BYTES)
        return cannot_write(name, "the path is too long", err);
    memcpy(path, name, strlen(name) + 1);
    for (int links = 0; lstat(path, &status) == 0 && S_ISLNK(status.st_mode); ++links)
        if (links == LINKS_MAX || !follow_once(path))
            return cannot_write(name, strerror(links == LINKS_MAX ? ELOOP : errno), err);
    return 0;
}

/* Another name of what the shell has opened as standard output ("/dev/stdout"). Devices that take
 * from everybody are not meant: /dev/null may stand behind both. */
static bool is_standard_output(const struct stat *status)
{
    struct stat output;
    return (!S_ISCHR(status->st_mode) || isatty(STDOUT_FILENO)) &&
           fstat(STDOUT_FILENO, &output) == 0 && output.st_dev == status->st_dev &&
           output.st_ino == status->st_ino;
}

static int refuse_stream(const char *name, const char *why, struct err *err)
{
    (void)err_set(err,
                  "'%.1000s' cannot be the output: %s, and a file is needed, which is "
                  "brought up to date",
                  name, why);
    return PLACE_REFUSED;
}

int place_find(struct place *place, const char *name, enum place_needs needs, struct err *err)
{
    struct stat status = {.st_mode = 0};
    const bool dash = strcmp(name, "-") == 0;
    *place = (struct place){.kind = PLACE_REGULAR};
    if (!*name)
        return err_set(err, "expected the name of a file, found ''"), PLACE_REFUSED;
    if (!dash && stat(name, &status))
        return errno == ENOENT ? follow(name, place->path, err)
                               : cannot_write(name, strerror(errno), err);
    if (dash || is_standard_output(&status)) {
        place->kind = PLACE_STDOUT;
    } else if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
        place->kind = PLACE_STREAM;
    } else if (!S_ISREG(status.st_mode)) {
        return cannot_write(name, place_odd(status.st_mode), err);
    } else if (access(name, W_OK)) {
        return cannot_write(name, strerror(errno), err);
    } else {
        place->mode = status.st_mode & 07777;
        return follow(name, place->path, err);
    }
    if (needs == PLACE_FILE)
        return refuse_stream(
            name, place->kind == PLACE_STREAM ? place_odd(status.st_mode) : "it is standard output",
            err);
    return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

int place_open_stream(const char *name, struct err *err)
{
    const double until = clock_now_s() + reader_deadline_s;
    int fd;
    /* Without O_NONBLOCK a pipe that nobody reads would be waited for, for ever. */
    while ((fd = open(name, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0 &&
           (errno == ENXIO || errno == EINTR) && clock_now_s() < until)
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    if (fd < 0 && errno == ENXIO)
        return err_set(err, "cannot write '%.1000s': nobody has opened it for reading within %g s",
                       name, reader_deadline_s);
    if (fd < 0)
        return cannot_write(name, strerror(errno), err);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return fd;
}

int place_open_temporary(const struct place *place, const char *name,
                         char temporary[PLACE_PATH_BYTES], struct err *err)
{
    const int length = snprintf(temporary, PLACE_PATH_BYTES, "%s" FILE_TEMPORARY, place->path);
    if (length < 0 || length >= PLACE_PATH_BYTES)
        return cannot_write(name, "the path is too long", err);
    const int fd = mkostemp(temporary, O_CLOEXEC);
    return fd < 0 ? cannot_write(name, strerror(errno), err) : fd;
}

/* ---- before work begins ---------------------------------------------------------------------- */

static int probe(const struct place *place, const char *name, struct err *err)
{
    static const char zeros[PROBE_BYTES];
    char temporary[PLACE_PATH_BYTES];
    struct err why;
    const int fd = place_open_temporary(place, name, temporary, err);
    if (fd < 0)
        return -1;
    int result = file_write_all(fd, zeros, sizeof zeros, &why)
                     ? err_set(err, "cannot write '%.1000s': %s", name, why.message)
                     : 0;
    if (close(fd) && result == 0)
        result = cannot_write(name, strerror(errno), err);
    unlink(temporary);
    return result;
}

int place_check(const char *name, enum place_needs needs, const char *option,
                const char *const *inputs, int input_count, struct err *err)
{
    struct place place;
    struct stat output, input;
    const int found = place_find(&place, name, needs, err);
    if (found)
        return err_prefix(err, "%s", option), found;
    const char *there = place.kind == PLACE_REGULAR ? place.path : name;
    for (int i = 0; place.kind != PLACE_STDOUT && i < input_count; ++i)
        if (inputs[i] && stat(there, &output) == 0 && stat(inputs[i], &input) == 0 &&
            output.st_dev == input.st_dev && output.st_ino == input.st_ino) {
            (void)err_set(err, "%s: '%.800s' is read by this command%s%.800s%s; name another file",
                          option, name, strcmp(name, inputs[i]) == 0 ? "" : " (as '",
                          strcmp(name, inputs[i]) == 0 ? "" : inputs[i],
                          strcmp(name, inputs[i]) == 0 ? "" : "')");
            return PLACE_REFUSED;
        }
    return place.kind == PLACE_REGULAR ? probe(&place, name, err) : 0;
}
