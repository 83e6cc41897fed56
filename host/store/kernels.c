#include "store/kernels.h"

#include "store/embedded.h"
#include "util/file.h"
#include "util/sha256.h"
#include "util/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_BYTES_MAX = 4 << 20, INCLUDE_DEPTH_MAX = 16, FILES_MAX = 64 };

/* A file of the tree: "fused/fused.cl", with what messages call it. */
struct file {
    const char *path, *shown, *text;
    size_t length;
    bool built_in;
};

struct files {
    struct file *items;
    int count, capacity;
};

static struct file *find_file(const struct files *files, const char *path)
{
    for (int i = 0; i < files->count; ++i)
        if (strcmp(files->items[i].path, path) == 0)
            return &files->items[i];
    return NULL;
}

/* A folder's variant replaces the built-in one whole: no file of the old one may stay. */
static void drop_folder(struct files *files, const char *folder)
{
    int kept = 0;
    const size_t length = strlen(folder);
    for (int i = 0; i < files->count; ++i)
        if (strncmp(files->items[i].path, folder, length) != 0 ||
            files->items[i].path[length] != '/')
            files->items[kept++] = files->items[i];
    files->count = kept;
}

static void add_file(struct files *files, struct file file, struct arena *arena)
{
    struct file *old = find_file(files, file.path);
    if (old) {
        *old = file;
        return;
    }
    if (files->count == files->capacity) {
        files->capacity = files->capacity ? files->capacity * 2 : 64;
        files->items = arena_grow(arena, files->items, (size_t)files->count,
                                  (size_t)files->capacity, sizeof *files->items);
    }
    files->items[files->count++] = file;
}

static bool is_kernel_file(const char *name)
{
    return text_ends(name, ".cl") || text_ends(name, ".clh") || text_ends(name, ".h") ||
           text_ends(name, ".tuning.json") || strcmp(name, "variant.json") == 0;
}

/* Adds the files of one folder as "name/...". */
static int read_folder(struct files *files, const char *path, const char *name, struct arena *arena,
                       struct err *err)
{
    DIR *dir = opendir(path);
    if (!dir)
        return err_set(err, "cannot read the folder '%s': %s", path, strerror(errno));
    int result = 0, count = 0;
    const struct dirent *entry;
    while (result == 0 && (entry = readdir(dir))) {
        if (!is_kernel_file(entry->d_name))
            continue;
        if (++count > FILES_MAX) {
            result = err_set(err, "'%s' holds more than %d kernel files", path, FILES_MAX);
            break;
        }
        const char *shown = arena_print(arena, "%s/%s", path, entry->d_name);
        struct text text = {0};
        result = file_read(shown, FILE_BYTES_MAX, &text, err);
        if (result == 0 && text.length && memchr(text.data, '\0', text.length))
            result = err_set(err, "%s: holds a NUL byte; a text file was expected", shown);
        if (result == 0)
            add_file(files,
                     (struct file){arena_print(arena, "%s/%s", name, entry->d_name), shown,
                                   arena_copy_bytes(arena, text_get(&text), text.length),
                                   text.length, false},
                     arena);
        text_free(&text);
    }
    closedir(dir);
    return result;
}

static bool exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

static int read_tree(struct files *files, const char *folder, struct arena *arena, struct err *err)
{
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        --length;
    folder = arena_copy_bytes(arena, folder, length);
    if (exists(arena_print(arena, "%s/variant.json", folder))) {
        const char *slash = strrchr(folder, '/');
        const char *name = slash ? slash + 1 : folder;
        drop_folder(files, name);
        return read_folder(files, folder, name, arena, err);
    }
    DIR *dir = opendir(folder);
    if (!dir)
        return err_set(err, "--kernels: cannot read the folder '%s': %s", folder, strerror(errno));
    int result = 0, found = 0;
    const struct dirent *entry;
    while (result == 0 && (entry = readdir(dir))) {
        const char *path = arena_print(arena, "%s/%s", folder, entry->d_name);
        const bool include = strcmp(entry->d_name, "include") == 0;
        if (entry->d_name[0] == '.' ||
            (!include && !exists(arena_print(arena, "%s/variant.json", path))))
            continue;
        if (!include)
            drop_folder(files, entry->d_name);
        result = read_folder(files, path, arena_copy(arena, entry->d_name), arena, err);
        found += !include;
    }
    closedir(dir);
    if (result == 0 && !found)
        return err_set(err, "--kernels: no variant in '%s'; expected folders with a variant.json",
                       folder);
    return result;
}

/* ---- programs -------------------------------------------------------------------------------- */

struct expansion {
    const struct files *files;
    const char *folder;
    struct text out;
    const char *seen[FILES_MAX];
    int seen_count, depth;
};

static int expand(struct expansion *e, const struct file *file, struct arena *arena,
                  struct err *err);

/* The quoted name of an #include line, or NULL for any other line. */
static const char *included_name(const char *line, size_t length, struct arena *arena)
{
    const char *end = line + length, *at = line;
    while (at < end && (*at == ' ' || *at == '\t'))
        ++at;
    if (at == end || *at++ != '#')
        return NULL;
    while (at < end && (*at == ' ' || *at == '\t'))
        ++at;
    if (end - at < 7 || strncmp(at, "include", 7) != 0)
        return NULL;
    const char *open = memchr(at, '"', (size_t)(end - at));
    const char *close = open ? memchr(open + 1, '"', (size_t)(end - open - 1)) : NULL;
    return close ? arena_copy_bytes(arena, open + 1, (size_t)(close - open - 1)) : NULL;
}

static int include(struct expansion *e, const struct file *from, const char *name, int line,
                   struct arena *arena, struct err *err)
{
    if (strchr(name, '/') || strchr(name, '\\'))
        return err_set(err, "%s:%d: #include \"%s\": only names without a path", from->shown, line,
                       name);
    const struct file *file = find_file(e->files, arena_print(arena, "%s/%s", e->folder, name));
    if (!file)
        file = find_file(e->files, arena_print(arena, "include/%s", name));
    if (!file)
        return err_set(err, "%s:%d: #include \"%s\": no such file beside it or in kernels/include",
                       from->shown, line, name);
    for (int i = 0; i < e->seen_count; ++i)
        if (strcmp(e->seen[i], file->path) == 0)
            return 0;
    if (e->seen_count == FILES_MAX || ++e->depth > INCLUDE_DEPTH_MAX)
        return err_set(err, "%s:%d: includes nest too deeply", from->shown, line);
    e->seen[e->seen_count++] = file->path;
    const int result = expand(e, file, arena, err);
    --e->depth;
    return result;
}

/* #line keeps the compiler's messages on the right file and line. */
static int expand(struct expansion *e, const struct file *file, struct arena *arena,
                  struct err *err)
{
    text_print(&e->out, "#line 1 \"%s\"\n", file->path);
    int line = 1;
    for (const char *at = file->text; *at; ++line) {
        const size_t length = strcspn(at, "\n");
        const char *name = included_name(at, length, arena);
        if (name) {
            if (include(e, file, name, line, arena, err))
                return -1;
            text_print(&e->out, "#line %d \"%s\"", line + 1, file->path);
        } else {
            text_add_bytes(&e->out, at, length);
        }
        text_add(&e->out, "\n");
        at += length + (at[length] == '\n');
    }
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

/* All .cl files of a folder as one program. */
static int expand_folder(struct expansion *e, struct arena *arena, struct err *err)
{
    const size_t length = strlen(e->folder);
    int result = 0;
    for (int i = 0; i < e->files->count && result == 0; ++i) {
        const struct file *file = &e->files->items[i];
        if (strncmp(file->path, e->folder, length) == 0 && file->path[length] == '/' &&
            text_ends(file->path, ".cl"))
            result = expand(e, file, arena, err);
    }
    return result;
}

static int load_peaks(struct kernel_tree *tree, const struct files *files, struct err *err)
{
    struct expansion e = {.files = files, .folder = "peaks"};
    const int result = expand_folder(&e, &tree->arena, err);
    tree->peaks = arena_copy(&tree->arena, text_get(&e.out));
    text_free(&e.out);
    return result;
}

/* The description, the .cl files and what they include. */
static void list_sources(struct variant *variant, const struct expansion *e,
                         const struct file *description, struct arena *arena)
{
    struct source_file *files = arena_array(arena, (size_t)e->files->count + 1, sizeof *files);
    const size_t length = strlen(e->folder);
    int count = 0;
    for (int i = 0; i < e->files->count; ++i) {
        const struct file *file = &e->files->items[i];
        bool used =
            file == description || (strncmp(file->path, e->folder, length) == 0 &&
                                    file->path[length] == '/' && text_ends(file->path, ".cl"));
        for (int k = 0; k < e->seen_count; ++k)
            used = used || strcmp(e->seen[k], file->path) == 0;
        if (!used)
            continue;
        char *sha = arena_alloc(arena, 65);
        sha256_hex(file->text, file->length, sha);
        files[count++] = (struct source_file){arena_print(arena, "kernels/%s", file->path), sha};
    }
    variant->files = files;
    variant->file_count = count;
}

static int load_variant(struct variant *variant, const struct files *files,
                        const struct file *description, struct arena *arena, struct err *err)
{
    const size_t length = strlen(description->path) - strlen("/variant.json");
    const char *folder = arena_copy_bytes(arena, description->path, length);
    if (variant_load(variant, description->shown, folder, description->text, description->length,
                     arena, err))
        return -1;
    struct expansion e = {.files = files, .folder = folder};
    int result = expand_folder(&e, arena, err);
    if (result == 0 && !e.out.length)
        result = err_set(err, "%s: no .cl file beside it", description->shown);
    variant->program = arena_copy(arena, text_get(&e.out));
    text_add_bytes(&e.out, description->text, description->length);
    char *sha = arena_alloc(arena, 65);
    sha256_hex(text_get(&e.out), e.out.length, sha);
    variant->program_sha = sha;
    list_sources(variant, &e, description, arena);
    text_free(&e.out);
    if (result)
        variant_free(variant);
    return result;
}

/* A tuning file stands beside its variant and speaks of that one only, so that it goes with it. */
static int load_tunings(struct kernel_tree *tree, const struct file *file, struct err *err)
{
    const size_t length = strcspn(file->path, "/");
    const struct variant *own =
        kernel_tree_find(tree, arena_copy_bytes(&tree->arena, file->path, length));
    const struct tuning_document document = {.file_name = file->shown,
                                             .text = file->text,
                                             .length = file->length,
                                             .source = TUNING_SHIPPED,
                                             .strict = true};
    return tunings_load(&tree->tunings, &document, own, own != NULL, &tree->arena, err);
}

static void list_files(struct kernel_tree *tree, const struct files *files)
{
    tree->files = arena_array(&tree->arena, (size_t)files->count + 1, sizeof *tree->files);
    for (int i = 0; i < files->count; ++i)
        tree->files[tree->file_count++] = (struct kernel_file){
            files->items[i].path, files->items[i].shown, !files->items[i].built_in};
}

int kernel_tree_load(struct kernel_tree *tree, const char *folder, struct err *err)
{
    struct files files = {0};
    *tree = (struct kernel_tree){0};
    for (int i = 0; i < embedded_file_count; ++i)
        add_file(&files,
                 (struct file){embedded_files[i].path,
                               arena_print(&tree->arena, "kernels/%s", embedded_files[i].path),
                               (const char *)embedded_files[i].data, embedded_files[i].length,
                               true},
                 &tree->arena);
    int result = load_peaks(tree, &files, err); /* before a folder can replace anything */
    if (result == 0 && folder)
        result = read_tree(&files, folder, &tree->arena, err);
    if (files.count)
        qsort(files.items, (size_t)files.count, sizeof *files.items, compare_paths);
    list_files(tree, &files);
    tree->variants = arena_array(&tree->arena, (size_t)files.count + 1, sizeof *tree->variants);
    for (int i = 0; i < files.count && result == 0; ++i)
        if (text_ends(files.items[i].path, "/variant.json")) {
            result = load_variant(&tree->variants[tree->count], &files, &files.items[i],
                                  &tree->arena, err);
            tree->count += result == 0;
        }
    for (int i = 0; i < files.count && result == 0; ++i)
        if (text_ends(files.items[i].path, ".tuning.json"))
            result = load_tunings(tree, &files.items[i], err);
    if (result)
        kernel_tree_free(tree);
    return result;
}

const struct variant *kernel_tree_find(const struct kernel_tree *tree, const char *name)
{
    for (int i = 0; i < tree->count; ++i)
        if (strcmp(tree->variants[i].name, name) == 0)
            return &tree->variants[i];
    return NULL;
}

const struct kernel_file *kernel_tree_file(const struct kernel_tree *tree, const char *path)
{
    for (int i = 0; i < tree->file_count; ++i)
        if (strcmp(tree->files[i].path, path) == 0)
            return &tree->files[i];
    return NULL;
}

const char *kernel_template(const char *file)
{
    for (int i = 0; i < embedded_file_count; ++i)
        if (text_starts(embedded_files[i].path, "new/") &&
            strcmp(embedded_files[i].path + strlen("new/"), file) == 0)
            return (const char *)embedded_files[i].data;
    return NULL;
}

int kernel_tree_quirks(struct quirk_list *quirks, struct arena *arena, struct err *err)
{
    *quirks = (struct quirk_list){0};
    for (int i = 0; i < embedded_file_count; ++i)
        if (strcmp(embedded_files[i].path, "quirks.json") == 0)
            return quirks_load(quirks, "kernels/quirks.json", (const char *)embedded_files[i].data,
                               embedded_files[i].length, arena, err);
    return 0;
}

void kernel_tree_free(struct kernel_tree *tree)
{
    for (int i = 0; i < tree->count; ++i)
        variant_free(&tree->variants[i]);
    tree->count = 0;
    arena_free(&tree->arena);
}
