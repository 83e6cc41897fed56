#include "util/fold.h"

#include <stddef.h>

struct range {
    uint32_t first, last;
};

static bool is_in(const struct range *ranges, size_t count, uint32_t code)
{
    for (size_t i = 0; i < count; ++i)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

int fold_decode(const char *text, uint32_t *code)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80) {
        *code = s[0];
        return 1;
    }
    const int length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    uint32_t c = s[0] & (0xffu >> (length + 1));
    for (int i = 1; i < length; ++i) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    if (c < smallest[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *code = c;
    return length;
}

bool fold_is_deceptive(uint32_t code)
{
    static const struct range ranges[] = {
        {0xad, 0xad},       {0x34f, 0x34f},     {0x600, 0x605},     {0x61c, 0x61c},
        {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},
        {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200b},
        {0x200e, 0x200f},   {0x202a, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},
        {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0x110bd, 0x110bd},
        {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
        {0xe0000, 0xe0fff}};
    return is_in(ranges, sizeof ranges / sizeof *ranges, code);
}

bool fold_is_invisible(uint32_t code)
{
    return fold_is_deceptive(code) || code == 0x200c || code == 0x200d ||
           (code >= 0xfe00 && code <= 0xfe0f) || code < 0x20 || (code >= 0x7f && code < 0xa0);
}

bool fold_is_space(uint32_t code)
{
    return (code >= 0x09 && code <= 0x0d) || code == 0x20 || code == 0x85 || code == 0xa0 ||
           code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
           code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x2800 || code == 0x3000;
}

static uint32_t folded(uint32_t code)
{
    static const struct {
        uint32_t from, to;
    } signs[] = {{0xfe62, '+'}, {0xfe63, '-'}, {0xfe66, '='}, {0xfe6b, '@'}, {0x207a, '+'},
                 {0x207b, '-'}, {0x207c, '='}, {0x208a, '+'}, {0x208b, '-'}, {0x208c, '='},
                 {0xfb29, '+'}, {0x2010, '-'}, {0x2011, '-'}, {0x2012, '-'}, {0x2013, '-'},
                 {0x2212, '-'}, {0xfe58, '-'}, {0x2795, '+'}, {0x2796, '-'}};
    if (code >= 0xff01 && code <= 0xff5e) /* full-width forms of ASCII, in its order */
        return code - 0xff01 + '!';
    for (size_t i = 0; i < sizeof signs / sizeof *signs; ++i)
        if (signs[i].from == code)
            return signs[i].to;
    return code;
}

uint32_t fold_first(const char *text, const char **rest)
{
    while (*text) {
        uint32_t code = 0;
        const int length = fold_decode(text, &code);
        if (!length)
            code = '?'; /* as invalid bytes are shown */
        if (!fold_is_space(code) && !fold_is_invisible(code)) {
            *rest = text;
            return folded(code);
        }
        text += length;
    }
    *rest = text;
    return 0;
}
