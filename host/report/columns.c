#include "report/columns.h"

#include "report/words.h"

#include <stdint.h>
#include <string.h>

void columns_ascii(struct text *out, const char *foreign, int max)
{
    struct text line = {0};
    words_line(&line, foreign, SIZE_MAX);
    int columns = 0;
    for (const char *c = text_get(&line); *c && columns < max; ++c) {
        const unsigned char byte = (unsigned char)*c;
        if ((byte & 0xc0) == 0x80)
            continue;
        text_print(out, "%c", byte < 0x80 ? *c : '?');
        ++columns;
    }
    text_free(&line);
}

void columns_left(struct text *out, const char *foreign, int columns)
{
    struct text shown = {0};
    columns_ascii(&shown, foreign, columns);
    text_print(out, "%-*s", columns, text_get(&shown));
    text_free(&shown);
}

void columns_right(struct text *out, const char *foreign, int columns)
{
    struct text shown = {0};
    columns_ascii(&shown, foreign, columns);
    text_print(out, "%*s", columns, text_get(&shown));
    text_free(&shown);
}

void columns_wrapped(struct text *out, const char *words, int width)
{
    struct text plain = {0};
    columns_ascii(&plain, words, INT16_MAX);
    int column = 0;
    for (const char *word = text_get(&plain); *word; word += strspn(word, " ")) {
        int length = (int)strcspn(word, " ");
        if (column && column + 1 + length > width) {
            text_add(out, "\n    ");
            column = 4;
        } else if (column) {
            text_add(out, " ");
            ++column;
        }
        if (length > width - column) /* the rest of a monster is the next word */
            length = width - column;
        text_add_bytes(out, word, (size_t)length);
        column += length;
        word += length;
    }
    text_add(out, "\n");
    text_free(&plain);
}

void columns_end_line(struct text *out)
{
    while (out->length && out->data[out->length - 1] == ' ')
        --out->length;
    text_add(out, "\n");
}
