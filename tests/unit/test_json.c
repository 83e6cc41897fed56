/* JSON: where a value stands, what is refused on load, typed access. */
#include "support.h"

#include "util/json.h"
#include "util/text.h"

/* Lines:  1 2            3               4     5 6                       7            8 */
static const char document[] = "{\n"
                               "  \"a\": 1,\n"
                               "  \"list\": [10, {\"x\": \"}:,\"},\n"
                               "     [ ], {\n"
                               "     \"y\\\"z\": null } ],\n"
                               "  \"deep\": {\"er\": {\n"
                               "     \"est\": true}}, \"s\": \"two\\nlines\",\n"
                               "  \"last\": -1.5e3\n"
                               "}\n";

static const cJSON *at(const cJSON *node, const char *key)
{
    const cJSON *child = cJSON_GetObjectItemCaseSensitive(node, key);
    assert_non_null(child);
    return child;
}

static void expect_place(const struct json *json, const cJSON *node, const char *want)
{
    struct err err = {""};
    assert_int_equal(json_fail(json, node, &err, "bad %d", 7), -1);
    expect_text("place", err.message, want);
}

static void every_value_knows_its_line_and_path(void **state)
{
    (void)state;
    struct json json;
    struct err err = {"untouched"};
    assert_int_equal(json_load(&json, "f.json", document, strlen(document), &err), 0);
    assert_string_equal(err.message, "untouched");
    const cJSON *root = json.root, *list = at(root, "list");
    expect_place(&json, NULL, "f.json:1: bad 7");
    expect_place(&json, root, "f.json:1: bad 7");
    expect_place(&json, at(root, "a"), "f.json:2: a: bad 7");
    expect_place(&json, list, "f.json:3: list: bad 7");
    expect_place(&json, cJSON_GetArrayItem(list, 0), "f.json:3: list[0]: bad 7");
    expect_place(&json, cJSON_GetArrayItem(list, 1), "f.json:3: list[1]: bad 7");
    expect_place(&json, at(cJSON_GetArrayItem(list, 1), "x"), "f.json:3: list[1].x: bad 7");
    expect_place(&json, cJSON_GetArrayItem(list, 2), "f.json:4: list[2]: bad 7");
    expect_place(&json, cJSON_GetArrayItem(list, 3), "f.json:4: list[3]: bad 7");
    expect_place(&json, cJSON_GetArrayItem(list, 3)->child, "f.json:5: list[3].y\"z: bad 7");
    expect_place(&json, at(root, "deep"), "f.json:6: deep: bad 7");
    expect_place(&json, at(at(root, "deep"), "er"), "f.json:6: deep.er: bad 7");
    expect_place(&json, at(at(at(root, "deep"), "er"), "est"), "f.json:7: deep.er.est: bad 7");
    expect_place(&json, at(root, "s"), "f.json:7: s: bad 7");
    expect_place(&json, at(root, "last"), "f.json:8: last: bad 7");
    json_free(&json);
    json_free(&json); /* harmless */
}

static const struct {
    const char *text;
    size_t length; /* 0: strlen */
    const char *message;
} broken[] = {
    {"", 0, "f:1: not valid JSON: the file ends too early"},
    {"\n\n", 0, "f:3: not valid JSON: the file ends too early"},
    {"{", 0, "f:1: not valid JSON: the file ends too early"},
    {"{\"a\": 1", 0, "f:1: not valid JSON: the file ends too early"},
    {"{\n\"a\" 1}", 0, "f:2: not valid JSON at '1}'"},
    {"{\"a\": NaN}", 0, "f:1: not valid JSON at 'NaN}'"},
    {"{\"a\": Infinity}", 0, "f:1: not valid JSON at 'Infinity}'"},
    {"[1,\n2,,3]", 0, "f:2: not valid JSON at ',3]'"},
    {"{} x", 0, "f:1: not valid JSON at 'x'"},
    {"{}{}", 0, "f:1: not valid JSON at '{}'"},
    {"// comment\n{}", 0, "f:1: not valid JSON at '// comment?{}'"},
    {"{\"a\": 1}\0", 9, "f: holds a NUL byte; a JSON text file was expected"},
    {"{\"a\0\": 1}", 9, "f: holds a NUL byte; a JSON text file was expected"},
    {"\x7f"
     "ELF\x01\0\0",
     7, "f: holds a NUL byte; a JSON text file was expected"},
    {"\x1b[31mred", 0, "f:1: not valid JSON at 'mred'"},
    {"{\"a\": 1,\n \"b\": 2,\n \"a\": 3}", 0,
     "f:3: a: the key stands twice in its object; remove one"},
    {"[{}, {\"x\": {\"k\": 1,\n\"k\": 1}}]", 0,
     "f:2: [1].x.k: the key stands twice in its object; remove one"},
};

static void bad_files_are_refused_with_their_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(broken); ++i) {
        struct json json;
        struct err err = {""};
        const size_t length = broken[i].length ? broken[i].length : strlen(broken[i].text);
        if (json_load(&json, "f", broken[i].text, length, &err) != -1)
            fail_msg("accepted: %s", broken[i].text);
        expect_text(broken[i].text, err.message, broken[i].message);
        assert_null(json.root);
        assert_null(json.text);
    }
}

/* The commonest slip of all: the file is whole, and the message must not send the reader to its
 * end. */
static void a_trailing_comma_is_shown_where_it_stands(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\n\"a\": 1,\n}", "f:3: not valid JSON at '}'"},
        {"{\n\"a\": 1,\n}\n", "f:3: not valid JSON at '}?'"},
        {"[1,\n2,\n]", "f:3: not valid JSON at ']'"},
        {"{'a': 1}", "f:1: not valid JSON at ''a': 1}'"},
    };
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct json json;
        struct err err = {""};
        assert_int_equal(json_load(&json, "f", cases[i].text, strlen(cases[i].text), &err), -1);
        expect_text(cases[i].text, err.message, cases[i].message);
    }
}

static void same_key_in_other_objects_is_fine(void **state)
{
    (void)state;
    const char text[] = "[{\"a\": {\"a\": 1}, \"A\": 2}, {\"a\": 3}]";
    struct json json;
    struct err err = {""};
    assert_int_equal(json_load(&json, "f", text, strlen(text), &err), 0);
    json_free(&json);
}

static void deep_nesting_is_an_error_not_a_crash(void **state)
{
    (void)state;
    char *text = malloc(200001);
    memset(text, '[', 200000);
    text[200000] = '\0';
    struct json json;
    struct err err = {""};
    assert_int_equal(json_load(&json, "f", text, 200000, &err), -1);
    assert_non_null(strstr(err.message, "not valid JSON"));
    free(text);
}

static void unknown_keys_get_a_suggestion(void **state)
{
    (void)state;
    static const char *const keys[] = {"name", "axes", "variants", NULL};
    static const struct {
        const char *text, *message; /* NULL: accepted */
    } cases[] = {
        {"{}", NULL},
        {"{\"axes\": 1, \"name\": 2}", NULL},
        {"{\"axis\": 1}", "f:1: axis: unknown key; did you mean \"axes\"?"},
        {"{\"name\": 1,\n\"Name\": 1}", "f:2: Name: unknown key; did you mean \"name\"?"},
        {"{\"elephant\": 1}", "f:1: elephant: unknown key; expected one of: name, axes, variants"},
        {"[]", "f:1: expected an object, found an array"},
        {"3", "f:1: expected an object, found 3"},
    };
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct json json;
        struct err err = {""};
        assert_int_equal(json_load(&json, "f", cases[i].text, strlen(cases[i].text), &err), 0);
        assert_int_equal(json_only_keys(&json, json.root, keys, &err), cases[i].message ? -1 : 0);
        expect_text(cases[i].text, err.message, cases[i].message ? cases[i].message : "");
        json_free(&json);
    }
}

/* Reads key "k" as an integer 1..10 ('i'), a number 0..1 ('d'), 'b'ool, 's'tring, 'a'rray or
 * 'o'bject; upper case: it is needed. */
static int get(const struct json *json, char kind, double *number, struct err *err)
{
    int64_t integer = -1;
    double real = -1;
    bool flag = false;
    const char *text = "default";
    const cJSON *node = NULL;
    const bool need = kind < 'a';
    int result = -2;
    switch (need ? kind - 'A' + 'a' : kind) {
    case 'i':
        result = json_int(json, json->root, "k", need, 1, 10, &integer, err);
        *number = (double)integer;
        break;
    case 'd':
        result = json_double(json, json->root, "k", need, 0, 1, &real, err);
        *number = real;
        break;
    case 'b':
        result = json_bool(json, json->root, "k", need, &flag, err);
        *number = flag;
        break;
    case 's':
        result = json_string(json, json->root, "k", need, &text, err);
        *number = (double)strlen(text);
        break;
    case 'a':
        result = json_node(json, json->root, "k", need, cJSON_Array, &node, err);
        *number = node ? cJSON_GetArraySize(node) : -1;
        break;
    case 'o':
        result = json_node(json, json->root, "k", need, cJSON_Object, &node, err);
        *number = node ? cJSON_GetArraySize(node) : -1;
        break;
    default:
        fail();
    }
    return result;
}

static const struct {
    char kind;
    const char *text, *message; /* NULL: accepted */
    double want;
} typed[] = {
    {'i', "{\"k\": 10}", NULL, 10},
    {'i', "{\"k\": 1.0}", NULL, 1},
    {'i', "{}", NULL, -1},
    {'I', "{\n\"j\": 1}", "f:1: the key \"k\" is missing", 0},
    {'i', "{\"k\": 0}", "f:1: k: expected an integer from 1 to 10, found 0", 0},
    {'i', "{\"k\": 11}", "f:1: k: expected an integer from 1 to 10, found 11", 0},
    {'i', "{\"k\": 2.5}", "f:1: k: expected an integer from 1 to 10, found 2.5", 0},
    {'i', "{\"k\": \"3\"}", "f:1: k: expected an integer from 1 to 10, found \"3\"", 0},
    {'i', "{\"k\": 1e999}", "f:1: k: expected an integer from 1 to 10, found inf", 0},
    {'i', "{\n\"k\":\n null}", "f:3: k: expected an integer from 1 to 10, found null", 0},
    {'d', "{\"k\": 0.5}", NULL, 0.5},
    {'d', "{}", NULL, -1},
    {'d', "{\"k\": 1.5}", "f:1: k: expected a number from 0 to 1, found 1.5", 0},
    {'d', "{\"k\": true}", "f:1: k: expected a number from 0 to 1, found true", 0},
    {'b', "{\"k\": true}", NULL, 1},
    {'b', "{\"k\": 1}", "f:1: k: expected true or false, found 1", 0},
    {'s', "{\"k\": \"abc\"}", NULL, 3},
    {'s', "{}", NULL, 7},
    {'s', "{\"k\": []}", "f:1: k: expected a string, found an array", 0},
    {'S', "{}", "f:1: the key \"k\" is missing", 0},
    {'a', "{\"k\": [1, 2]}", NULL, 2},
    {'a', "{\"k\": {}}", "f:1: k: expected an array, found an object", 0},
    {'o', "{\"k\": {}}", NULL, 0},
    {'o', "{\"k\": null}", "f:1: k: expected an object, found null", 0},
    {'i', "[1]", "f:1: expected an object, found an array", 0},
};

static void typed_access_is_strict(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(typed); ++i) {
        struct json json;
        struct err err = {""};
        double got = NAN;
        assert_int_equal(json_load(&json, "f", typed[i].text, strlen(typed[i].text), &err), 0);
        const int result = get(&json, typed[i].kind, &got, &err);
        expect_text(typed[i].text, err.message, typed[i].message ? typed[i].message : "");
        assert_int_equal(result, typed[i].message ? -1 : 0);
        if (!typed[i].message && !near(got, typed[i].want, 0))
            fail_msg("%s: %g", typed[i].text, got);
        json_free(&json);
    }
}

static void nan_becomes_null(void **state)
{
    (void)state;
    cJSON *object = cJSON_CreateObject();
    json_add_number(object, "a", 0.1);
    json_add_number(object, "b", NAN);
    json_add_number(object, "c", -INFINITY);
    char *text = json_print(object);
    assert_string_equal(text, "{\"a\":0.1,\"b\":null,\"c\":null}");
    free(text);
    cJSON_Delete(object);
}

static void foreign_keys_are_shown_safely(void **state)
{
    (void)state;
    const char text[] = "{\"a\\u001b[2J\\u202e\": 1}";
    static const char *const keys[] = {"zzzzzzzz", NULL};
    struct json json;
    struct err err = {""};
    assert_int_equal(json_load(&json, "f", text, strlen(text), &err), 0);
    assert_int_equal(json_only_keys(&json, json.root, keys, &err), -1);
    assert_string_equal(err.message, "f:1: a?[2J?: unknown key; expected one of: zzzzzzzz");
    json_free(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_knows_its_line_and_path),
        cmocka_unit_test(bad_files_are_refused_with_their_line),
        cmocka_unit_test(a_trailing_comma_is_shown_where_it_stands),
        cmocka_unit_test(same_key_in_other_objects_is_fine),
        cmocka_unit_test(deep_nesting_is_an_error_not_a_crash),
        cmocka_unit_test(unknown_keys_get_a_suggestion),
        cmocka_unit_test(typed_access_is_strict),
        cmocka_unit_test(nan_becomes_null),
        cmocka_unit_test(foreign_keys_are_shown_safely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
