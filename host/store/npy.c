#include "store/npy.h"

#include "util/file.h"
#include "util/text.h"
#include "verify/inputs.h"

#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAGIC_BYTES = 6, HEADER_BYTES_MAX = 1 << 16 };
static const char magic[MAGIC_BYTES + 1] = "\x93NUMPY";

/* What the header's dictionary says. */
struct header {
    bool big_endian, fortran;
    char kind;
    int item_bytes;
};

/* ---- the header: a Python dictionary literal of exactly three keys --------------------------- */

struct cursor {
    const char *at;
    const char *name;
    struct err *err;
};

static int malformed(struct cursor *c, const char *expected)
{
    char near[24];
    snprintf(near, sizeof near, "%.20s", c->at);
    struct text safe = {0};
    text_add_printable(&safe, near, false);
    err_set(c->err, "%s: malformed .npy header: expected %s at '%s'", c->name, expected,
            text_get(&safe));
    text_free(&safe);
    return -1;
}

static bool take(struct cursor *c, const char *token)
{
    c->at += strspn(c->at, " \t\n");
    if (!text_starts(c->at, token))
        return false;
    c->at += strlen(token);
    return true;
}

static int take_string(struct cursor *c, char *out, size_t size)
{
    c->at += strspn(c->at, " \t\n");
    const char quote = *c->at;
    const char *end = quote == '\'' || quote == '"' ? strchr(c->at + 1, quote) : NULL;
    if (!end || (size_t)(end - c->at - 1) >= size)
        return malformed(c, "a short quoted string");
    memcpy(out, c->at + 1, (size_t)(end - c->at - 1));
    out[end - c->at - 1] = '\0';
    c->at = end + 1;
    return 0;
}

static int take_type(struct cursor *c, struct header *header)
{
    static const char *const types[] = {"f2", "f4", "f8", "b1", "i1", "i2", "i4",
                                        "i8", "u1", "u2", "u4", "u8", "V2"};
    char type[16];
    if (take_string(c, type, sizeof type))
        return -1;
    const bool marked = strchr("<>|=", type[0]) && type[0];
    const char *bare = marked ? type + 1 : type;
    for (size_t i = 0; i < sizeof types / sizeof *types; ++i)
        if (strcmp(types[i], bare) == 0) {
            header->big_endian = type[0] == '>';
            header->kind = bare[0];
            header->item_bytes = bare[1] - '0';
            return 0;
        }
    struct text safe = {0};
    text_add_printable(&safe, type, false);
    err_set(c->err,
            "%s: element type '%s'; expected f2, f4, f8, b1, i1 to i8, u1 to u8 "
            "or V2 (bfloat16)",
            c->name, text_get(&safe));
    text_free(&safe);
    return -1;
}

static int take_shape(struct cursor *c, struct npy *npy)
{
    if (!take(c, "("))
        return malformed(c, "'(' of a shape");
    while (!take(c, ")")) {
        const size_t digits = (c->at += strspn(c->at, " \t\n"), strspn(c->at, "0123456789"));
        char number[24];
        int64_t size = 0;
        if (digits == 0 || digits >= sizeof number)
            return malformed(c, "a size");
        memcpy(number, c->at, digits);
        number[digits] = '\0';
        if (npy->rank == NPY_RANK_MAX)
            return malformed(c, "at most 8 dimensions");
        if (!text_to_int64(number, &size) || size < 1)
            return malformed(c, "a size from 1");
        c->at += digits;
        npy->shape[npy->rank++] = size;
        if (!take(c, ",") && *c->at != ')')
            return malformed(c, "',' or ')'");
    }
    return 0;
}

static int parse_header(struct npy *npy, struct header *header, const char *name, const char *text,
                        struct err *err)
{
    struct cursor c = {text, name, err};
    bool have[3] = {false, false, false};
    if (!take(&c, "{"))
        return malformed(&c, "'{'");
    while (!take(&c, "}")) {
        char key[32];
        if (take_string(&c, key, sizeof key))
            return -1;
        if (!take(&c, ":"))
            return malformed(&c, "':'");
        if (strcmp(key, "descr") == 0 && !have[0]) {
            have[0] = true;
            if (take_type(&c, header))
                return -1;
        } else if (strcmp(key, "fortran_order") == 0 && !have[1]) {
            have[1] = true;
            header->fortran = take(&c, "True");
            if (!header->fortran && !take(&c, "False"))
                return malformed(&c, "True or False");
        } else if (strcmp(key, "shape") == 0 && !have[2]) {
            have[2] = true;
            if (take_shape(&c, npy))
                return -1;
        } else {
            return malformed(&c, "the keys descr, fortran_order and shape, once each");
        }
        if (!take(&c, ",") && *c.at != '}' && c.at[strspn(c.at, " \t\n")] != '}')
            return malformed(&c, "',' or '}'");
    }
    c.at += strspn(c.at, " \t\n");
    if (*c.at || !have[0] || !have[1] || !have[2])
        return malformed(&c, "descr, fortran_order and shape, and nothing else");
    return 0;
}

/* ---- the data -------------------------------------------------------------------------------- */

static double element(const struct header *header, const unsigned char *bytes)
{
    uint64_t bits = 0;
    for (int i = 0; i < header->item_bytes; ++i)
        bits |= (uint64_t)bytes[header->big_endian ? header->item_bytes - 1 - i : i] << (8 * i);
    if (header->kind == 'b')
        return bits != 0;
    if (header->kind == 'u')
        return (double)bits;
    if (header->kind == 'i') {
        const uint64_t sign = UINT64_C(1) << (8 * header->item_bytes - 1);
        return (double)(int64_t)((bits ^ sign) - sign);
    }
    if (header->kind == 'V')
        return (double)f32_from_bf16((uint16_t)bits);
    if (header->item_bytes == 2)
        return (double)f32_from_f16((uint16_t)bits);
    if (header->item_bytes == 4) {
        const uint32_t low = (uint32_t)bits;
        float value;
        memcpy(&value, &low, sizeof value);
        return (double)value;
    }
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Position in the file of the element at C-order `index`, when the file is in Fortran order. */
static int64_t fortran_position(const struct npy *npy, int64_t index)
{
    int64_t subscripts[NPY_RANK_MAX], position = 0;
    for (int d = npy->rank; d-- > 0;) {
        subscripts[d] = index % npy->shape[d];
        index /= npy->shape[d];
    }
    for (int d = npy->rank; d-- > 0;)
        position = position * npy->shape[d] + subscripts[d];
    return position;
}

int npy_load(struct npy *npy, const char *name, const void *bytes, size_t length,
             struct arena *arena, struct err *err)
{
    const unsigned char *data = bytes;
    struct header header = {0};
    *npy = (struct npy){.count = 1};
    if (length < MAGIC_BYTES + 4 || memcmp(data, magic, MAGIC_BYTES) != 0)
        return err_set(err, "%s: not a .npy file (np.save writes one)", name);
    const int version = data[MAGIC_BYTES];
    if (version < 1 || version > 3 || data[MAGIC_BYTES + 1] != 0)
        return err_set(err, "%s: .npy version %d.%d; versions 1.0, 2.0 and 3.0 are known", name,
                       version, data[MAGIC_BYTES + 1]);
    const size_t size_bytes = version == 1 ? 2 : 4, start = MAGIC_BYTES + 2 + size_bytes;
    size_t header_bytes = 0;
    for (size_t i = 0; i < size_bytes && MAGIC_BYTES + 2 + i < length; ++i)
        header_bytes |= (size_t)data[MAGIC_BYTES + 2 + i] << (8 * i);
    if (start > length || header_bytes > HEADER_BYTES_MAX || header_bytes > length - start)
        return err_set(err, "%s: malformed .npy header: it is cut off or too long", name);
    const char *text = arena_copy_bytes(arena, data + start, header_bytes);
    if (parse_header(npy, &header, name, text, err))
        return -1;
    const size_t payload = length - start - header_bytes;
    for (int d = 0; d < npy->rank; ++d) {
        if (npy->shape[d] > (int64_t)payload || npy->count > (int64_t)payload / npy->shape[d])
            return err_set(err, "%s: the shape needs more data than the %zu bytes that there are",
                           name, payload);
        npy->count *= npy->shape[d];
    }
    if ((size_t)npy->count * (size_t)header.item_bytes != payload)
        return err_set(err, "%s: the shape needs %" PRId64 " bytes of data, there are %zu", name,
                       npy->count * header.item_bytes, payload);
    npy->kind = header.kind;
    npy->item_bytes = header.item_bytes;
    npy->values = arena_array(arena, (size_t)npy->count, sizeof *npy->values);
    for (int64_t i = 0; i < npy->count; ++i) {
        const int64_t position = header.fortran ? fortran_position(npy, i) : i;
        npy->values[i] = element(&header, data + start + header_bytes +
                                              (size_t)position * (size_t)header.item_bytes);
    }
    return 0;
}

struct npy_type npy_type(const struct npy *npy)
{
    return (struct npy_type){{npy->kind, (char)('0' + npy->item_bytes), '\0', '\0'}};
}

double npy_lowest(const struct npy *npy)
{
    return npy->kind == 'V'       ? (double)f32_from_bf16(0xff7f)
           : npy->item_bytes == 2 ? -65504
           : npy->item_bytes == 4 ? -(double)FLT_MAX
                                  : -DBL_MAX;
}

void npy_take_bf16(struct npy *npy)
{
    npy->kind = 'V';
    for (int64_t i = 0; i < npy->count; ++i)
        npy->values[i] = (double)f32_from_bf16((uint16_t)npy->values[i]);
}

int npy_write(const char *path, const float *values, const int64_t *shape, int rank,
              struct err *err)
{
    struct text header = {0}, file = {0};
    size_t count = 1;
    text_add(&header, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int d = 0; d < rank; ++d) {
        text_print(&header, "%" PRId64 ",%s", shape[d], d + 1 < rank ? " " : "");
        count *= (size_t)shape[d];
    }
    text_add(&header, "), }");
    while ((MAGIC_BYTES + 4 + header.length + 1) % 64) /* data starts at a multiple of 64 bytes */
        text_add(&header, " ");
    text_add(&header, "\n");
    const unsigned char start[4] = {1, 0, (unsigned char)(header.length & 0xff),
                                    (unsigned char)(header.length >> 8)};
    text_add_bytes(&file, magic, MAGIC_BYTES);
    text_add_bytes(&file, start, sizeof start);
    text_add_bytes(&file, header.data, header.length);
    for (size_t i = 0; i < count; ++i) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        const unsigned char little[4] = {(unsigned char)bits, (unsigned char)(bits >> 8),
                                         (unsigned char)(bits >> 16), (unsigned char)(bits >> 24)};
        text_add_bytes(&file, little, sizeof little);
    }
    const int result = file_write(path, file.data, file.length, err);
    text_free(&header);
    text_free(&file);
    return result;
}
