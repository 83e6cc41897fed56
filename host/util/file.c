#include "util/file.h"

#include "util/clock.h"
#include "util/standard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading --------------------------------------------------------------------------------- */

static const double writer_deadline_s = 3;

static int cannot_read(const char *path, const char *why, struct err *err)
{
    return err_set(err, "cannot read '%.1000s': %s", path, why);
}

int file_open(const char *path, enum input input, struct err *err)
{
    struct stat status;
    /* Opening a pipe without O_NONBLOCK would wait for a writer, for ever. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return cannot_read(path, errno == ENXIO ? "it is a socket or a device" : strerror(errno),
                           err);
    if (fstat(fd, &status) == 0) {
        const char *odd = place_odd(status.st_mode);
        if (!odd || (input == INPUT_NAMED && S_ISFIFO(status.st_mode)))
            return fd;
        err_set(err, "cannot read '%.1000s': %s%s", path, odd,
                S_ISDIR(status.st_mode) ? "" : ", not a file");
    } else {
        cannot_read(path, strerror(errno), err);
    }
    close(fd);
    return -1;
}

FILE *file_open_stream(const char *path, struct err *err)
{
    const int fd = file_open(path, INPUT_FILE, err);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (fd >= 0 && !file) {
        cannot_read(path, strerror(errno), err);
        close(fd);
    }
    return file;
}

/* As read(2), for a descriptor that does not block. While a pipe has no writer, *until is the
 * moment to give it up, and then ETIMEDOUT; once it had one it is read to its end, 0. */
static ssize_t read_some(int fd, void *bytes, size_t count, double *until)
{
    enum { SLICE_MS = 50 };
    while (true) {
        struct pollfd wait = {fd, POLLIN, 0};
        const int ready = poll(&wait, 1, *until > 0 ? SLICE_MS : -1);
        if (ready < 0 && errno != EINTR)
            return -1;
        const ssize_t got = read(fd, bytes, count);
        if (got > 0 || (got < 0 && errno == EAGAIN))
            *until = 0; /* there is a writer */
        if (got > 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return got;
        if (got == 0 && (*until <= 0 || ready > 0))
            return 0;
        if (got == 0 && clock_now_s() >= *until) {
            errno = ETIMEDOUT;
            return -1;
        }
    }
}

static int read_all(const char *path, enum input input, size_t max_bytes, struct text *content,
                    struct err *err)
{
    const int fd = file_open(path, input, err);
    if (fd < 0)
        return -1;
    struct stat status;
    const bool waits = fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
    double until = waits ? clock_now_s() + writer_deadline_s : 0;
    int result = 0;
    const size_t before = content->length;
    while (result == 0) {
        char chunk[8192];
        const ssize_t got =
            waits ? read_some(fd, chunk, sizeof chunk, &until) : read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == ETIMEDOUT)
            result = err_set(err,
                             "cannot read '%.1000s': nobody has opened it for writing within "
                             "%g s",
                             path, writer_deadline_s);
        else if (got < 0)
            result = cannot_read(path, strerror(errno), err);
        if (got <= 0)
            break;
        text_add_bytes(content, chunk, (size_t)got);
        if (content->length - before > max_bytes)
            result = err_set(err, "cannot read '%.1000s': larger than %zu bytes", path, max_bytes);
    }
    close(fd);
    return result;
}

int file_read(const char *path, size_t max_bytes, struct text *content, struct err *err)
{
    return read_all(path, INPUT_FILE, max_bytes, content, err);
}

int file_read_named(const char *path, size_t max_bytes, struct text *content, struct err *err)
{
    return read_all(path, INPUT_NAMED, max_bytes, content, err);
}

/* ---- writing --------------------------------------------------------------------------------- */

int file_write_all(int fd, const void *bytes, size_t count, struct err *err)
{
    const char *next = bytes;
    while (count > 0) {
        const ssize_t written = write(fd, next, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return err_set(err, "write failed: %s", written < 0 ? strerror(errno) : "no progress");
        next += written;
        count -= (size_t)written;
    }
    return 0;
}

static int open_folder_of(const char *path)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    return open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void sync_folder_of(const char *path)
{
    const int fd = open_folder_of(path);
    if (fd >= 0) {
        (void)fsync(fd); /* some file systems refuse it; the rename itself has succeeded */
        close(fd);
    }
}

void file_remove_temporaries(const char *path)
{
    struct place place;
    if (place_find(&place, path, PLACE_FILE, NULL))
        return;
    const char *slash = strrchr(place.path, '/'), *name = slash ? slash + 1 : place.path;
    const size_t length = strlen(name), suffix = sizeof FILE_TEMPORARY - 1;
    const int fd = open_folder_of(place.path);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (!folder) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (strlen(entry->d_name) == length + suffix && strncmp(entry->d_name, name, length) == 0 &&
            strncmp(entry->d_name + length, FILE_TEMPORARY, strlen(".tmp.")) == 0)
            (void)unlinkat(fd, entry->d_name, 0);
    closedir(folder);
}

/* Puts the temporary into its place; result: what went wrong before. */
static int put(const char *name, const struct place *place, const char *temporary, bool durably,
               int result, struct err *err)
{
    if (result == 0 && rename(temporary, place->path))
        result = err_set(err, "%s", strerror(errno));
    if (result) {
        unlink(temporary);
        return err_prefix(err, "cannot write '%.1000s'", name);
    }
    if (durably)
        sync_folder_of(place->path);
    return 0;
}

/* With the rights of the file that was there, or those of a new one. */
static int finish_bytes(int fd, mode_t mode, bool durably, struct err *err)
{
    const mode_t mask = umask(0);
    umask(mask);
    return fchmod(fd, mode ? mode : 0666 & ~mask) || (durably && fsync(fd))
               ? err_set(err, "%s", strerror(errno))
               : 0;
}

static int replace(const char *name, const struct place *place, const void *bytes, size_t count,
                   bool durably, struct err *err)
{
    char temporary[PLACE_PATH_BYTES];
    const int fd = place_open_temporary(place, name, temporary, err);
    if (fd < 0)
        return -1;
    int result = file_write_all(fd, bytes, count, err);
    if (result == 0)
        result = finish_bytes(fd, place->mode, durably, err);
    if (close(fd) && result == 0)
        result = err_set(err, "%s", strerror(errno));
    return put(name, place, temporary, durably, result, err);
}

static int write_stream(const char *path, const void *bytes, size_t count, struct err *err)
{
    const int fd = place_open_stream(path, err);
    if (fd < 0)
        return -1;
    int result = file_write_all(fd, bytes, count, err);
    if (close(fd) && result == 0)
        result = err_set(err, "%s", strerror(errno));
    return result ? err_prefix(err, "cannot write '%.1000s'", path) : 0;
}

int file_write(const char *path, const void *bytes, size_t count, struct err *err)
{
    struct place place;
    if (place_find(&place, path, PLACE_ANY, err))
        return -1;
    if (place.kind == PLACE_STREAM)
        return write_stream(path, bytes, count, err);
    if (place.kind == PLACE_REGULAR)
        return replace(path, &place, bytes, count, true, err);
    standard_write(bytes, count); /* what is lost is told when the program ends */
    return 0;
}

int file_begin(struct file_writer *writer, const char *path, struct err *err)
{
    *writer = (struct file_writer){.path = path};
    if (place_find(&writer->place, path, PLACE_ANY, err))
        return -1;
    const int fd = writer->place.kind == PLACE_STDOUT ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                   : writer->place.kind == PLACE_STREAM
                       ? place_open_stream(path, err)
                       : place_open_temporary(&writer->place, path, writer->temporary, err);
    if (fd < 0)
        return writer->place.kind == PLACE_STDOUT
                   ? err_set(err, "cannot write to standard output: %s", strerror(errno))
                   : -1;
    writer->file = fdopen(fd, "w");
    if (writer->file)
        return 0;
    err_set(err, "cannot write '%.1000s': %s", path, strerror(errno));
    close(fd);
    if (*writer->temporary)
        unlink(writer->temporary);
    return -1;
}

void file_add(struct file_writer *writer, const void *bytes, size_t count)
{
    if (fwrite(bytes, 1, count, writer->file) != count && !writer->lost)
        writer->lost = errno;
}

int file_end(struct file_writer *writer, bool keep, struct err *err)
{
    const bool is_file = writer->place.kind == PLACE_REGULAR;
    errno = writer->lost;
    int result = keep && (fflush(writer->file) || ferror(writer->file))
                     ? err_set(err, "%s", errno ? strerror(errno) : "write failed")
                     : 0;
    if (keep && result == 0 && is_file)
        result = finish_bytes(fileno(writer->file), writer->place.mode, true, err);
    if (fclose(writer->file) && keep && result == 0)
        result = err_set(err, "%s", strerror(errno));
    if (!keep && is_file)
        unlink(writer->temporary);
    if (!keep || (!is_file && result == 0))
        return 0;
    return is_file ? put(writer->path, &writer->place, writer->temporary, true, result, err)
                   : err_prefix(err, "cannot write '%.1000s'", writer->path);
}

FILE *file_open_spool(const char *path, struct err *err)
{
    struct place place;
    char temporary[PLACE_PATH_BYTES];
    if (place_find(&place, path, PLACE_ANY, err))
        return NULL;
    if (place.kind != PLACE_REGULAR) {
        const char *folder = getenv("TMPDIR");
        snprintf(place.path, sizeof place.path, "%s/attnbench",
                 folder && *folder ? folder : "/tmp");
    }
    const int fd = place_open_temporary(&place, path, temporary, err);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w+");
    if (fd >= 0)
        unlink(temporary); /* it goes with the process, however that ends */
    if (fd >= 0 && !file) {
        err_set(err, "cannot write a temporary file: %s", strerror(errno));
        close(fd);
    }
    return file;
}

static int replace_file(const char *path, const void *bytes, size_t count, bool durably,
                        struct err *err)
{
    struct place place;
    return place_find(&place, path, PLACE_FILE, err)
               ? -1
               : replace(path, &place, bytes, count, durably, err);
}

int file_replace(const char *path, const void *bytes, size_t count, struct err *err)
{
    return replace_file(path, bytes, count, true, err);
}

int file_replace_quickly(const char *path, const void *bytes, size_t count, struct err *err)
{
    return replace_file(path, bytes, count, false, err);
}
