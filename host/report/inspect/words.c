/* Foreign text in the inspected page. */
#include "report/inspect/page.h"

#include "util/fold.h"

void page_add_text(struct text *out, const char *foreign, int max_characters)
{
    uint32_t code;
    for (int count = 0, step; *foreign && (step = fold_decode(foreign, &code)) > 0; ++count) {
        if (count == max_characters - 1 && foreign[step]) {
            text_add(out, "\u2026");
            return;
        }
        const char *entity = code == '&'    ? "&amp;"
                             : code == '<'  ? "&lt;"
                             : code == '>'  ? "&gt;"
                             : code == '"'  ? "&quot;"
                             : code == '\'' ? "&#39;"
                                            : NULL;
        if (entity)
            text_add(out, entity);
        else
            text_add_bytes(out, foreign, (size_t)step);
        foreign += step;
    }
}

void page_add_block(struct text *out, const struct tokens *tokens, int64_t block, int64_t index,
                    int max_characters)
{
    struct text plain = {0};
    inspection_add_block(&plain, tokens, block, index);
    page_add_text(out, text_get(&plain), max_characters);
    text_free(&plain);
}
