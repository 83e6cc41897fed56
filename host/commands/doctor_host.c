/* What the machine gives us: nodes of devices, memory, clocks, load, the limits of a container. */
#include "commands/doctor.h"

#include "util/file.h"
#include "util/text.h"

#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SYSTEM_BYTES_MAX = 1 << 20 };

/* The content of a file below the root without its last newline; NULL: it cannot be read. */
static const char *read_system(struct arena *arena, const char *root, const char *path)
{
    struct text text = {0};
    const char *content = NULL;
    if (file_read(arena_print(arena, "%s%s", root, path), SYSTEM_BYTES_MAX, &text, NULL) == 0) {
        while (text.length && text.data[text.length - 1] == '\n')
            text.data[--text.length] = '\0';
        content = arena_copy(arena, text_get(&text));
    }
    text_free(&text);
    return content;
}

static void add(struct findings *findings, const char *name, enum finding_verdict verdict,
                const char *text, const char *advice)
{
    finding_add(findings, (struct finding){"host", name, verdict, text, advice});
}

static const char *size_text(struct arena *arena, double bytes)
{
    struct text text = {0};
    text_add_bytes_size(&text, bytes);
    const char *copy = arena_copy(arena, text_get(&text));
    text_free(&text);
    return copy;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static void add_node(struct findings *findings, const char *path, const char *shown)
{
    struct arena *arena = findings->arena;
    struct stat status;
    if (stat(path, &status) != 0)
        return;
    const struct group *group = getgrgid(status.st_gid);
    const char *name =
        group ? arena_copy(arena, group->gr_name) : arena_print(arena, "%ld", (long)status.st_gid);
    if (access(path, R_OK | W_OK) == 0) {
        finding_add(findings, (struct finding){"nodes", shown, FINDING_OK, "may be opened", NULL});
        return;
    }
    const bool by_group = (status.st_mode & 060) == 060 && status.st_gid != 0;
    finding_add(findings,
                (struct finding){
                    "nodes", shown, FINDING_BAD,
                    arena_print(arena, "no permission: it belongs to the group '%s', mode %o", name,
                                (unsigned)status.st_mode & 0777U),
                    by_group
                        ? arena_print(arena,
                                      "join the group: sudo usermod -aG %s $USER, and log in "
                                      "again (in a container: --group-add %s)",
                                      name, name)
                        : "let the system give it to a group (video or render) and join that"});
}

void doctor_nodes(struct findings *findings, const char *root)
{
    static const char *const patterns[] = {
        "/dev/dri/renderD*", "/dev/kfd",        "/dev/nvidia[0-9]*", "/dev/nvidiactl",
        "/dev/nvidia-uvm",   "/dev/mali[0-9]*", "/dev/kgsl-3d0",     "/dev/accel/accel*"};
    const int before = findings->count;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; ++i) {
        glob_t found = {0};
        if (glob(arena_print(findings->arena, "%s%s", root, patterns[i]), 0, NULL, &found) == 0)
            for (size_t p = 0; p < found.gl_pathc; ++p)
                add_node(findings, found.gl_pathv[p],
                         arena_copy(findings->arena, found.gl_pathv[p] + strlen(root)));
        globfree(&found);
    }
    if (findings->count == before)
        finding_add(findings,
                    (struct finding){
                        "nodes", "/dev", FINDING_NOTE, "no node of a GPU or another accelerator",
                        "for a GPU: is its kernel driver loaded, and does the container "
                        "get its nodes (--device, --gpus)? CPUs need none"});
}

/* ---- memory and load ------------------------------------------------------------------------- */

/* Of a line "MemAvailable:   123 kB"; NaN: there is none. */
static double meminfo_bytes(const char *meminfo, const char *key)
{
    const char *line = meminfo ? strstr(meminfo, key) : NULL;
    double value = NAN;
    return line && sscanf(line + strlen(key), ": %lf", &value) == 1 ? value * 1024 : NAN;
}

static void add_memory(struct findings *findings, const char *root)
{
    struct arena *arena = findings->arena;
    const char *meminfo = read_system(arena, root, "/proc/meminfo");
    const double total = meminfo_bytes(meminfo, "MemTotal");
    const double available = meminfo_bytes(meminfo, "MemAvailable");
    if (!(total > 0 && available >= 0)) {
        add(findings, "memory", FINDING_NOTE, "unknown", NULL);
        return;
    }
    const bool low = available < 1e9 || available < total / 20;
    add(findings, "memory", low ? FINDING_WARN : FINDING_OK,
        arena_print(arena, "%s of %s available", size_text(arena, available),
                    size_text(arena, total)),
        low ? "end other programs, or expect cells to be skipped for want of memory" : NULL);
}

static double add_cpus(struct findings *findings)
{
    cpu_set_t set;
    const double online = (double)sysconf(_SC_NPROCESSORS_ONLN);
    const double may =
        sched_getaffinity(0, sizeof set, &set) == 0 ? (double)CPU_COUNT(&set) : online;
    add(findings, "cpus", may < online ? FINDING_NOTE : FINDING_OK,
        arena_print(findings->arena, "%g online, %g for this process", online, may),
        may < online ? "taskset or a scheduler has bound us: a CPU device may believe it has more"
                     : NULL);
    return may;
}

static void add_load(struct findings *findings, const char *root, double cpus)
{
    struct arena *arena = findings->arena;
    const char *text = read_system(arena, root, "/proc/loadavg");
    double load = 0;
    if (!text || sscanf(text, "%lf", &load) != 1) {
        add(findings, "load", FINDING_NOTE, "unknown", NULL);
        return;
    }
    const bool busy = load > 0.5 * cpus;
    add(findings, "load", busy ? FINDING_WARN : FINDING_OK,
        arena_print(arena, "%.2f in the last minute, of %g CPUs", load, cpus),
        busy ? "wait until the machine is idle: times will vary, those of CPU devices most" : NULL);
}

/* ---- clocks ---------------------------------------------------------------------------------- */

/* Appends "word" once, after ", ". */
static const char *join_once(struct arena *arena, const char *list, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ' ') && (!at[length] || at[length] == ','))
            return list;
    return arena_print(arena, "%s%s%s", list, *list ? ", " : "", word);
}

static void add_clocks(struct findings *findings, const char *root)
{
    struct arena *arena = findings->arena;
    const char *governors = "";
    double now = 0, most = 0;
    glob_t found = {0};
    const char *pattern = arena_print(arena, "%s/sys/devices/system/cpu/cpu[0-9]*/cpufreq", root);
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; ++i) {
            const char *folder = found.gl_pathv[i] + strlen(root), *value;
            value = read_system(arena, root, arena_print(arena, "%s/scaling_governor", folder));
            governors = value ? join_once(arena, governors, value) : governors;
            value = read_system(arena, root, arena_print(arena, "%s/scaling_cur_freq", folder));
            now = fmax(now, value ? atof(value) / 1000 : 0);
            value = read_system(arena, root, arena_print(arena, "%s/cpuinfo_max_freq", folder));
            most = fmax(most, value ? atof(value) / 1000 : 0);
        }
    globfree(&found);
    const bool slow = strstr(governors, "powersave") || strstr(governors, "conservative") ||
                      strstr(governors, "ondemand");
    add(findings, "governor",
        slow         ? FINDING_WARN
        : *governors ? FINDING_OK
                     : FINDING_NOTE,
        *governors ? governors : "unknown: the system shows none (as in many virtual machines)",
        slow ? "for steady clocks: sudo cpupower frequency-set -g performance" : NULL);
    add(findings, "clock", FINDING_OK,
        most > 0 ? arena_print(arena, "up to %.0f MHz now, %.0f MHz at most", now, most)
                 : "unknown",
        NULL);
}

/* ---- containers ------------------------------------------------------------------------------ */

/* The folder of this process's group in the unified hierarchy: "/a/b", "" for its root. */
static const char *group_folder(struct arena *arena, const char *root)
{
    const char *groups = read_system(arena, root, "/proc/self/cgroup");
    const char *line = groups ? strstr(groups, "0::/") : NULL;
    if (!line || (line != groups && line[-1] != '\n'))
        return "";
    const char *path = line + 3;
    const size_t length = strcspn(path, "\n");
    return length > 1 ? arena_copy_bytes(arena, path, length) : "";
}

/* The least limit of the group and those around it; INFINITY: none. `cpus`: "200000 100000" is 2.
 */
static double group_limit(struct arena *arena, const char *root, const char *file, bool cpus)
{
    double least = INFINITY;
    char *folder = arena_copy(arena, group_folder(arena, root));
    while (true) {
        const char *text =
            read_system(arena, root, arena_print(arena, "/sys/fs/cgroup%s/%s", folder, file));
        double value = 0, period = 1;
        const int got = text ? sscanf(text, "%lf %lf", &value, &period) : 0;
        if (got >= 1 && value >= 0 && (!cpus || (got == 2 && period > 0)))
            least = fmin(least, cpus ? value / period : value);
        char *slash = strrchr(folder, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

static double old_limit(struct arena *arena, const char *root, const char *path)
{
    const char *text = read_system(arena, root, path);
    double value = 0;
    return text && sscanf(text, "%lf", &value) == 1 && value > 0 ? value : INFINITY;
}

static void add_limits(struct findings *findings, const char *root, double cpus)
{
    struct arena *arena = findings->arena;
    const double period = old_limit(arena, root, "/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    const double quota = old_limit(arena, root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    const double may = fmin(group_limit(arena, root, "cpu.max", true),
                            isfinite(period) ? quota / period : INFINITY);
    const double bytes =
        fmin(group_limit(arena, root, "memory.max", false),
             old_limit(arena, root, "/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    const bool throttled = may < cpus, limited = bytes < 1e15; /* "none" is near 2^63 */
    add(findings, "cpu limit", throttled ? FINDING_WARN : FINDING_OK,
        throttled ? arena_print(arena, "this container may use %.3g CPUs of %g", may, cpus)
                  : "no limit by a container",
        throttled
            ? "give the container all CPUs (--cpus), or bind it to some (--cpuset-cpus): a CPU "
              "device with more threads than CPUs is stopped again and again"
            : NULL);
    add(findings, "memory limit", limited ? FINDING_NOTE : FINDING_OK,
        limited ? arena_print(arena, "this container may use %s", size_text(arena, bytes))
                : "no limit by a container",
        limited ? "raise it (--memory) for long sequences: beyond it the system kills workers"
                : NULL);
}

void doctor_host(struct findings *findings, const char *root)
{
    add_memory(findings, root);
    const double cpus = add_cpus(findings);
    add_load(findings, root, cpus);
    add_clocks(findings, root);
    add_limits(findings, root, cpus);
}
