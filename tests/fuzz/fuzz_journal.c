/* Journals: a torn tail is cut where a line ends, and the rest reads as the whole did. */
#include "fuzz.h"
#include "store/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct results results, again;
    struct err err = {""};
    bool torn = false;
    size_t valid_bytes = 0;
    if (journal_read(&results, "fuzz.journal", text, size, &torn, &valid_bytes, &err)) {
        promise_refusal(&err);
        return 0;
    }
    promise(valid_bytes <= size && valid_bytes > 0 && text[valid_bytes - 1] == '\n',
            "whole lines are kept", "");
    promise(torn == (valid_bytes < size), "a torn tail is said so", "");
    promise(journal_read(&again, "fuzz.journal", text, valid_bytes, &torn, &valid_bytes, &err) == 0,
            "without its tail it is read again", err.message);
    promise(!torn && again.row_count == results.row_count, "with the same rows", "");
    results_derive(&results);
    results_free(&again);
    results_free(&results);
    return 0;
}
