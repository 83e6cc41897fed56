/* Variant files: mistakes named by file, line and key path; what runs where, with which tuning. */
#include "support.h"

#include "problem/variant.h"
#include "util/file.h"

/* ---- mistakes -------------------------------------------------------------------------------- */

/* A file with every key, one a line. */
static const char *const full[] = {
    /*  1 */ "{ \"name\": \"mine\",",
    /*  2 */ "  \"title\": \"My variant\", \"idea\": \"i\", \"source\": \"s\",",
    /*  3 */ "  \"supports\": { \"dtype\": [\"f32\", \"f16\"], \"mask\": [\"none\", \"causal\"],",
    /*  4 */
    "    \"d_k\": { \"min\": 8, \"max\": 128, \"multiple_of\": 8 }, \"where\": \"d_k == d_v\" },",
    /*  5 */
    "  \"requires\": { \"extensions\": [\"cl_khr_fp16\"], \"device_type\": [\"gpu\", \"cpu\"],",
    /*  6 */ "    \"library\": \"clblast\", \"local_bytes\": \"4*BLOCK*d_k\" },",
    /*  7 */ "  \"tune\": { \"BLOCK\": [64, 32, 16], \"WG\": [128, 64] },",
    /*  8 */ "  \"where\": \"WG >= BLOCK\",",
    /*  9 */
    "  \"defaults\": { \"cpu\": { \"BLOCK\": 16 }, \"gpu\": { \"BLOCK\": 64, \"WG\": 64 } },",
    /* 10 */ "  \"scratch\": { \"scores\": [\"batch\", \"heads_q\", \"n_q\", \"n_kv\"] },",
    /* 11 */ "  \"passes\": [",
    /* 12 */ "    { \"kernel\": \"go\", \"groups\": [\"ceil(n_q/BLOCK)\", \"heads_q\", 1],",
    /* 13 */ "      \"local\": [\"WG\", 1, 1], \"args\": [\"q\", \"k\", \"scores\"] },",
    /* 14 */
    "    { \"gemm\": { \"a\": \"scores\", \"b\": \"v\", \"c\": \"o\", \"transpose_b\": false,",
    /* 15 */
    ("      \"m\": \"n_q\", \"n\": \"d_v\", \"k\": \"n_kv\", \"count\": \"batch*heads_q\", "
     "\"alpha\": 1,"),
    /* 16 */ "      \"lda\": \"n_kv\", \"ldb\": \"d_v\", \"ldc\": \"d_v\",",
    /* 17 */
    "      \"stride_a\": \"n_q*n_kv\", \"stride_b\": \"n_kv*d_v\", \"stride_c\": \"n_q*d_v\" } }",
    /* 18 */ "  ] }"};

static int load(struct variant *variant, size_t line, const char *replacement, struct arena *arena,
                struct err *err)
{
    char *text = replace_line(full, COUNT(full), line, replacement);
    const int result =
        variant_load(variant, "k/mine/variant.json", "mine", text, strlen(text), arena, err);
    free(text);
    return result;
}

static void a_full_file_loads(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct variant v;
    struct err err = {"untouched"};
    if (load(&v, 0, "", &arena, &err))
        fail_msg("%s", err.message);
    assert_string_equal(err.message, "untouched");
    assert_string_equal(v.name, "mine");
    assert_string_equal(v.title, "My variant");
    assert_int_equal(v.tunable_count, 2);
    assert_string_equal(v.tunables[1].name, "WG");
    assert_int_equal(v.tunables[0].count, 3);
    assert_int_equal(v.tunables[0].values[2], 16);
    assert_string_equal(v.where, "WG >= BLOCK");
    assert_string_equal(v.local_bytes, "4*BLOCK*d_k");
    assert_string_equal(v.extensions[0], "cl_khr_fp16");
    assert_int_equal(v.device_type_count, 2);
    assert_string_equal(v.library, "clblast");
    assert_int_equal(v.scratch_count, 1);
    assert_int_equal(v.scratch[0].dim_count, 4);
    assert_int_equal(v.pass_count, 2);
    assert_string_equal(v.passes[0].kernel, "go");
    assert_string_equal(v.passes[0].groups[2], "1");
    assert_int_equal(v.passes[0].arg_count, 3);
    assert_null(v.passes[1].kernel);
    assert_string_equal(v.passes[1].gemm.b, "v");
    assert_string_equal(v.passes[1].gemm.alpha, "1");
    variant_free(&v);
    arena_free(&arena);
}

#define SUPPORTS(more) "  \"supports\": { \"dtype\": [\"f32\"], " more ","
#define PASS(more)     "    { \"kernel\": \"go\", " more ","

static const struct {
    size_t line;
    const char *replacement, *message; /* after "k/mine/variant.json:" */
} mistakes[] = {
    {1, "[", "2: not valid JSON at ': \"My variant\", \"ide'"},
    {1, "{ \"name\": \"other\",", "1: name: expected \"mine\", the name of the folder"},
    {1, "{ \"name\": 3,", "1: name: expected a string, found 3"},
    {1, "{", "1: the key \"name\" is missing"},
    {1, "{ \"name\": \"mine\", \"titel\": \"x\",",
     "1: titel: unknown key; did you mean \"title\"?"},
    {2, "  \"title\": [],", "2: title: expected a string, found an array"},
    {2, "  \"name\": \"mine\",", "2: name: the key stands twice in its object; remove one"},
    {3, SUPPORTS("\"colour\": [1]"),
     "3: supports.colour: expected a problem key such as \"dtype\" or \"n_q\""},
    {3, SUPPORTS("\"mask\": [\"none\", \"sliding\"]"),
     "3: supports.mask[1]: expected one of \"none\", \"causal\", \"window\", \"causal+window\", "
     "found "
     "\"sliding\""},
    {3, SUPPORTS("\"n_q\": [0]"),
     "3: supports.n_q[0]: expected an integer from 1 to 1073741824, found 0"},
    {3, SUPPORTS("\"mask\": \"causal\""),
     "3: supports.mask: expected a list of values, {\"min\", \"max\", \"multiple_of\"}, or true"},
    {4, "    \"d_k\": { \"maximum\": 8 } },",
     "4: supports.d_k.maximum: unknown key; expected one of: min, max, multiple_of"},
    {4, "    \"d_k\": { \"max\": \"8\" } },",
     "4: supports.d_k.max: expected an integer from 0 to 1073741824, found \"8\""},
    {4, "    \"d_k\": { \"multiple_of\": 0 } },",
     "4: supports.d_k.multiple_of: expected an integer from 1 to 1073741824, found 0"},
    {4, "    \"where\": \"d_k == \" },",
     "4: supports.where: expression \"d_k == \": expected a number, a name or '(' at column 8"},
    {4, "    \"where\": true },", "4: supports.where: expected a string, found true"},
    {5, "  \"requires\": { \"memory\": 1,",
     "5: requires.memory: unknown key; expected one of: extensions, local_bytes, device_type, "
     "library"},
    {5, "  \"requires\": { \"extensions\": \"cl_khr_fp16\",",
     "5: requires.extensions: expected an array, found \"cl_khr_fp16\""},
    {5, "  \"requires\": { \"device_type\": [\"gpu\", 3],",
     "5: requires.device_type[1]: expected a string, found 3"},
    {5, "  \"requires\": { \"device_type\": [\"a\", \"b\", \"c\", \"d\", \"e\"],",
     "5: requires.device_type: more than 4 entries"},
    {6, "    \"library\": \"cublas\" },",
     "6: requires.library: expected \"clblast\", the only library known"},
    {6, "    \"library\": \"clblast\", \"local_bytes\": \"4*TILE\" },",
     "6: requires.local_bytes: expression \"4*TILE\": unknown name \"TILE\" at column 3"},
    {6, "    \"library\": \"clblast\", \"local_bytes\": -4 },",
     "6: requires.local_bytes: expected a string, found -4"},
    {6, "    \"local_bytes\": 0 },", "14: passes[1].gemm: a gemm pass needs requires.library"},
    {7, "  \"tune\": { \"BLOCK\": 64, \"WG\": [128] },",
     "7: tune.BLOCK: expected an array of 1 to 16 integers"},
    {7, "  \"tune\": { \"BLOCK\": [], \"WG\": [128] },",
     "7: tune.BLOCK: expected an array of 1 to 16 integers"},
    {7, "  \"tune\": { \"BLOCK\": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17], \"WG\": [128] },",
     "7: tune.BLOCK: expected an array of 1 to 16 integers"},
    {7, "  \"tune\": { \"BLOCK\": [16, 1.5], \"WG\": [128] },",
     "7: tune.BLOCK[1]: expected an integer from 0 to 1048576, found 1.5"},
    {7, "  \"tune\": { \"BLOCK-Q\": [16], \"WG\": [128] },",
     "7: tune.BLOCK-Q: expected a macro name such as BLOCK_Q"},
    {7, "  \"tune\": { \"X=1 -include /etc/passwd -DY\": [16] },",
     "7: tune.X=1 -include /etc/passwd -DY: expected a macro name such as BLOCK_Q"},
    {8, "  \"where\": \"WG >= BLOK\",",
     "8: where: expression \"WG >= BLOK\": unknown name \"BLOK\" at column 7"},
    {8, "  \"where\": null,", "8: where: expected a string, found null"},
    {9, "  \"defaults\": { \"tpu\": {} },", "9: defaults.tpu: unknown key; did you mean \"cpu\"?"},
    {9, "  \"defaults\": { \"cpu\": { \"TILE\": 16 } },",
     "9: defaults.cpu.TILE: expected a tunable of this file"},
    {9, "  \"defaults\": { \"cpu\": { \"WG\": \"64\" } },",
     "9: defaults.cpu.WG: expected an integer from 0 to 1048576, found \"64\""},
    {9, "  \"defaults\": { \"cpu\": [64] },", "9: defaults.cpu: expected an object with tunables"},
    {10, "  \"scratch\": { \"s\": [1] },",
     "10: scratch.s: expected a buffer name of two letters or more"},
    {10, "  \"scratch\": { \"scores\": [] },",
     "10: scratch.scores: expected an array of 1 to 4 sizes"},
    {10, "  \"scratch\": { \"scores\": [\"n_q\", \"nkv\"] },",
     "10: scratch.scores[1]: expression \"nkv\": unknown name \"nkv\" at column 1"},
    {10, "  \"scratch\": { \"aa\": [1], \"bb\": [1], \"cc\": [1], \"dd\": [1], \"ee\": [1] },",
     "10: scratch.ee: more than 4 scratch buffers"},
    {10, "  \"scratch\": {},",
     "13: passes[0].args: expected q, k, v, o, bias, slopes, sinks, kv_lengths or a scratch buffer "
     "of this file, found \"scores\""},
    {11, "  \"passes\": [], \"x\": [",
     "11: x: unknown key; expected one of: name, title, idea, "
     "source, supports, requires, tune, where, defaults, scratch, "
     "passes, returns, precision"},
    {10, "  \"scratch\": { \"scores\": [\"n_q\"] }, \"precision\": \"tf16\",",
     "10: precision: expected f32, tf32, f16 or bf16: what is multiplied is rounded to it"},
    {10, "  \"scratch\": { \"scores\": [\"n_q\"] }, \"precision\": \"\",",
     "10: precision: expected f32, tf32, f16 or bf16: what is multiplied is rounded to it"},
    {10, "  \"scratch\": { \"scores\": [\"n_q\"] }, \"precision\": 16,",
     "10: precision: expected a string, found 16"},
    {12, PASS("\"groups\": [1, 1]"), "12: passes[0].groups: expected 3 sizes, one a dimension"},
    {12, PASS("\"groups\": [1, \"1+\", 1]"),
     "12: passes[0].groups[1]: expression \"1+\": expected a number, a name or '(' at column 3"},
    {12, PASS("\"group\": [1, 1, 1]"),
     "12: passes[0].group: unknown key; did you mean \"groups\"?"},
    {12, "    { \"kernel\": \"go()\", \"groups\": [1, 1, 1],",
     "12: passes[0]: expected the name of a __kernel function"},
    {12, "    { \"groups\": [1, 1, 1],", "12: passes[0]: the key \"kernel\" is missing"},
    {13, "      \"local\": [1, 1, 1], \"args\": [\"q\", \"w\"] },",
     "13: passes[0].args: expected q, k, v, o, bias, slopes, sinks, kv_lengths or a scratch buffer "
     "of this file, found \"w\""},
    {13, "      \"args\": [] },", "12: passes[0]: the key \"local\" is missing"},
    {14, "    { \"gemm\": { \"a\": \"scores\", \"b\": \"v\", \"c\": \"out\",",
     "14: passes[1].gemm.c: expected q, k, v, o, bias, slopes, sinks, kv_lengths or a scratch "
     "buffer of this file, found \"out\""},
    {15, "      \"m\": \"n_q\", \"n\": \"d_v\",", "14: passes[1].gemm: the key \"k\" is missing"},
    {15, "      \"m\": \"n_q\", \"n\": \"d_v\", \"k\": \"n_k\",",
     "15: passes[1].gemm.k: expression \"n_k\": unknown name \"n_k\" at column 1"},
    {17, "      \"stride_a\": 1, \"stride_b\": 1 } }",
     "14: passes[1].gemm: the key \"stride_c\" is missing"},
};

static void mistakes_name_file_line_and_key_path(void **state)
{
    (void)state;
    assert_true(COUNT(mistakes) >= 20);
    for (size_t i = 0; i < COUNT(mistakes); ++i) {
        struct arena arena = {0};
        struct variant variant;
        struct err err = {""};
        char want[1024];
        if (load(&variant, mistakes[i].line, mistakes[i].replacement, &arena, &err) != -1)
            fail_msg("accepted: %s", mistakes[i].replacement);
        snprintf(want, sizeof want, "k/mine/variant.json:%s", mistakes[i].message);
        expect_text(mistakes[i].replacement, err.message, want);
        arena_free(&arena);
    }
}

static void a_variant_without_passes_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"name\": \"x\", \"supports\": {},\n\"passes\": []}";
    struct arena arena = {0};
    struct variant v;
    struct err err = {""};
    assert_int_equal(variant_load(&v, "f", "x", text, strlen(text), &arena, &err), -1);
    assert_string_equal(err.message, "f:2: passes: expected at least one pass");
    arena_free(&arena);
}

/* f32 unless the file says less; each name means its own unit of rounding. */
static void a_variant_may_declare_its_precision(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        enum precision precision;
        double unit;
    } cases[] = {{"", PRECISION_F32, 0},
                 {"\"precision\": \"f32\",", PRECISION_F32, 0},
                 {"\"precision\": \"tf32\",", PRECISION_TF32, 0x1p-11},
                 {"\"precision\": \"f16\",", PRECISION_F16, 0x1p-11},
                 {"\"precision\": \"bf16\",", PRECISION_BF16, 0x1p-8}};
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct arena arena = {0};
        struct variant v;
        struct err err = {""};
        const char *file =
            arena_print(&arena,
                        "{\"name\": \"x\", \"supports\": {}, %s \"passes\": [{\"kernel\": \"k\", "
                        "\"groups\": [1, 1, 1], \"local\": [1, 1, 1]}]}",
                        cases[i].key);
        assert_int_equal(variant_load(&v, "f", "x", file, strlen(file), &arena, &err), 0);
        assert_int_equal(v.precision, cases[i].precision);
        assert_true(precision_unit(v.precision) == cases[i].unit);
        variant_free(&v);
        arena_free(&arena);
    }
}

/* The search for a tuning that fits stays short, whatever a file asks for. */
static void a_search_for_a_tuning_is_bounded(void **state)
{
    (void)state;
    static const char values[] = "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]";
    static const struct {
        const char *where;
        int fits;
    } cases[] = {{"T5 == 15", 0}, {"T1 == 15", -1}}; /* after 15, and after 15 * 16^4 others */
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct arena arena = {0};
        struct variant v;
        struct tuning tuning;
        struct problem problem = problem_default();
        const struct device_info device = {.type = "gpu", .extensions = ""};
        struct err err;
        problem.n_q = problem.n_kv = problem.d_k = problem.d_v = 8;
        const char *file = arena_print(
            &arena,
            "{\"name\": \"x\", \"supports\": {}, \"where\": \"%s\", \"tune\": {\"T1\": %s, \"T2\": "
            "%s, \"T3\": %s, \"T4\": %s, \"T5\": %s}, \"passes\": [{\"kernel\": \"k\", \"groups\": "
            "[1, 1, 1], \"local\": [1, 1, 1]}]}",
            cases[i].where, values, values, values, values, values);
        assert_int_equal(variant_load(&v, "f", "x", file, strlen(file), &arena, &err), 0);
        assert_int_equal(variant_fit(&v, &problem, &device, &tuning, &err), cases[i].fits);
        variant_free(&v);
        arena_free(&arena);
    }
}

/* On a device that claims to allow everything, nothing overflows. */
static void an_impossible_work_group_does_not_fit(void **state)
{
    (void)state;
    static const char text[] = "{\"name\": \"x\", \"supports\": {}, \"passes\": [{\"kernel\": "
                               "\"k\", \"groups\": [1, 1, 1], \"local\": [1e14, 1e14, 1e14]}]}";
    const struct device_info device = {.type = "gpu", .extensions = ""};
    struct arena arena = {0};
    struct variant v;
    struct tuning tuning;
    struct err err = {""};
    const struct problem problem = make_problem("{\"n\": 8, \"d_k\": 8}", &arena);
    assert_int_equal(variant_load(&v, "f", "x", text, strlen(text), &arena, &err), 0);
    assert_int_equal(variant_fit(&v, &problem, &device, &tuning, &err), -1);
    assert_string_equal(err.message, "pass k has an impossible work-group");
    variant_free(&v);
    arena_free(&arena);
}

/* Every variant of the repository loads: a broken one would fail every command. */
static void the_variants_of_the_repository_load(void **state)
{
    (void)state;
    static const char *const names[] = {"naive", "tiled", "fused", "fused_tiled", "clblast"};
    for (size_t i = 0; i < COUNT(names); ++i) {
        struct arena arena = {0};
        struct variant v;
        struct text text = {0};
        struct err err = {""};
        const char *path = arena_print(&arena, KERNELS_DIR "/%s/variant.json", names[i]);
        assert_int_equal(file_read(path, 1 << 20, &text, &err), 0);
        if (variant_load(&v, path, names[i], text_get(&text), text.length, &arena, &err))
            fail_msg("%s", err.message);
        variant_free(&v);
        text_free(&text);
        arena_free(&arena);
    }
}

/* ---- what runs where ------------------------------------------------------------------------- */

static const struct device_info gpu = {.id = "gpu-0",
                                       .type = "gpu",
                                       .extensions = "cl_khr_fp16",
                                       .local_bytes = 65536,
                                       .max_work_group = 1024,
                                       .max_work_item = {1024, 1024, 64},
                                       .has_clblast = true};

static struct variant small_variant(const char *supports, const char *more, struct arena *arena)
{
    struct variant variant;
    struct err err = {""};
    const char *text =
        arena_print(arena,
                    "{\"name\":\"x\",\"supports\":%s%s,\"passes\":[{\"kernel\":\"x\",\"groups\":[1,"
                    "1,1],\"local\":[1,1,1]}]}",
                    supports, more);
    if (variant_load(&variant, "f", "x", text, strlen(text), arena, &err))
        fail_msg("%s", err.message);
    return variant;
}

static const struct {
    const char *supports, *problem, *reason; /* NULL: it runs */
} rules[] = {
    /* sizes are free unless limited */
    {"{}", "{\"n\":1000,\"heads\":64,\"batch\":7,\"d_k\":4096}", NULL},
    {"{}", "{\"n\":8,\"d_k\":64,\"scale\":2}", NULL},
    {"{}", "{\"n_q\":1,\"n_kv\":8,\"heads_q\":8,\"d_k\":64,\"d_v\":32}", NULL},
    /* features must be declared */
    {"{}", "{\"n\":8,\"d_k\":64,\"mask\":\"causal\"}", "mask=causal is not supported"},
    {"{}", "{\"n\":8,\"d_k\":64,\"dtype\":\"f16\"}", "dtype=f16 is not supported"},
    {"{}", "{\"n\":8,\"d_k\":64,\"layout\":\"bnhd\"}", "layout=bnhd is not supported"},
    {"{}", "{\"n\":8,\"d_k\":64,\"bias\":\"alibi\"}", "bias=alibi is not supported"},
    {"{}", "{\"n\":8,\"d_k\":64,\"softcap\":30}", "softcap is not supported"},
    {"{}", "{\"n\":8,\"d_k\":64,\"sink\":true}", "sink is not supported"},
    {"{}", "{\"n\":8,\"d_k\":64,\"kv_lengths\":[5]}", "kv_lengths is not supported"},
    {"{\"softcap\":true,\"sink\":true,\"kv_lengths\":true}",
     "{\"n\":8,\"d_k\":64,\"softcap\":30,\"sink\":true,\"kv_lengths\":[5]}", NULL},
    {"{\"softcap\":false}", "{\"n\":8,\"d_k\":64,\"softcap\":30}", "softcap is not supported"},
    {"{\"softcap\":false}", "{\"n\":8,\"d_k\":64}", NULL},
    /* lists */
    {"{\"mask\":[\"none\",\"causal\"]}", "{\"n\":8,\"d_k\":64,\"mask\":\"causal\"}", NULL},
    {"{\"mask\":[\"none\",\"causal\"]}", "{\"n\":8,\"d_k\":64,\"mask\":\"window\"}",
     "mask=window is not among what it supports: none, causal"},
    {"{\"mask\":[\"causal\"]}", "{\"n\":8,\"d_k\":64}",
     "mask=none is not among what it supports: causal"},
    {"{\"mask\":[\"causal\"]}", "{\"n\":8,\"d_k\":64,\"mask\":\"causal\",\"causal_offset\":0}",
     NULL},
    {"{\"mask\":[\"window\"]}", "{\"n\":8,\"d_k\":64,\"mask\":\"window\",\"window_left\":3}", NULL},
    {"{\"mask\":[\"causal\"],\"causal_offset\":[0]}",
     "{\"n_q\":2,\"n_kv\":8,\"d_k\":64,\"mask\":\"causal\"}",
     "causal_offset=6 is not among what it supports: 0"},
    {"{\"d_k\":[64,128]}", "{\"n\":8,\"d_k\":128}", NULL},
    {"{\"d_k\":[64,128]}", "{\"n\":8,\"d_k\":80}", "d_k=80 is not among what it supports: 64, 128"},
    {"{\"dtype\":[]}", "{\"n\":8,\"d_k\":80}", "dtype=f32 is not among what it supports: "},
    /* ranges */
    {"{\"d_k\":{\"max\":256}}", "{\"n\":8,\"d_k\":256}", NULL},
    {"{\"d_k\":{\"max\":256}}", "{\"n\":8,\"d_k\":257}", "d_k=257 is above its maximum of 256"},
    {"{\"n_q\":{\"min\":16}}", "{\"n\":15,\"d_k\":8}", "n_q=15 is below its minimum of 16"},
    {"{\"n_q\":{\"min\":16}}", "{\"n\":16,\"d_k\":8}", NULL},
    {"{\"d_v\":{\"multiple_of\":16}}", "{\"n\":8,\"d_k\":24}", "d_v=24 is no multiple of 16"},
    {"{\"d_v\":{\"multiple_of\":16}}", "{\"n\":8,\"d_k\":24,\"d_v\":32}", NULL},
    /* conditions between keys */
    {"{\"where\":\"d_k == d_v\"}", "{\"n\":8,\"d_k\":64}", NULL},
    {"{\"where\":\"d_k == d_v\"}", "{\"n\":8,\"d_k\":64,\"d_v\":32}", "it needs d_k == d_v"},
    {"{\"where\":\"n_q % 64 == 0 || n_q == 1\"}", "{\"n\":65,\"d_k\":64}",
     "it needs n_q % 64 == 0 || n_q == 1"},
};

static void supports_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rules); ++i) {
        struct arena arena = {0};
        struct variant v = small_variant(rules[i].supports, "", &arena);
        const struct problem problem = make_problem(rules[i].problem, &arena);
        struct tuning tuning;
        struct err err = {""};
        const int result = variant_fit(&v, &problem, &gpu, &tuning, &err);
        if (result != (rules[i].reason ? -1 : 0))
            fail_msg("%s, %s: %d, %s", rules[i].supports, rules[i].problem, result, err.message);
        expect_text(rules[i].problem, err.message, rules[i].reason ? rules[i].reason : "");
        variant_free(&v);
        arena_free(&arena);
    }
}

static void device_rules(void **state)
{
    (void)state;
    struct device_info plain = gpu, cpu = gpu, no_blas = gpu;
    plain.extensions = "cl_khr_fp64";
    cpu.type = "cpu";
    no_blas.has_clblast = false;
    const struct {
        const char *more;
        const struct device_info *device;
        const char *reason;
    } cases[] = {
        {",\"requires\":{\"extensions\":[\"cl_khr_fp16\"]}", &gpu, ""},
        {",\"requires\":{\"extensions\":[\"cl_khr_fp16\"]}", &plain,
         "the device lacks the extension cl_khr_fp16"},
        {",\"requires\":{\"device_type\":[\"gpu\"]}", &gpu, ""},
        {",\"requires\":{\"device_type\":[\"gpu\",\"accelerator\"]}", &cpu,
         "it is not made for devices of type cpu"},
        {",\"requires\":{\"library\":\"clblast\"}", &gpu, ""},
        {",\"requires\":{\"library\":\"clblast\"}", &no_blas,
         "this attnbench was built without CLBlast; install libclblast-dev and build again"},
        {",\"requires\":{\"local_bytes\":\"65536\"}", &gpu, ""},
        {",\"requires\":{\"local_bytes\":\"1024*d_k + 1\"}", &gpu,
         "it needs 65537 bytes of local memory, the device has 65536"},
    };
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct arena arena = {0};
        struct variant v = small_variant("{}", cases[i].more, &arena);
        const struct problem problem = make_problem("{\"n\":8,\"d_k\":64}", &arena);
        struct tuning tuning;
        struct err err = {""};
        assert_int_equal(variant_fit(&v, &problem, cases[i].device, &tuning, &err),
                         *cases[i].reason ? -1 : 0);
        expect_text(cases[i].more, err.message, cases[i].reason);
        variant_free(&v);
        arena_free(&arena);
    }
}

/* ---- tunings --------------------------------------------------------------------------------- */

static const char tuned[] =
    "{\"name\":\"x\",\"supports\":{},\"requires\":{\"local_bytes\":\"4*BLOCK*d_k\"},\n"
    "\"tune\":{\"BLOCK\":[64,32,16],\"WG\":[256,64,16]},\"where\":\"WG >= BLOCK\",\n"
    "\"defaults\":{\"cpu\":{\"BLOCK\":16,\"WG\":64},\"gpu\":{\"WG\":64}},\n"
    "\"passes\":[{\"kernel\":\"x\",\"groups\":[\"ceil(n_q/BLOCK)\",\"heads_q\",\"batch\"],"
    "\"local\":[\"WG\",1,1]}]}";

static const struct {
    const char *type;
    int64_t local_bytes, max_work_group, max_work_item, d_k;
    const char *tuning, *reason;
} fits[] = {
    {"cpu", 65536, 1024, 1024, 64, "BLOCK=16,WG=64", ""},
    /* a default that names only some keeps the first value of the others */
    {"gpu", 65536, 1024, 1024, 64, "BLOCK=64,WG=64", ""},
    {"accelerator", 65536, 1024, 1024, 64, "BLOCK=64,WG=256", ""},
    /* the default does not fit: the first in file order that does, the last tunable fastest */
    {"gpu", 16384, 1024, 1024, 64, "BLOCK=64,WG=64", ""},
    {"gpu", 16383, 1024, 1024, 64, "BLOCK=32,WG=256", ""},
    {"gpu", 8192, 128, 1024, 64, "BLOCK=32,WG=64", ""},
    {"gpu", 16384, 16, 1024, 64, "BLOCK=16,WG=16", ""},
    {"gpu", 65536, 1024, 32, 64, "BLOCK=16,WG=16", ""},
    {"cpu", 65536, 16, 1024, 64, "BLOCK=16,WG=16", ""},
    /* 0: the device does not say */
    {"gpu", 0, 0, 0, 4096, "BLOCK=64,WG=64", ""},
    /* nothing fits: the reason is the preferred tuning's */
    {"gpu", 4095, 1024, 1024, 64, NULL,
     "it needs 16384 bytes of local memory, the device has 4095"},
    {"gpu", 65536, 8, 1024, 64, NULL, "pass x needs work-groups of 64, the device allows 8"},
    {"gpu", 65536, 1024, 8, 64, NULL,
     "pass x needs 64 work-items in dimension 0, the device allows 8"},
};

static void the_first_fitting_tuning_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(fits); ++i) {
        struct arena arena = {0};
        struct variant v;
        struct err err = {""};
        struct tuning tuning;
        struct device_info device = gpu;
        device.type = fits[i].type;
        device.local_bytes = fits[i].local_bytes;
        device.max_work_group = fits[i].max_work_group;
        device.max_work_item[0] = fits[i].max_work_item;
        assert_int_equal(variant_load(&v, "f", "x", tuned, strlen(tuned), &arena, &err), 0);
        struct problem problem = make_problem("{\"n\":100,\"d_k\":64}", &arena);
        problem.d_k = problem.d_v = fits[i].d_k;
        const int result = variant_fit(&v, &problem, &device, &tuning, &err);
        if (result != (fits[i].tuning ? 0 : -1))
            fail_msg("case %zu: %d %s", i, result, err.message);
        if (fits[i].tuning) {
            expect_text("tuning", tuning_text(&tuning, &arena), fits[i].tuning);
            assert_int_equal(variant_tuning_fits(&v, &problem, &device, &tuning, &err), 0);
        } else {
            expect_text("reason", err.message, fits[i].reason);
        }
        variant_free(&v);
        arena_free(&arena);
    }
}

static void a_given_tuning_is_judged_by_itself(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct variant v;
    struct err err = {""};
    assert_int_equal(variant_load(&v, "f", "x", tuned, strlen(tuned), &arena, &err), 0);
    const struct problem problem = make_problem("{\"n\":100,\"d_k\":64}", &arena);
    struct tuning tuning = {2, {{"BLOCK", 64}, {"WG", 16}}};
    assert_int_equal(variant_tuning_fits(&v, &problem, &gpu, &tuning, &err), -1);
    assert_string_equal(err.message, "the tuning breaks its rule WG >= BLOCK");
    tuning.items[1].value = 0;
    tuning.items[0].value = 0;
    assert_int_equal(variant_tuning_fits(&v, &problem, &gpu, &tuning, &err), -1);
    tuning = (struct tuning){0}; /* the names of the file are not there */
    assert_int_equal(variant_tuning_fits(&v, &problem, &gpu, &tuning, &err), -1);
    assert_string_equal(err.message, "expression \"WG >= BLOCK\": unknown name \"WG\" at column 1");
    variant_free(&v);
    arena_free(&arena);
}

static void empty_ranges_do_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *groups, *local;
    } cases[] = {{"[0,1,1]", "[1,1,1]"},
                 {"[1,1,1]", "[1,0,1]"},
                 {"[\"floor(n_q/1000)\",1,1]", "[1,1,1]"},
                 {"[\"n_q/3\",1,1]", "[1,1,1]"},
                 {"[\"1-n_q\",1,1]", "[1,1,1]"},
                 {"[\"n_q/(d_k-d_v)\",1,1]", "[1,1,1]"}};
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct arena arena = {0};
        struct variant v;
        struct tuning tuning;
        struct err err = {""};
        const char *text = arena_print(&arena,
                                       "{\"name\":\"x\",\"supports\":{},\"passes\":[{\"kernel\":"
                                       "\"x\",\"groups\":%s,\"local\":%s}]}",
                                       cases[i].groups, cases[i].local);
        assert_int_equal(variant_load(&v, "f", "x", text, strlen(text), &arena, &err), 0);
        const struct problem problem = make_problem("{\"n\":100,\"d_k\":64}", &arena);
        if (variant_fit(&v, &problem, &gpu, &tuning, &err) != -1)
            fail_msg("%s %s fits", cases[i].groups, cases[i].local);
        assert_true(*err.message);
        variant_free(&v);
        arena_free(&arena);
    }
}

/* ---- memory and build options ---------------------------------------------------------------- */

static void memory_counts_tensors_and_scratch(void **state)
{
    (void)state;
    static const struct {
        const char *problem;
        int64_t inputs, output, scratch, largest;
    } cases[] = {
        {"{\"n\":8,\"d_k\":4}", 3 * 128, 128, 256, 256},
        /* scratch stays f32 whatever the dtype */
        {"{\"n\":8,\"d_k\":4,\"dtype\":\"f16\"}", 3 * 64, 64, 256, 256},
        {"{\"batch\":2,\"heads_q\":4,\"heads_kv\":2,\"n_q\":3,\"n_kv\":5,\"d_k\":16,\"d_v\":8}",
         4 * (2 * 4 * 3 * 16 + 2 * 2 * 5 * 16 + 2 * 2 * 5 * 8), 4 * 2 * 4 * 3 * 8,
         4 * 2 * 4 * 3 * 5, 4 * 2 * 4 * 3 * 16},
        {"{\"n\":65536,\"heads\":16,\"d_k\":64}", INT64_C(3) << 28, INT64_C(1) << 28,
         INT64_C(1) << 38, INT64_C(1) << 38},
    };
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct arena arena = {0};
        struct variant v = small_variant(
            "{}", ",\"scratch\":{\"scores\":[\"batch\",\"heads_q\",\"n_q\",\"n_kv\"]}", &arena);
        const struct problem problem = make_problem(cases[i].problem, &arena);
        const struct tuning tuning = {0};
        struct memory memory;
        struct err err = {""};
        assert_int_equal(variant_memory(&v, &problem, &tuning, &memory, &err), 0);
        assert_true(memory.inputs_bytes == cases[i].inputs);
        assert_true(memory.output_bytes == cases[i].output);
        assert_true(memory.scratch_bytes == cases[i].scratch);
        assert_true(memory.largest_bytes == cases[i].largest);
        assert_true(memory.total_bytes == cases[i].inputs + cases[i].output + cases[i].scratch);
        variant_free(&v);
        arena_free(&arena);
    }
}

static void impossible_scratch_is_an_error(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct variant v = small_variant("{}", ",\"scratch\":{\"scores\":[\"n_q\",\"n_q/3\"]}", &arena);
    struct variant huge = small_variant(
        "{}", ",\"scratch\":{\"scores\":[\"n_q*1e9\",\"n_q*1e9\",\"n_q\",\"n_q\"]}", &arena);
    const struct problem problem = make_problem("{\"n\":8,\"d_k\":4}", &arena);
    const struct tuning tuning = {0};
    struct memory memory;
    struct err err = {""};
    assert_int_equal(variant_memory(&v, &problem, &tuning, &memory, &err), -1);
    assert_string_equal(err.message,
                        "scratch.scores: expression \"n_q/3\": expected a whole number "
                        ">= 0, it is 2.66667");
    assert_int_equal(variant_memory(&huge, &problem, &tuning, &memory, &err), -1);
    assert_string_equal(err.message, "scratch.scores: too large");
    variant_free(&v);
    variant_free(&huge);
    arena_free(&arena);
}

static void sizes_are_whole_numbers(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct problem problem = make_problem("{\"n\":10,\"d_k\":4}", &arena);
    const struct tuning tuning = {1, {{"n_q", 3}}}; /* a tunable hides a key of the same name */
    int64_t size = -7;
    struct err err = {""};
    assert_int_equal(variant_size("n_kv*d_k", &problem, &tuning, &size, &err), 0);
    assert_int_equal(size, 40);
    assert_int_equal(variant_size("n_q", &problem, &tuning, &size, &err), 0);
    assert_int_equal(size, 3);
    assert_int_equal(variant_size("0", &problem, &tuning, &size, &err), 0);
    assert_int_equal(size, 0);
    size = -7;
    static const char *const bad[] = {"-1", "0.5", "1e300", "n_kv/3", "x"};
    for (size_t i = 0; i < COUNT(bad); ++i) {
        assert_int_equal(variant_size(bad[i], &problem, &tuning, &size, &err), -1);
        assert_int_equal(size, -7);
    }
    arena_free(&arena);
}

#define OPTIONS(dtype, bnhd, causal, window)                                                       \
    "-cl-std=CL1.2 -DD_K=64 -DD_V=32 -DDTYPE=" dtype " -DLAYOUT_BNHD=" bnhd " -DCAUSAL=" causal    \
    " -DWINDOW=" window

static const struct {
    const char *more, *options;
} builds[] = {
    {"", OPTIONS("0", "0", "0", "0") " -DBIAS=0 -DKV_LENGTHS=0 -DSOFTCAP=0 -DSINK=0 -DRETURNS=0"},
    {",\"dtype\":\"f16\",\"mask\":\"causal\"",
     OPTIONS("1", "0", "1", "0") " -DBIAS=0 -DKV_LENGTHS=0 -DSOFTCAP=0 -DSINK=0 -DRETURNS=0"},
    {",\"dtype\":\"bf16\",\"layout\":\"bnhd\",\"mask\":\"window\",\"window_left\":3",
     OPTIONS("2", "1", "0", "1") " -DBIAS=0 -DKV_LENGTHS=0 -DSOFTCAP=0 -DSINK=0 -DRETURNS=0"},
    {",\"mask\":\"causal+window\",\"bias\":\"alibi\",\"kv_lengths\":[3],\"softcap\":5,\"sink\":"
     "true",
     OPTIONS("0", "0", "1", "1") " -DBIAS=3 -DKV_LENGTHS=1 -DSOFTCAP=1 -DSINK=1 -DRETURNS=0"},
};

static void build_options_hold_everything_but_lengths(void **state)
{
    (void)state;
    const struct tuning tuning = {2, {{"BLOCK", 16}, {"WG", 64}}};
    for (size_t i = 0; i < COUNT(builds); ++i) {
        struct arena arena = {0};
        const struct problem small = make_problem(
            arena_print(&arena, "{\"n\":8,\"d_k\":64,\"d_v\":32%s}", builds[i].more), &arena);
        const char *want = arena_print(&arena, "%s -DBLOCK=16 -DWG=64", builds[i].options);
        expect_text(builds[i].more, variant_build_options(&small, &tuning, &arena), want);
        struct problem large = small; /* the same build serves a sweep over n, heads and batch */
        large.n_q = 4096;
        large.n_kv = 1024;
        large.heads_q = large.heads_kv = 32;
        large.causal_offset = 5;
        large.scale = 3;
        expect_text(builds[i].more, variant_build_options(&large, &tuning, &arena), want);
        arena_free(&arena);
    }
}

/* ---- tunings as JSON ------------------------------------------------------------------------- */

static void tunings_survive_a_round_trip(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct tuning tuning = {2, {{"BLOCK", 16}, {"WG", 64}}};
    struct tuning back;
    struct err err = {""};
    cJSON *object = tuning_to_json(&tuning);
    assert_int_equal(tuning_from_json(&back, object, &arena, &err), 0);
    assert_string_equal(tuning_text(&back, &arena), "BLOCK=16,WG=64");
    cJSON_Delete(object);
    const struct tuning none = {0};
    assert_string_equal(tuning_text(&none, &arena), "");
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"3", "tuning: expected an object"},
        {"{\"WG\":1.5e9}", "tuning.WG: expected an integer"},
        {"{\"WG\":-1}", "tuning.WG: expected an integer"},
        {"{\"WG\":\"1\"}", "tuning.WG: expected an integer"},
        {"{\"W G\":1}", "tuning.W G: expected an integer"},
        {"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,"
         "\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1}",
         "tuning: more than 16 tunables"},
    };
    for (size_t i = 0; i < COUNT(bad); ++i) {
        cJSON *node = parse(bad[i].text);
        if (tuning_from_json(&back, node, &arena, &err) != -1)
            fail_msg("%s was accepted", bad[i].text);
        expect_text(bad[i].text, err.message, bad[i].message);
        cJSON_Delete(node);
    }
    arena_free(&arena);
}

static void a_fraction_is_no_tuning(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct tuning tuning;
    struct err err = {""};
    cJSON *node = parse("{\"WG\":1.5}");
    assert_int_equal(tuning_from_json(&tuning, node, &arena, &err), -1);
    assert_string_equal(err.message, "tuning.WG: expected an integer");
    cJSON_Delete(node);
    arena_free(&arena);
}

/* "n" and "heads" are keys of suites. In `supports` they must not be a rule that never holds, or
 * one that always does: refused on load, or obeyed. */
static void a_shorthand_in_supports_is_no_silent_rule(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"name\":\"x\",\"supports\":{\"n\":{\"max\":64}},\"passes\":[{\"kernel\":\"x\","
        "\"groups\":"
        "[1,1,1],\"local\":[1,1,1]}]}",
        "{\"name\":\"x\",\"supports\":{\"heads\":[1,2]},\"passes\":[{\"kernel\":\"x\",\"groups\":"
        "[1,1,1],\"local\":[1,1,1]}]}"};
    for (size_t i = 0; i < COUNT(texts); ++i) {
        struct arena arena = {0};
        struct variant v;
        struct tuning tuning;
        struct err err = {""};
        if (variant_load(&v, "f", "x", texts[i], strlen(texts[i]), &arena, &err)) {
            assert_non_null(strstr(err.message, "f:1: supports."));
            arena_free(&arena);
            continue;
        }
        const struct problem large = make_problem("{\"n\":65,\"heads\":3,\"d_k\":64}", &arena);
        const struct problem small = make_problem("{\"n\":64,\"heads\":2,\"d_k\":64}", &arena);
        assert_int_equal(variant_fit(&v, &large, &gpu, &tuning, &err), -1);
        assert_int_equal(variant_fit(&v, &small, &gpu, &tuning, &err), 0);
        variant_free(&v);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_file_loads),
        cmocka_unit_test(mistakes_name_file_line_and_key_path),
        cmocka_unit_test(a_variant_without_passes_is_refused),
        cmocka_unit_test(a_variant_may_declare_its_precision),
        cmocka_unit_test(a_search_for_a_tuning_is_bounded),
        cmocka_unit_test(an_impossible_work_group_does_not_fit),
        cmocka_unit_test(the_variants_of_the_repository_load),
        cmocka_unit_test(supports_rules),
        cmocka_unit_test(device_rules),
        cmocka_unit_test(the_first_fitting_tuning_is_taken),
        cmocka_unit_test(a_given_tuning_is_judged_by_itself),
        cmocka_unit_test(empty_ranges_do_not_fit),
        cmocka_unit_test(memory_counts_tensors_and_scratch),
        cmocka_unit_test(impossible_scratch_is_an_error),
        cmocka_unit_test(sizes_are_whole_numbers),
        cmocka_unit_test(build_options_hold_everything_but_lengths),
        cmocka_unit_test(tunings_survive_a_round_trip),
        cmocka_unit_test(a_fraction_is_no_tuning),
        cmocka_unit_test(a_shorthand_in_supports_is_no_silent_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
