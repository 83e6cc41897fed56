/* Feeds files, or the files of folders, to a fuzz target: its corpus as a test without libFuzzer.
 * Exit status 1 when there is nothing to read. */
#include "fuzz.h"
#include "util/file.h"

#include <dirent.h>

enum { FILE_BYTES_MAX = 1 << 24 };

static int feed(const char *path)
{
    struct text content = {0};
    struct err err = {""};
    if (file_read(path, FILE_BYTES_MAX, &content, &err)) {
        fprintf(stderr, "%s\n", err.message);
        text_free(&content);
        return -1;
    }
    /* A block of exactly this size, so that a sanitizer sees a read beyond it. */
    uint8_t *exact = malloc(content.length ? content.length : 1);
    promise(exact != NULL, "there is memory", path);
    memcpy(exact, text_get(&content), content.length);
    LLVMFuzzerTestOneInput(exact, content.length);
    free(exact);
    text_free(&content);
    return 0;
}

static int feed_folder(DIR *folder, const char *path, int *fed)
{
    const struct dirent *entry;
    while ((entry = readdir(folder))) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (feed(name))
            return -1;
        ++*fed;
    }
    return 0;
}

int main(int count, char **paths)
{
    int fed = 0, result = 0;
    for (int i = 1; i < count && result == 0; ++i) {
        DIR *folder = opendir(paths[i]);
        result = folder ? feed_folder(folder, paths[i], &fed) : feed(paths[i]);
        if (folder)
            closedir(folder);
        else
            ++fed;
    }
    printf("%d inputs\n", fed);
    return result || !fed;
}
