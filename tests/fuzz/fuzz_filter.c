/* --filter: what is within the limits is compiled and searched on a small stack, with little
 * memory; what is not is refused with a message. A selection of cells, which comes from files, lets
 * through what its ranges say and nothing beyond. */
#include "fuzz.h"
#include "problem/filter.h"

#include <pthread.h>

static const char subject[] = "attention(heads_q=8,heads_kv=8,n_q=1024,n_kv=1024,d_k=64,d_v=64)";

static void *compile(void *text)
{
    struct filter filter;
    struct err err = {""};
    if (filter_compile(&filter, text, &err)) {
        promise(strncmp(err.message, "--filter '", 10) == 0, "a refusal names it", err.message);
        return NULL;
    }
    (void)filter_matches(&filter, subject, "fused");
    (void)filter_matches(&filter, "", "");
    filter_free(&filter);
    return NULL;
}

/* As on the main thread of a process with ulimit -s 128; sanitizers need more. */
static void compile_on_small_stack(char *text)
{
#if defined __SANITIZE_ADDRESS__ || defined __clang__
    enum { STACK_BYTES = 1 << 20 };
#else
    enum { STACK_BYTES = 100 << 10 };
#endif
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    promise(pthread_create(&thread, &attributes, compile, text) == 0, "there is a thread", text);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { CELLS = 1000 };
    char *text = malloc(size + 1);
    promise(text != NULL, "there is memory", "");
    memcpy(text, data, size);
    text[size] = '\0';
    compile_on_small_stack(text);
    const int likeness = filter_likeness(text, subject);
    promise(likeness >= 0 && likeness <= (int)sizeof subject, "a likeness is of letters", text);
    struct filter filter;
    int passed = 0;
    filter_take(&filter, text);
    for (int c = 0; c < CELLS; ++c)
        passed += filter_passes(&filter, c, subject, "fused");
    promise(*text || !passed, "no range lets nothing through", text);
    free(text);
    return 0;
}
