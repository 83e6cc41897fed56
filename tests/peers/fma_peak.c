/* Is the measured f32 peak of a CPU device what the CPU can do? Side by side with plain C: a loop
 * over independent multiply-adds in vector registers, on all threads. Rounds alternate between the
 * two, so that a busy machine meets both alike, and the best round of each counts; there are more
 * rounds where one of them has not had a quiet moment yet.
 *
 *   fma_peak [DEVICE]   both, and their ratio
 *   fma_peak --loop     the loop alone: a number, GFLOP/s
 *
 * Exit status: 0 ours is at least 0.95 of the loop's, and not so much more that it must have
 * counted work that nobody did; 1 it is not, 77 there is no CPU device. */
#include "device/runner.h"
#include "store/kernels.h"
#include "util/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

/* The vector extension of gcc and clang: its a * b + c is one instruction of the widest kind that
 * -march=native allows, given -ffp-contract=fast. */
#ifdef __AVX512F__
enum { WIDTH = 16 };
#elif defined __AVX__
enum { WIDTH = 8 };
#else
enum { WIDTH = 4 };
#endif
typedef float vector __attribute__((vector_size(WIDTH * sizeof(float))));

enum { SKIP = 77, ROUNDS_MIN = 6, ROUNDS_MAX = 30, CHAINS = 12, TURNS = 4000000, BURSTS = 64 };
static const double accepted = 0.95, absurd = 1.3;

/* Chains that the compiler keeps in registers; their sum, so that none can vanish. */
static float chains(float start, float m, long turns)
{
    vector x[CHAINS];
    for (int i = 0; i < CHAINS; ++i)
        for (int lane = 0; lane < WIDTH; ++lane)
            x[i][lane] = start * (float)(i + lane);
    const vector multiplier = m - (vector){0}, addend = multiplier;
    for (long turn = 0; turn < turns; ++turn) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; ++i)
            x[i] = x[i] * multiplier + addend;
    }
    float sum = 0;
    for (int i = 0; i < CHAINS; ++i)
        for (int lane = 0; lane < WIDTH; ++lane)
            sum += x[i][lane];
    return sum;
}

/* GFLOP/s of all threads together; the best of some bursts. */
static double loop_gflop_s(int threads)
{
    static volatile float zero = 0, half = 0.5f, sink;
    double best_s = INFINITY;
    for (int burst = 0; burst < BURSTS; ++burst) {
        float sum = 0;
        const double start = clock_now_s();
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) schedule(static, 1) reduction(+ : sum)
#endif
        for (int t = 0; t < threads; ++t)
            sum += chains(zero, half, TURNS);
        best_s = fmin(best_s, clock_now_s() - start);
        sink = sum;
    }
    (void)sink;
    return 2.0 * CHAINS * WIDTH * (double)TURNS * threads / best_s * 1e-9;
}

static int thread_count(void)
{
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

/* The first CPU device, or the one that was asked for; -1: none. */
static int find_cpu(const struct device_info *devices, int count, const char *wanted)
{
    for (int i = 0; i < count; ++i)
        if (wanted ? strcmp(devices[i].id, wanted) == 0 : strcmp(devices[i].type, "cpu") == 0)
            return i;
    return -1;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--loop") == 0) {
        printf("%.1f GFLOP/s\n", loop_gflop_s(thread_count()));
        return 0;
    }
    struct arena arena = {0};
    struct kernel_tree kernels;
    struct device_info *devices = NULL;
    struct failure failure = {0};
    int count = 0;
    if (kernel_tree_load(&kernels, NULL, &failure.err) ||
        opencl_backend.enumerate(&arena, &devices, &count, &failure)) {
        fprintf(stderr, "%s\n", failure.err.message);
        return 1;
    }
    const int index = find_cpu(devices, count, argc > 1 ? argv[1] : NULL);
    if (index < 0) {
        printf("no CPU device: skipped\n");
        return SKIP;
    }
    struct device_info *device = &devices[index];
    struct runner *runner = runner_open(&opencl_backend, device, &failure);
    const int threads = thread_count();
    struct peak_rate best = {0};
    double loop = 0;
    for (int round = 1; runner && round <= ROUNDS_MAX; ++round) {
        struct peak_rate ours;
        const double now = loop_gflop_s(threads);
        loop = fmax(loop, now);
        if (runner_peak(runner, device, PEAK_F32, kernels.peaks, &ours, &arena, &failure))
            break;
        printf("round %d: C loop %.1f GFLOP/s, %s %.1f GFLOP/s (%s)\n", round, now, device->id,
               ours.value, ours.how);
        fflush(stdout);
        if (ours.value > best.value)
            best = ours;
        if (round >= ROUNDS_MIN && best.value >= accepted * loop && best.value <= absurd * loop)
            break;
    }
    if (!runner || failure.fatal || !(best.value > 0)) {
        fprintf(stderr, "%s\n", failure.err.message);
        return 1;
    }
    const double ratio = best.value / loop;
    printf("C loop, %d threads, %d floats a vector: %.1f GFLOP/s\n%s (%s): %.1f GFLOP/s\n"
           "ratio %.3f, accepted is %.2f to %.2f\n",
           threads, WIDTH, loop, device->id, best.how, best.value, ratio, accepted, absurd);
    runner_close(runner);
    kernel_tree_free(&kernels);
    arena_free(&arena);
    return ratio >= accepted && ratio <= absurd ? 0 : 1;
}
