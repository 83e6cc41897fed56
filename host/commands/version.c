/* attnbench version: what this program is and what it was built with; also attnbench --version. */
#include "version.h"

#include "commands/common.h"
#include "device/backend.h"
#include "report/formats/database.h"

#include <cjson/cJSON.h>

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#elif defined __GNUC__
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

#if defined __SANITIZE_ADDRESS__
#define SANITIZED ", sanitized"
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED ", sanitized"
#endif
#endif
#ifndef SANITIZED
#define SANITIZED ""
#endif

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)
#ifdef _OPENMP
#define OPENMP TEXT(_OPENMP)
#else
#define OPENMP "no"
#endif

static const char *openmp_version(void)
{
    return OPENMP;
}

/* What the program can be built with, or without: "no". */
static const struct {
    const char *name;
    const char *(*version)(void);
} features[] = {{"OpenCL", backend_opencl_version},
                {"CLBlast", backend_clblast_version},
                {"OpenMP", openmp_version},
                {"cJSON", cJSON_Version},
                {"SQLite", database_version}};

int command_version(const struct options *options)
{
    (void)options;
    struct text out = {0};
    text_print(&out, "attnbench %s (%s)\n", ATTNBENCH_VERSION, ATTNBENCH_COMMIT);
    text_print(&out, "%-9s%s\n", "date", ATTNBENCH_DATE);
    text_print(&out, "%-9s%s, %s%s\n", "build", ATTNBENCH_BUILD_TYPE, COMPILER, SANITIZED);
    for (size_t i = 0; i < sizeof features / sizeof *features; ++i)
        text_print(&out, "%-9s%s\n", features[i].name, features[i].version());
    const int status = write_output(NULL, text_get(&out), out.length);
    text_free(&out);
    return status;
}
