/* A small results file by hand: two variants over n, a row of every status, hostile strings. */
#ifndef ATTNBENCH_TESTS_SAMPLE_RESULTS_H
#define ATTNBENCH_TESTS_SAMPLE_RESULTS_H

#include "measure/stats.h"
#include "store/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HOSTILE                                                                                    \
    "<script>alert(1)</script> |x| `code` [link](http://a) *b* _i_ \\ \x1b[31mred "                \
    "\xe2\x80\xae"                                                                                 \
    "gnp \xff\nsecond \"line\", with a comma"

/* Fields that a minor version added: files without them are read. */
static inline bool is_new_field(const char *path)
{
    static const char *const later[] = {"time.drift",
                                        "time.launches_per_sample",
                                        "time.mode_share",
                                        "time.mode_fast_s",
                                        "time.mode_slow_s",
                                        "rates.roof",
                                        "build.origin",
                                        "check.weights_entropy",
                                        "check.weights_largest",
                                        "check.inputs_changed",
                                        "check.scale",
                                        "check.used_element",
                                        "check.used_row",
                                        "check.used_head",
                                        "check.used_column",
                                        "check.used_batch",
                                        "check.used_whole",
                                        "check.rows_unjudged",
                                        "check.rounding",
                                        "check.keys_covered",
                                        "check.rows_covered",
                                        "check.wrong_rows_found",
                                        "check.launches_compared",
                                        "check.precision",
                                        "part.run",
                                        "part.repeat",
                                        "part.ratio"};
    for (size_t i = 0; i < sizeof later / sizeof *later; ++i)
        if (strcmp(later[i], path) == 0)
            return true;
    return false;
}

enum { SAMPLES = 11 };

static inline struct problem sample_problem(int64_t n, int64_t heads)
{
    struct problem problem = problem_default();
    problem.n_q = problem.n_kv = n;
    problem.heads_q = problem.heads_kv = heads;
    problem.d_k = problem.d_v = 64;
    return problem;
}

static inline const char *const *sample_text(struct arena *arena, const char *text)
{
    const char **list = arena_array(arena, 1, sizeof *list);
    *list = text;
    return list;
}

static inline struct row sample_row(struct arena *arena, struct problem problem,
                                    const char *variant, const char *sweep)
{
    struct row row = row_default();
    row.problem = problem;
    row.cell = problem_id(&problem, arena);
    row.device = "null-0";
    row.variant = variant;
    row.sweeps = (struct text_list){1, sample_text(arena, sweep)};
    row.tuning_origin.source = "tuned";
    row.tuning_origin.class = "d_k=64";
    row.part.run = "0123456789abcdef0123456789abcdef";
    row.part.repeat = "same";
    row.part.ratio = 1;
    row.tuning.count = 2;
    row.tuning.items[0].name = "BLOCK_Q";
    row.tuning.items[0].value = 16;
    row.tuning.items[1].name = "WG";
    row.tuning.items[1].value = 64;
    return row;
}

/* As a worker would fill it. The sums are exact for a power of two, so that no compiler or machine
 * prints other digits. */
static inline void sample_times(struct row *row, struct arena *arena, double median_s)
{
    double *samples = arena_array(arena, SAMPLES, sizeof *samples);
    for (int i = 0; i < SAMPLES; ++i)
        samples[i] = median_s * (1 + (i - SAMPLES / 2) / 1024.0);
    struct stats stats;
    stats_compute(samples, SAMPLES, &stats);
    row->phase = "done";
    row->time.clock = "device";
    row->time.cache = "hot";
    row->time.samples_s = (struct number_list){SAMPLES, samples};
    row->time.median_s = stats.median;
    row->time.min_s = stats.min;
    row->time.p10_s = stats.p10;
    row->time.p90_s = stats.p90;
    row->time.mad_s = stats.mad;
    row->time.ci95_s[0] = stats.ci95_low;
    row->time.ci95_s[1] = stats.ci95_high;
    row->time.host_median_s = 1.5 * median_s;
    row->time.drift = stats.drift;
    row->time.warmup = 3;
    row->time.stable = true;
    row->passes.count = 1;
    row->passes.items = arena_array(arena, 1, sizeof *row->passes.items);
    row->passes.items[0].kernel = "attention";
    row->passes.items[0].median_s = stats.median;
    row->rates.pairs = problem_pairs(&row->problem);
    row->rates.unmasked_fraction = 1;
    row->rates.flops = problem_flops(&row->problem);
    row->rates.bytes = problem_bytes(&row->problem);
    row->rates.gflop_s = row->rates.flops * 1e-9 / stats.median;
    row->rates.gb_s = row->rates.bytes * 1e-9 / stats.median;
    row->memory.inputs_bytes = 0.75 * row->rates.bytes;
    row->memory.output_bytes = 0.25 * row->rates.bytes;
    row->memory.scratch_bytes = 0;
    row->memory.total_bytes = row->rates.bytes;
    row->check.mode = "full";
    row->check.rows_checked = row->problem.n_q;
    row->check.max_abs_err = 1e-7;
    row->check.max_rel_err = 2e-7;
    row->check.nmse = 1e-14;
    row->check.tolerance = 1e-5;
    row->check.err_over_tolerance = row->check.used[SCALE_ELEMENT] = 0.01;
    row->check.scale = "element";
    for (int scale = SCALE_ROW; scale < SCALES; ++scale)
        row->check.used[scale] = 0.005;
    row->check.keys_covered = row->check.rows_covered = 1;
    row->check.wrong_rows_found = 0;
    row->check.launches_compared = 14;
    row->check.repeatable = row->check.rechecked = row->check.inputs_changed = true;
    row->build.time_s = 0.25;
    row->build.options = "-DD_K=64 -DBLOCK_Q=16";
    row->build.origin = "source";
}

/* Rows 0-7: naive and fused over n = 128 ... 1024, ok, time exactly c n^2. Then a row of every
 * other status in the sweep "demo/heads", and an ok fused row there with hostile worker output. */
static inline struct results sample_results(void)
{
    static const struct device_info device = {.id = "null-0",
                                              .index = "0:0",
                                              .platform = "null",
                                              .name = "Null <Device> | 1",
                                              .vendor = "nobody",
                                              .driver = "1.0",
                                              .opencl_c = "OpenCL C 1.2",
                                              .type = "cpu",
                                              .extensions = "cl_khr_fp16",
                                              .compute_units = 8,
                                              .clock_mhz = 3000,
                                              .global_bytes = INT64_C(8) << 30,
                                              .local_bytes = 32768,
                                              .max_alloc_bytes = INT64_C(2) << 30,
                                              .max_work_group = 1024,
                                              .max_work_item = {1024, 1024, 1024},
                                              .launch_us = 2,
                                              .peaks = {.rates = {{2000, "float16 x 12"},
                                                                  {NAN, "no cl_khr_fp16"},
                                                                  {40, "exp2"},
                                                                  {80, "streams"},
                                                                  {100, "streams"},
                                                                  {500, "float16 x 8"}},
                                                        .measured_utc = "2026-01-31T11:00:00Z"}};
    static const char *const argv[] = {"attnbench", "run", "demo"};
    static const char *const reasons[ROW_STATUSES] = {
        [ROW_WRONG] = "element [0,1,2,3]: got nan, want 0.5",
        [ROW_UNSUPPORTED] = "d_k is 512; at most 256 is supported",
        [ROW_SKIPPED] = "needs 12.0 GiB, the device has 8.00 GiB",
        [ROW_BUILD_FAILED] = HOSTILE,
        [ROW_OOM] = "clCreateBuffer: CL_MEM_OBJECT_ALLOCATION_FAILURE",
        [ROW_TIMEOUT] = "no answer for 60 s",
        [ROW_CRASH] = "SIGSEGV",
        [ROW_ERROR] = "=cmd|' /C calc'!A0",
    };
    struct results results = {0};
    struct arena *arena = &results.arena;
    results.run = (struct run_header){.id = "0123456789abcdef0123456789abcdef",
                                      .started_utc = "2026-01-31T12:00:00Z",
                                      .finished_utc = "2026-01-31T12:01:00Z",
                                      .argv = {3, argv},
                                      .tool_version = "0.1.0",
                                      .git_commit = "abc",
                                      .seed = (UINT64_C(1) << 53) - 1,
                                      .plan_id = "plan",
                                      .suite_name = "demo",
                                      .suite_sha256 = "00",
                                      .host_name = "host",
                                      .host_os = "Linux",
                                      .host_cpu = "CPU",
                                      .host_cpus = 2,
                                      .host_memory_bytes = INT64_C(1) << 34,
                                      .time_s = {30, 5, 2.5, 1, 0.5, 0.75, 0.25}};
    results.devices = &device;
    results.device_count = 1;
    results.rows = arena_array(arena, 32, sizeof *results.rows);
    struct row *row = results.rows;
    for (int64_t n = 128; n <= 1024; n *= 2)
        for (int v = 0; v < 2; ++v, ++row) {
            *row = sample_row(arena, sample_problem(n, 8), v ? "fused" : "naive", "demo/n");
            sample_times(row, arena, (v ? 0x1p-29 : 0x1p-27) * (double)(n * n));
            if (!v) {
                row->memory.scratch_bytes = 32 * (double)(n * n);
                row->memory.total_bytes += row->memory.scratch_bytes;
            }
        }
    for (int status = ROW_WRONG; status < ROW_STATUSES; ++status, ++row) {
        *row = sample_row(arena, sample_problem(2048, 1 << status), "naive", "demo/heads");
        row->status = (enum row_status)status;
        row->phase = "plan";
        if (status == ROW_WRONG) {
            sample_times(row, arena, 1e-6); /* the fastest of all, and never ranked */
            row->check.err_over_tolerance = NAN;
        }
        row->reason = reasons[status];
    }
    *row = sample_row(arena, sample_problem(2048, 2), "fused", "demo/heads");
    sample_times(row, arena, 0x1p-9);
    row->time.stable = false;
    row->time.clock = "host";
    row->time.clock_reason = "the device's clock runs backwards";
    row->worker_output = HOSTILE;
    ++row;
    results.row_count = (int)(row - results.rows);
    for (int i = 0; i < results.row_count; ++i)
        if (results.rows[i].time.samples_s.count)
            row_rates(results.rows + i, &device);
    results.run.planned_cells = results.row_count;
    results_derive(&results);
    return results;
}

/* Every string of the file is hostile. */
static inline struct results hostile_results(void)
{
    struct results results = sample_results();
    struct device_info *devices = arena_alloc(&results.arena, sizeof *devices);
    *devices = results.devices[0];
    devices->id = devices->name = devices->platform = devices->driver = devices->type = HOSTILE;
    results.devices = devices;
    results.run.suite_name = results.run.started_utc = results.run.tool_version = HOSTILE;
    char *huge = arena_alloc(&results.arena, 10001);
    memset(huge, '|', 10000);
    for (int i = 0; i < results.row_count; ++i) {
        struct row *row = results.rows + i;
        row->device = row->variant = HOSTILE;
        row->sweeps.values = sample_text(&results.arena, HOSTILE);
        if (row->status != ROW_OK)
            row->reason = i % 2 ? huge : HOSTILE;
    }
    results_derive(&results);
    return results;
}

#endif
