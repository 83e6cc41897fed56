/* Unicode as far as foreign text needs it: what is invisible, and what looks like ASCII. */
#ifndef ATTNBENCH_UTIL_FOLD_H
#define ATTNBENCH_UTIL_FOLD_H

#include <stdbool.h>
#include <stdint.h>

/* The length of the valid UTF-8 sequence that the text begins with, and its code point; 0: there is
 * none. The text ends with a NUL, which is a character of length 1. */
int fold_decode(const char *text, uint32_t *code);

/* Takes no space and changes what is around it: format characters (category Cf, with the overrides
 * of reading direction, tags and the byte order mark), fillers and variation selectors. */
bool fold_is_invisible(uint32_t code);
/* The same without the joiners of scripts and emoji (U+200C, U+200D) and variation selectors, which
 * are part of words: what a text that people read must not hold. */
bool fold_is_deceptive(uint32_t code);
/* A space of any width, and what ends a line. */
bool fold_is_space(uint32_t code);

/* What a reader, or a spreadsheet, takes the first visible character of a text for: full-width,
 * small, raised and lowered signs are folded to ASCII (compatibility forms of Unicode). 0: there is
 * none. *rest: the text from that character on. */
uint32_t fold_first(const char *text, const char **rest);

#endif
