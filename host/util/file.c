#include "util/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, size_t max_bytes, struct text *content, struct err *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, "cannot read '%s': %s", path, strerror(errno));
    int result = 0;
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
        result = err_set(err, "cannot read '%s': it is a folder", path);
    const size_t before = content->length;
    while (result == 0) {
        char chunk[65536];
        const ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            result = err_set(err, "cannot read '%s': %s", path, strerror(errno));
        if (got <= 0)
            break;
        text_add_bytes(content, chunk, (size_t)got);
        if (content->length - before > max_bytes)
            result = err_set(err, "cannot read '%s': larger than %zu bytes", path, max_bytes);
    }
    close(fd);
    return result;
}

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

#define TEMPORARY ".tmp.XXXXXX"

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
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t length = strlen(name), suffix = sizeof TEMPORARY - 1;
    const int fd = open_folder_of(path);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (!folder) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (strlen(entry->d_name) == length + suffix && strncmp(entry->d_name, name, length) == 0 &&
            strncmp(entry->d_name + length, TEMPORARY, strlen(".tmp.")) == 0)
            (void)unlinkat(fd, entry->d_name, 0);
    closedir(folder);
}

/* The descriptor of a new file beside `path`. */
static int open_temporary(const char *path, char temporary[4096], struct err *err)
{
    const int length = snprintf(temporary, 4096, "%s" TEMPORARY, path);
    if (length < 0 || (size_t)length >= 4096)
        return err_set(err, "cannot write '%.200s...': the path is too long", path);
    const int fd = mkstemp(temporary);
    return fd < 0 ? err_set(err, "cannot write '%s': %s", path, strerror(errno)) : fd;
}

/* Puts the temporary in the place of `path`; result: what went wrong before. */
static int put(const char *path, const char *temporary, bool durably, int result, struct err *err)
{
    if (result == 0 && rename(temporary, path))
        result = err_set(err, "%s", strerror(errno));
    if (result) {
        unlink(temporary);
        return err_prefix(err, "cannot write '%s'", path);
    }
    if (durably)
        sync_folder_of(path);
    return 0;
}

static int finish_bytes(int fd, bool durably, struct err *err)
{
    const mode_t mask = umask(0);
    umask(mask);
    return fchmod(fd, 0666 & ~mask) || (durably && fsync(fd)) ? err_set(err, "%s", strerror(errno))
                                                              : 0;
}

static int replace(const char *path, const void *bytes, size_t count, bool durably, struct err *err)
{
    char temporary[4096];
    const int fd = open_temporary(path, temporary, err);
    if (fd < 0)
        return -1;
    int result = file_write_all(fd, bytes, count, err);
    if (result == 0)
        result = finish_bytes(fd, durably, err);
    if (close(fd) && result == 0)
        result = err_set(err, "%s", strerror(errno));
    return put(path, temporary, durably, result, err);
}

int file_begin(struct file_writer *writer, const char *path, struct err *err)
{
    *writer = (struct file_writer){.path = path};
    const int fd = open_temporary(path, writer->temporary, err);
    if (fd < 0)
        return -1;
    writer->file = fdopen(fd, "w+");
    if (writer->file)
        return 0;
    err_set(err, "cannot write '%s': %s", path, strerror(errno));
    close(fd);
    unlink(writer->temporary);
    return -1;
}

int file_end(struct file_writer *writer, bool keep, struct err *err)
{
    if (!keep) {
        fclose(writer->file);
        unlink(writer->temporary);
        return 0;
    }
    int result = fflush(writer->file) || ferror(writer->file)
                     ? err_set(err, "%s", errno ? strerror(errno) : "write failed")
                     : finish_bytes(fileno(writer->file), true, err);
    if (fclose(writer->file) && result == 0)
        result = err_set(err, "%s", strerror(errno));
    return put(writer->path, writer->temporary, true, result, err);
}

int file_replace(const char *path, const void *bytes, size_t count, struct err *err)
{
    return replace(path, bytes, count, true, err);
}

int file_replace_quickly(const char *path, const void *bytes, size_t count, struct err *err)
{
    return replace(path, bytes, count, false, err);
}
