#include "util/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

bool terminal_rewrites(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

bool terminal_color(int fd)
{
    const char *no_color = getenv("NO_COLOR");
    return terminal_rewrites(fd) && !(no_color && *no_color);
}

int terminal_width(int fd)
{
    struct winsize size;
    if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        return size.ws_col;
    return 80;
}

/* The user's, for characters only: numbers are printed and read as in C everywhere. */
static locale_t user_locale(void)
{
    static locale_t locale;
    if (!locale)
        locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    return locale;
}

bool terminal_utf8(void)
{
    const locale_t locale = user_locale();
    return locale && strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
}

int terminal_columns(uint32_t code)
{
    if (!user_locale())
        return 1;
    const locale_t before = uselocale(user_locale());
    const int columns = wcwidth((wchar_t)code);
    uselocale(before);
    return columns < 0 ? 1 : columns;
}
