#include "util/standard.h"

#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static int failed; /* errno of the first write that failed */
static bool was_closed;

void standard_open(void)
{
    static const int modes[] = {O_RDONLY, O_RDONLY, O_WRONLY};
    for (int fd = 0; fd <= 2; ++fd)
        if (fcntl(fd, F_GETFD) < 0) {
            was_closed |= fd == STDOUT_FILENO;
            if (open("/dev/null", modes[fd]) != fd) /* the lowest that is free */
                _exit(6);
        }
    signal(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ
    signal(SIGXFSZ, SIG_IGN);
#endif
}

void standard_write(const void *bytes, size_t count)
{
    if (!failed && count && file_write_all(STDOUT_FILENO, bytes, count, NULL))
        failed = errno ? errno : EIO;
}

void standard_print(const char *format, ...)
{
    struct text text = {0};
    va_list args;
    va_start(args, format);
    text_print_list(&text, format, args);
    va_end(args);
    standard_write(text_get(&text), text.length);
    text_free(&text);
}

bool standard_lost(struct err *err)
{
    if (!failed || failed == EPIPE)
        return false;
    err_set(err, "cannot write to standard output: %s",
            was_closed ? "it is closed" : strerror(failed));
    return true;
}
