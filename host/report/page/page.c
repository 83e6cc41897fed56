#include "report/page/page.h"

#include "util/sha256.h"

#include <string.h>

const char *page_file(const char *name)
{
    for (int i = 0; i < page_file_count; ++i)
        if (strcmp(page_files[i].path, name) == 0)
            return (const char *)page_files[i].data;
    return "";
}

void page_add_hash(struct text *out, const char *content)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char hex[65 + 2];
    sha256_hex(content, strlen(content), hex);
    text_add(out, "'sha256-");
    hex[64] = hex[65] = '0'; /* 32 bytes are 42 digits of 6 bits, and one of 4 bits and 2 zeros */
    hex[66] = '\0';
    for (int i = 0; i < 43; ++i) {
        unsigned value = 0;
        for (int bit = 6 * i; bit < 6 * i + 6; ++bit) {
            const char c = hex[bit / 4];
            const unsigned nibble = (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
            value = value << 1 | (nibble >> (3 - bit % 4) & 1);
        }
        text_add_bytes(out, digits + value, 1);
    }
    text_add(out, "='");
}
