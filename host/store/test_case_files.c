/* The files of a case's folder. */
#include "store/test_case_files.h"

#include "util/file.h"
#include "util/text.h"
#include "verify/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

static const size_t npy_bytes_max = (size_t)4 << 30;

const char *test_case_path(struct test_case *c, const char *file)
{
    return arena_print(&c->arena, "%s/%s", c->folder, file);
}

bool test_case_has(struct test_case *c, const char *file)
{
    struct stat status;
    return lstat(test_case_path(c, file), &status) == 0 || errno != ENOENT;
}

int test_case_read(struct test_case *c, const char *file, struct npy *npy, struct err *err)
{
    struct text bytes = {0};
    const char *path = test_case_path(c, file);
    int result = file_read(path, npy_bytes_max, &bytes, err);
    if (result == 0)
        result = npy_load(npy, path, text_get(&bytes), bytes.length, &c->arena, err);
    text_free(&bytes);
    return result;
}

int test_case_read_floats(struct test_case *c, const char *file, struct npy *npy, struct err *err)
{
    if (test_case_read(c, file, npy, err))
        return -1;
    if (npy->kind == 'u' && npy->item_bytes == 2 && c->problem.dtype == DTYPE_BF16)
        npy_take_bf16(npy);
    return npy->kind == 'f' || npy->kind == 'V'
               ? 0
               : err_set(err, "%s: expected floats, found %s%s", test_case_path(c, file),
                         npy_type(npy).text,
                         npy->kind == 'u' && npy->item_bytes == 2
                             ? "; these are bf16 where case.json says \"dtype\": \"bf16\""
                         : npy->kind == 'b' ? "; booleans belong into mask.npy"
                                            : "");
}

const char *test_case_shape(struct test_case *c, const int64_t *shape, int rank)
{
    struct text text = {0};
    text_add(&text, "[");
    for (int d = 0; d < rank; ++d)
        text_print(&text, "%s%" PRId64, d ? ", " : "", shape[d]);
    text_add(&text, "]");
    const char *copy = arena_copy(&c->arena, text_get(&text));
    text_free(&text);
    return copy;
}

int test_case_need_shape(struct test_case *c, const char *file, const struct npy *npy, int rank,
                         const int64_t *shape, const char *meaning, struct err *err)
{
    bool same = npy->rank == rank;
    for (int d = 0; same && d < rank; ++d)
        same = npy->shape[d] == shape[d];
    return same ? 0
                : err_set(err, "%s: shape %s; expected %s %s", test_case_path(c, file),
                          test_case_shape(c, npy->shape, npy->rank),
                          test_case_shape(c, shape, rank), meaning);
}

float *test_case_round(struct test_case *c, const struct npy *npy, enum dtype dtype)
{
    float *values = arena_array(&c->arena, (size_t)npy->count, sizeof *values);
    for (int64_t i = 0; i < npy->count; ++i) {
        values[i] = (float)npy->values[i];
        if (dtype == DTYPE_F16)
            values[i] = f32_from_f16(f16_from_f32(values[i]));
        else if (dtype == DTYPE_BF16)
            values[i] = f32_from_bf16(bf16_from_f32(values[i]));
    }
    return values;
}

int test_case_floats(struct test_case *c, const char *file, const struct npy *npy, enum dtype dtype,
                     const float **out, struct err *err)
{
    const float *values = test_case_round(c, npy, dtype);
    for (int64_t i = 0; i < npy->count; ++i)
        if (!isfinite(values[i]))
            return err_set(err, "%s: element %" PRId64 " is %g, which %s cannot hold",
                           test_case_path(c, file), i, npy->values[i], dtype_name(dtype));
    *out = values;
    return 0;
}

/* ---- what else lies in the folder ------------------------------------------------------------ */

/* Of any operation. Queries' and keys' words are read by attnbench inspect. */
static const char *const files_of_all[] = {"case.json",  "expect.npy",   "kv_lengths.npy",
                                           "tokens.txt", "tokens_q.txt", "tokens_kv.txt"};
static const char *const files_of_attention[] = {
    "q.npy", "k.npy", "v.npy", "mask.npy", "bias.npy", "sinks.npy", "expect_weights.npy"};

/* What PyTorch, Hugging Face and others call them; compared without case, and without '_' and '-'.
 */
static const struct {
    const char *theirs, *ours;
} other_names[] = {
    {"query", "q.npy"},
    {"queries", "q.npy"},
    {"querystates", "q.npy"},
    {"key", "k.npy"},
    {"keys", "k.npy"},
    {"keystates", "k.npy"},
    {"value", "v.npy"},
    {"values", "v.npy"},
    {"valuestates", "v.npy"},
    {"attnmask", "mask.npy (floats are added; of booleans, true lets a query see a key)"},
    {"attentionmask", "mask.npy (floats are added; of booleans, true lets a query see a key)"},
    {"masks", "mask.npy (floats are added; of booleans, true lets a query see a key)"},
    {"keypaddingmask", "mask.npy, [batch, n_kv] (true lets a query see a key: PyTorch's "
                       "key_padding_mask says the opposite), or kv_lengths.npy"},
    {"paddingmask", "mask.npy, [batch, n_kv] (true lets a query see a key), or kv_lengths.npy"},
    {"padding", "mask.npy, [batch, n_kv] (true lets a query see a key), or kv_lengths.npy"},
    {"attnbias", "bias.npy"},
    {"attentionbias", "bias.npy"},
    {"positionbias", "bias.npy"},
    {"alibi", "bias.npy, or \"bias\": \"alibi\" in case.json"},
    {"sink", "sinks.npy"},
    {"saux", "sinks.npy"},
    {"lengths", "kv_lengths.npy"},
    {"seqlens", "kv_lengths.npy"},
    {"seqlenskv", "kv_lengths.npy"},
    {"cacheseqlens", "kv_lengths.npy"},
    {"o", "expect.npy"},
    {"out", "expect.npy"},
    {"output", "expect.npy"},
    {"attnoutput", "expect.npy"},
    {"expected", "expect.npy"},
    {"result", "expect.npy"},
    {"weights", "expect_weights.npy"},
    {"attnweights", "expect_weights.npy"},
    {"attentionweights", "expect_weights.npy"},
    {"attentions", "expect_weights.npy"},
    {"probs", "expect_weights.npy"},
    {"config", "case.json"},
};

static bool is_known(struct test_case *c, const char *name)
{
    for (size_t i = 0; i < sizeof files_of_all / sizeof *files_of_all; ++i)
        if (strcmp(name, files_of_all[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof files_of_attention / sizeof *files_of_attention; ++i)
        if (c->problem.op == OP_ATTENTION && strcmp(name, files_of_attention[i]) == 0)
            return true;
    int64_t dims[4];
    for (int t = 0; c->problem.op != OP_ATTENTION && t < operation_tensor_count(); ++t)
        if (operation_tensor_size(&c->problem, t, dims) &&
            strcmp(name, arena_print(&c->arena, "%s.npy", operation_tensor(t)->name)) == 0)
            return true;
    return false;
}

/* Words about a case, programs that made it, and what hides: none of it is data. */
static bool is_aside(const char *name)
{
    return name[0] == '.' || text_ends(name, ".md") || text_ends(name, ".py") ||
           text_ends(name, "~") || strcmp(name, "README") == 0 || strcmp(name, "LICENSE") == 0;
}

static const char *suggestion(struct test_case *c, const char *name)
{
    enum { FILES = sizeof files_of_attention / sizeof *files_of_attention };
    const char *names[FILES + sizeof files_of_all / sizeof *files_of_all + OP_TENSORS_MAX];
    char plain[32];
    size_t length = 0, count = 0;
    int64_t dims[4];
    for (const char *at = name; *at && *at != '.' && length + 1 < sizeof plain; ++at)
        if (*at != '_' && *at != '-')
            plain[length++] = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
    plain[length] = '\0';
    for (size_t i = 0; i < sizeof other_names / sizeof *other_names; ++i)
        if (c->problem.op == OP_ATTENTION && strcmp(plain, other_names[i].theirs) == 0)
            return other_names[i].ours;
    for (size_t i = 0; i < sizeof files_of_all / sizeof *files_of_all; ++i)
        names[count++] = files_of_all[i];
    for (size_t i = 0; i < FILES && c->problem.op == OP_ATTENTION; ++i)
        names[count++] = files_of_attention[i];
    for (int t = 0; c->problem.op != OP_ATTENTION && t < operation_tensor_count(); ++t)
        if (operation_tensor_size(&c->problem, t, dims))
            names[count++] = arena_print(&c->arena, "%s.npy", operation_tensor(t)->name);
    return text_nearest(name, names, count);
}

int test_case_only_known_files(struct test_case *c, struct err *err)
{
    DIR *folder = opendir(c->folder);
    if (!folder)
        return err_set(err, "cannot list '%s': %s", c->folder, strerror(errno));
    const char *unknown = NULL;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        struct stat status;
        const char *name = entry->d_name;
        if (is_aside(name) || is_known(c, name))
            continue;
        const bool inner = lstat(test_case_path(c, name), &status) == 0 && S_ISDIR(status.st_mode);
        if (inner && !text_ends(name, ".npy"))
            continue;
        if (!unknown || strcmp(name, unknown) < 0) /* the same one whatever the folder's order */
            unknown = arena_copy(&c->arena, name);
    }
    closedir(folder);
    if (!unknown)
        return 0;
    const char *meant = suggestion(c, unknown);
    return err_set(err, "%s: no file of a case of %s; %s%s%s", test_case_path(c, unknown),
                   op_name((enum op)c->problem.op), meant ? "did you mean " : "take it away",
                   meant ? meant : "", meant ? "?" : ", or see the README for what is read");
}
