/* A case's tokens: what is accepted is as many words as were asked for, none of which can do harm.
 * The first byte says how many. */
#include "fuzz.h"
#include "store/tokens.h"
#include "util/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct tokens tokens;
    struct err err = {""};
    if (size == 0)
        return 0;
    const int64_t count = data[0] % 64 + 1;
    if (tokens_parse(&tokens, "fuzz.txt", (const char *)data + 1, size - 1, count, "keys", &arena,
                     &err) == 0) {
        promise(tokens.count == count, "as many as asked for", "");
        for (int64_t i = 0; i < count; ++i) {
            struct text again = {0};
            text_add_printable(&again, tokens.words[i], false);
            promise(again.length > 0 && strcmp(text_get(&again), tokens.words[i]) == 0,
                    "words are printable", tokens.words[i]);
            promise(text_starts(tokens.labels[i], tokens.words[i]), "labels begin with them",
                    tokens.labels[i]);
            text_free(&again);
        }
    } else {
        promise_refusal(&err);
    }
    arena_free(&arena);
    return 0;
}
