#include "util/terminal.h"

#include "util/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_DEFAULT = 80, WIDTH_MAX = 10000 };

static bool is_dumb(void)
{
    const char *term = getenv("TERM");
    return !term || !*term || strcmp(term, "dumb") == 0;
}

bool terminal_rewrites(int fd)
{
    return isatty(fd) && !is_dumb();
}

bool terminal_color(int fd)
{
    const char *no_color = getenv("NO_COLOR");
    return terminal_rewrites(fd) && !(no_color && *no_color);
}

/* The order of setlocale(3), which is not called: numbers must not depend on where this runs. */
bool terminal_utf8(int fd)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    if (isatty(fd) && is_dumb())
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        const char *locale = getenv(names[i]);
        if (locale && *locale)
            return text_contains(locale, "utf-8") || text_contains(locale, "utf8");
    }
    return false;
}

int terminal_width(int fd)
{
    struct winsize size;
    if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    int64_t columns = 0;
    const char *given = getenv("COLUMNS");
    return given && text_to_int64(given, &columns) && columns > 0 && columns <= WIDTH_MAX
               ? (int)columns
               : WIDTH_DEFAULT;
}
