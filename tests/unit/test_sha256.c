/* SHA-256 against the vectors of NIST (FIPS 180-4 examples, CAVP) and all lengths around a block.
 */
#include "support.h"

#include "util/sha256.h"

static const struct {
    const char *text, *hex;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmn"
     "opqrsmnopqrstnopqrstu",
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

static void published_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); ++i) {
        char hex[65];
        sha256_hex(vectors[i].text, strlen(vectors[i].text), hex);
        assert_string_equal(hex, vectors[i].hex);
    }
}

static void a_million_letters(void **state)
{
    (void)state;
    char *text = malloc(1000000), hex[65];
    memset(text, 'a', 1000000);
    sha256_hex(text, 1000000, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(text);
}

/* Lengths 0 to 130 of the bytes 0, 1, 2, ...: the padding takes every form. The digest of all 131
 * digests, one a line, was computed with Python's hashlib. */
static void every_length_around_a_block(void **state)
{
    (void)state;
    char all[131 * 65 + 1] = "", hex[65];
    unsigned char bytes[130];
    for (size_t i = 0; i < sizeof bytes; ++i)
        bytes[i] = (unsigned char)i;
    for (size_t length = 0; length <= sizeof bytes; ++length) {
        sha256_hex(bytes, length, hex);
        memcpy(all + 65 * length, hex, 64);
        all[65 * length + 64] = '\n';
    }
    sha256_hex(all, 131 * 65, hex);
    assert_string_equal(hex, "67597873002c853ac47705a0a35e13c8d24b2d9fa3dedee52aad86eb28420161");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(a_million_letters),
        cmocka_unit_test(every_length_around_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
