/* Measures attention composed of OpenBLAS products, for compare.py.
 *
 *   attention_peers D:N:MASK...    such as 64:1024:causal; f32, 8 heads
 *
 * One line a problem: "D:N:MASK median_s block". Inputs, reference and tolerance are those of
 * attnbench. The block size is the fastest of a few. Threads are OpenMP's. Exit status: 1 for a
 * wrong output, 2 for an argument that is none. */
#include "attention_openblas.h"
#include "measure/stats.h"
#include "util/clock.h"
#include "verify/inputs.h"
#include "verify/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADS = 8, SEED = 1, MIN_SAMPLES = 7, MAX_SAMPLES = 200 };
static const double min_time_s = 0.3;
static const double reference_flops = 5e8;

struct tensors {
    float *q, *k, *v, *o;
};

static int parse(const char *text, struct problem *problem)
{
    char mask[8];
    int d, n, end = 0;
    if (sscanf(text, "%d:%d:%7[a-z]%n", &d, &n, mask, &end) != 3 || text[end] || d < 1 || n < 1 ||
        (strcmp(mask, "none") != 0 && strcmp(mask, "causal") != 0)) {
        fprintf(stderr, "expected D:N:MASK such as 64:1024:causal, found '%s'\n", text);
        return -1;
    }
    *problem = problem_default();
    problem->heads_q = problem->heads_kv = HEADS;
    problem->n_q = problem->n_kv = n;
    problem->d_k = problem->d_v = d;
    problem->mask = strcmp(mask, "causal") == 0 ? MASK_CAUSAL : MASK_NONE;
    return 0;
}

static float *make(const struct problem *problem, enum tensor tensor, int64_t count)
{
    float *values = malloc((size_t)count * sizeof *values);
    if (values)
        inputs_fill(problem, tensor, INPUT_RANDOM, SEED, values, count);
    return values;
}

static double time_once(const struct attention_size *size, int block, const struct tensors *t)
{
    const double began = clock_now_s();
    if (attention_openblas(size, block, t->q, t->k, t->v, t->o)) {
        fprintf(stderr, "out of memory\n");
        exit(EXIT_FAILURE);
    }
    return clock_now_s() - began;
}

static int choose_block(const struct attention_size *size, const struct tensors *t)
{
    static const int blocks[] = {32, 64, 128, 256};
    double best_s = 0;
    int best = 0;
    time_once(size, blocks[0], t); /* threads start, pages are touched */
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; ++i) {
        double s = time_once(size, blocks[i], t);
        for (int repeat = 0; repeat < 2; ++repeat) {
            const double again = time_once(size, blocks[i], t);
            s = again < s ? again : s;
        }
        if (!best || s < best_s) {
            best = blocks[i];
            best_s = s;
        }
    }
    return best;
}

static double measure(const struct attention_size *size, int block, const struct tensors *t)
{
    double samples[MAX_SAMPLES], total = 0;
    int count = 0;
    while (count < MAX_SAMPLES && (count < MIN_SAMPLES || total < min_time_s))
        total += samples[count++] = time_once(size, block, t);
    return stats_median(samples, count);
}

static int judge(const struct problem *problem, const struct tensors *t, struct verdict *verdict)
{
    struct arena arena = {0};
    enum check_mode mode = CHECK_SAMPLE;
    int64_t rows;
    const row_index *list = verdict_rows(problem, &mode, SEED, reference_flops, &arena, &rows);
    struct expected expected;
    const int result = expected_alloc(&expected, rows, problem->d_v);
    if (!result) {
        reference_expected(problem, &(struct attention_inputs){.q = t->q, .k = t->k, .v = t->v},
                           list, rows, &expected, NULL);
        verdict_judge(problem, PRECISION_F32, list, &expected, t->o, verdict);
        expected_free(&expected);
    }
    arena_free(&arena);
    return result;
}

/* 0, or the exit status. */
static int run(const char *text)
{
    struct problem problem;
    if (parse(text, &problem))
        return 2;
    const struct problem_sizes sizes = problem_sizes(&problem);
    const struct attention_size size = {.heads = HEADS,
                                        .n = (int)problem.n_q,
                                        .d = (int)problem.d_k,
                                        .causal = problem.mask == MASK_CAUSAL,
                                        .scale = (float)problem_scale(&problem)};
    struct tensors t = {.q = make(&problem, TENSOR_Q, sizes.q),
                        .k = make(&problem, TENSOR_K, sizes.k),
                        .v = make(&problem, TENSOR_V, sizes.v),
                        .o = malloc((size_t)sizes.o * sizeof(float))};
    struct verdict verdict = {0};
    int status = EXIT_FAILURE;
    if (t.q && t.k && t.v && t.o) {
        const int block = choose_block(&size, &t);
        const double median_s = measure(&size, block, &t);
        if (judge(&problem, &t, &verdict) == 0 && verdict.ok) {
            printf("%s %.9g %d\n", text, median_s, block);
            status = EXIT_SUCCESS;
        } else {
            fprintf(stderr, "%s: OpenBLAS attention is wrong: %s\n", text, verdict.reason);
        }
    }
    free(t.q);
    free(t.k);
    free(t.v);
    free(t.o);
    return status;
}

int main(int argc, char **argv)
{
    int status = EXIT_SUCCESS;
    for (int i = 1; i < argc && status == EXIT_SUCCESS; ++i)
        status = run(argv[i]);
    return status;
}
