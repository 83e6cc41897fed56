/* Oclgrind's log as findings, from logs that Oclgrind 21.10 wrote. */
#include "device/oclgrind_log.h"
#include "support.h"

#define RACE                                                                                       \
    "\nRead-write data race at local memory address 0x2000000000104\n"                             \
    "\tKernel: tiled_scores\n"                                                                     \
    "\t\n"                                                                                         \
    "\tFirst entity:  Global(1,0,0) Local(1,0,0) Group(0,0,0)\n"                                   \
    "\t  store float %cond115, float addrspace(3)* %arrayidx119, align 4, !dbg !280\n"             \
    "\tAt line 76 (column 39) of tiled/tiled.cl:\n"                                                \
    "\t  static inline void store(__global storage *p, size_t i, float x)\n"                       \
    "\t\n"                                                                                         \
    "\tSecond entity: Global(0,0,0) Local(0,0,0) Group(0,0,0)\n"                                   \
    "\t  %105 = load float, float addrspace(3)* %arrayidx31.i, align 4, !dbg !375\n"               \
    "\tAt line 62 (column 32) of include/block.clh:\n"                                             \
    "\t  float rope_base;\n"                                                                       \
    "\t\n"

static const char bounds[] =
    "\nInvalid read of size 4 at global memory address 0x100000000003c\n"
    "\tKernel: naive_scores\n"
    "\tEntity: Global(128,0,0) Local(0,0,0) Group(2,0,0)\n"
    "\t  %2 = load float, float addrspace(1)* %arrayidx, align 4, !dbg !20\n"
    "\tAt line 19 (column 12) of include/attention.clh:\n"
    "\t  *\n"
    "\t\n"
    "\nInvalid read of size 4 at global memory address 0x1000000000040\n"
    "\tKernel: naive_scores\n"
    "\tEntity: Global(129,0,0) Local(1,0,0) Group(2,0,0)\n"
    "\t  %2 = load float, float addrspace(1)* %arrayidx, align 4, !dbg !20\n"
    "\tAt line 19 (column 12) of include/attention.clh:\n"
    "\t  *\n"
    "\t\n"
    "\nUninitialized value written to global memory address 0x9000000000018\n"
    "\tKernel: naive_scores\n"
    "\tEntity: Global(128,0,0) Local(0,0,0) Group(2,0,0)\n"
    "\t  store float %call43, float addrspace(1)* %arrayidx, align 4, !dbg !162\n"
    "\tAt line 46 (column 58) of naive/naive.cl:\n"
    "\t  text of another line\n"
    "\t\n";

static const char divergence[] =
    "\nWork-group divergence detected (barrier)\n"
    "\tKernel:     tiled_softmax\n"
    "\tWork-group: (0,0,0)\n"
    "\t\n"
    "\tWork-item:  Global(64,0,0) Local(64,0,0) Group(0,0,0)\n"
    "\t  call spir_func void @_Z7barrierj(i32 noundef 1) #6, !dbg !118\n"
    "\tAt line 45 (column 5) of tiled/softmax.clh:\n"
    "\t  struct shape {\n"
    "\tfence=0x1, num_events=0\n"
    "\t\n"
    "\tPrevious work-items executed:\n"
    "\t  call spir_func void @_Z7barrierj(i32 noundef 1) #6, !dbg !103\n"
    "\tAt line 43 (column 34) of tiled/softmax.clh:\n"
    "\t  #endif\n"
    "\tfence=0x1, num_events=0\n"
    "\t\n";

static void expect(const struct finding *got, enum finding_kind kind, const char *file, int line,
                   const char *kernel, const char *message)
{
    assert_string_equal(finding_kind_name(got->kind), finding_kind_name(kind));
    expect_text("file", got->file, file);
    assert_int_equal(got->line, line);
    expect_text("kernel", got->kernel, kernel);
    expect_text("message", got->message, message);
}

static void work_items_and_addresses_make_no_second_finding(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct finding *found = NULL;
    assert_int_equal(oclgrind_log_parse(bounds, &found, &arena), 2);
    expect(&found[0], FINDING_BOUNDS, "include/attention.clh", 19, "naive_scores",
           "Invalid read of size 4 at global memory");
    expect(&found[1], FINDING_UNINITIALISED, "naive/naive.cl", 46, "naive_scores",
           "Uninitialized value written to global memory");
    arena_free(&arena);
}

static void a_race_has_two_places_in_any_order(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct finding *found = NULL;
    assert_int_equal(oclgrind_log_parse(RACE RACE, &found, &arena), 1);
    expect(&found[0], FINDING_RACE, "include/block.clh", 62, "tiled_scores",
           "Read-write data race at local memory");
    expect_text("other file", found[0].other_file, "tiled/tiled.cl");
    assert_int_equal(found[0].other_line, 76);
    arena_free(&arena);
}

static void what_others_had_executed_is_no_place_of_divergence(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct finding *found = NULL;
    assert_int_equal(oclgrind_log_parse(divergence, &found, &arena), 1);
    expect(&found[0], FINDING_DIVERGENCE, "tiled/softmax.clh", 45, "tiled_softmax",
           "Work-group divergence detected (barrier)");
    expect_text("other file", found[0].other_file, "");
    arena_free(&arena);
}

static void every_kind_of_report_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum finding_kind kind;
    } cases[] = {
        {"Invalid write of size 8 at local memory address 0x1", FINDING_BOUNDS},
        {"Index (17) exceeds static array size (16)", FINDING_BOUNDS},
        {"Write-write data race at global memory address 0x9", FINDING_RACE},
        {"Controlflow depends on uninitialized value", FINDING_UNINITIALISED},
        {"Work-group divergence detected (async_work_group_copy)", FINDING_DIVERGENCE},
        {"Invalid memory load - source pointer is not aligned to the pointed type",
         FINDING_ALIGNMENT},
        {"Something of a later version", FINDING_OTHER},
    };
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct arena arena = {0};
        struct finding *found = NULL;
        const char *log = arena_print(&arena, "\n%s\n\tKernel: k\n", cases[i].line);
        assert_int_equal(oclgrind_log_parse(log, &found, &arena), 1);
        assert_int_equal(found[0].kind, cases[i].kind);
        arena_free(&arena);
    }
}

static void an_index_is_left_out_of_the_message(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct finding *found = NULL;
    assert_int_equal(oclgrind_log_parse("Index (17) exceeds static array size (16)\n\tKernel: k\n"
                                        "Index (18) exceeds static array size (16)\n\tKernel: k\n",
                                        &found, &arena),
                     1);
    expect_text("message", found[0].message, "Index exceeds static array size (16)");
    arena_free(&arena);
}

static void misuse_of_the_api_names_function_and_error(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct finding *found = NULL;
    assert_int_equal(oclgrind_log_parse(
                         "\nOclgrind - OpenCL runtime error detected\n\tFunction: clSetKernelArg\n"
                         "\tError:    CL_INVALID_ARG_SIZE\n\targ_size is 40\n\n",
                         &found, &arena),
                     1);
    expect(&found[0], FINDING_API, "", 0, "",
           "Oclgrind - OpenCL runtime error detected: clSetKernelArg: CL_INVALID_ARG_SIZE");
    arena_free(&arena);
}

static void other_text_is_no_finding(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "\n\n",
                                        "2 warnings generated.\n",
                                        "\tKernel: k\n",
                                        "Error limit reached\n",
                                        "At line 3 of x:\n",
                                        "\t",
                                        "x"};
    for (size_t i = 0; i < COUNT(texts); ++i) {
        struct arena arena = {0};
        struct finding *found = NULL;
        assert_int_equal(oclgrind_log_parse(texts[i], &found, &arena), 0);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_items_and_addresses_make_no_second_finding),
        cmocka_unit_test(a_race_has_two_places_in_any_order),
        cmocka_unit_test(what_others_had_executed_is_no_place_of_divergence),
        cmocka_unit_test(every_kind_of_report_is_known),
        cmocka_unit_test(an_index_is_left_out_of_the_message),
        cmocka_unit_test(misuse_of_the_api_names_function_and_error),
        cmocka_unit_test(other_text_is_no_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
