#include "report/ranking.h"

#include "report/pairs.h"
#include "report/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REASON_BYTES = 160, LISTED = 6 };

static const struct row *row_of(const struct grid *grid, int problem, int variant)
{
    return grid->rows[problem * grid->variant_count + variant];
}

/* A variant that multiplies in less than f32 is a class of its own, and none of these. */
static bool is_right(const struct row *row)
{
    return row && row->status == ROW_OK && row->time.median_s > 0 && !row->check.precision;
}

static bool is_candidate(const struct grid *grid, int variant)
{
    for (int p = 0; p < grid->problem_count; ++p)
        if (is_right(row_of(grid, p, variant)))
            return true;
    return false;
}

static bool is_unknown(const struct row *row)
{
    return row && !is_right(row) && row->status != ROW_WRONG && row->status != ROW_UNSUPPORTED;
}

/* The first candidate that was not measured on the problem, or NULL. */
static const struct row *find_hole(const struct grid *grid, const bool *candidates, int problem)
{
    for (int v = 0; v < grid->variant_count; ++v)
        if (candidates[v] && is_unknown(row_of(grid, problem, v)))
            return row_of(grid, problem, v);
    return NULL;
}

/* Seconds of the fastest but `best`; infinity: there is no other. */
static double second_s(const struct grid *grid, int problem)
{
    double second = INFINITY;
    for (int v = 0; v < grid->variant_count; ++v) {
        const struct row *row = row_of(grid, problem, v);
        if (is_right(row) && row != grid->best[problem])
            second = fmin(second, row->time.median_s);
    }
    return second;
}

/* ---- regions --------------------------------------------------------------------------------- */

static int compare_numbers(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Different values of a key: "64, 128", or "128 to 4096" where they are many. */
static const char *list_numbers(double *values, int count, struct arena *arena)
{
    struct text text = {0};
    int kept = 0;
    qsort(values, (size_t)count, sizeof *values, compare_numbers);
    for (int i = 0; i < count; ++i)
        if (!kept || values[i] > values[kept - 1])
            values[kept++] = values[i];
    if (kept > 3)
        text_print(&text, "%.0f to %.0f", values[0], values[kept - 1]);
    for (int i = 0; i < kept && kept <= 3; ++i)
        text_print(&text, "%s%.0f", i ? ", " : "", values[i]);
    const char *copy = arena_copy(arena, text_get(&text));
    text_free(&text);
    return copy;
}

static const char *list_names(const struct row **rows, int count, const char *key,
                              struct arena *arena)
{
    const char *names[LISTED], *all = "";
    int kept = 0;
    for (int i = 0; i < count; ++i) {
        const char *name = problem_enum_name(&rows[i]->problem, key);
        int known = 0;
        while (known < kept && strcmp(names[known], name) != 0)
            ++known;
        if (known == kept && kept < LISTED)
            names[kept++] = name;
    }
    for (int i = 0; i < kept; ++i)
        all = arena_print(arena, "%s%s%s", all, i ? ", " : "", names[i]);
    return all;
}

static void describe(struct region *region, const struct row **rows, struct arena *arena)
{
    static const char *const keys[] = {"n_kv", "heads_q", "d_k"};
    const char **const texts[] = {&region->n, &region->heads, &region->d_k};
    const int count = region->problems;
    double *values = arena_array(arena, (size_t)count + 1, sizeof *values);
    for (int k = 0; k < 3; ++k) {
        for (int i = 0; i < count; ++i)
            problem_value(&rows[i]->problem, keys[k], &values[i]);
        *texts[k] = list_numbers(values, count, arena);
    }
    region->dtype = list_names(rows, count, "dtype", arena);
    region->mask = list_names(rows, count, "mask", arena);
}

static int compare_regions(const void *left, const void *right)
{
    const struct region *a = left, *b = right;
    if (a->decode != b->decode)
        return a->decode - b->decode;
    return a->problems != b->problems ? b->problems - a->problems : strcmp(a->variant, b->variant);
}

/* The wins among the problems of one kind (open or not), by variant and phase. */
static struct region *find_regions(const struct grid *grid, const bool *open, bool wanted,
                                   int *count, struct arena *arena)
{
    const size_t most = 2 * (size_t)grid->variant_count + 1;
    struct region *regions = arena_array(arena, most, sizeof *regions);
    const struct row **rows = arena_array(arena, (size_t)grid->problem_count + 1, sizeof *rows);
    *count = 0;
    for (int v = 0; v < grid->variant_count; ++v)
        for (int decode = 0; decode < 2; ++decode) {
            struct region region = {.variant = grid->variants[v], .decode = decode != 0};
            double logs = 0;
            int led = 0;
            for (int p = 0; p < grid->problem_count; ++p) {
                const struct row *best = grid->best[p];
                if (!best || open[p] != wanted || best != row_of(grid, p, v) ||
                    pair_is_decode(&best->problem) != region.decode)
                    continue;
                rows[region.problems++] = best;
                const double second = second_s(grid, p);
                logs += isfinite(second) ? log(second / best->time.median_s) : 0;
                led += isfinite(second);
            }
            region.lead = led ? exp(logs / led) : NAN;
            if (!region.problems)
                continue;
            describe(&region, rows, arena);
            regions[(*count)++] = region;
        }
    qsort(regions, (size_t)*count, sizeof *regions, compare_regions);
    return regions;
}

/* ---- the ranking ----------------------------------------------------------------------------- */

/* Both phases together. */
static void find_winner(struct ranking *ranking, const struct region *regions, int count)
{
    for (int i = 0; i < count; ++i) {
        int wins = 0;
        double logs = 0;
        for (int k = 0; k < count; ++k)
            if (strcmp(regions[k].variant, regions[i].variant) == 0) {
                wins += regions[k].problems;
                logs += regions[k].problems * log(regions[k].lead);
            }
        const double lead = exp(logs / wins);
        const bool leads = !(lead <= ranking->lead);
        if (wins > ranking->wins || (wins == ranking->wins && leads)) {
            ranking->winner = regions[i].variant;
            ranking->wins = wins;
            ranking->lead = lead;
        }
    }
}

/* Does it keep all scores in memory? Its scratch memory is then that of the scores, or twice that,
 * for each problem; what else it may keep has another size. */
static bool keeps_scores(const struct grid *grid, int variant)
{
    bool any = false;
    for (int p = 0; p < grid->problem_count; ++p) {
        const struct row *row = row_of(grid, p, variant);
        if (!is_right(row))
            continue;
        const struct problem *problem = &row->problem;
        const double scores = 4.0 * (double)problem->batch * (double)problem->heads_q *
                              (double)problem->n_q * (double)problem->n_kv;
        const double times = row->memory.scratch_bytes / scores;
        if (problem->op != OP_ATTENTION || !(fabs(times - 1) < 1e-9 || fabs(times - 2) < 1e-9))
            return false;
        any = true;
    }
    return any;
}

static void compare_fusing(struct ranking *ranking, const struct grid *grid, const bool *open,
                           const bool *keeps)
{
    double logs = 0;
    ranking->fusing.least = INFINITY;
    for (int p = 0; p < grid->problem_count; ++p) {
        double best[2] = {INFINITY, INFINITY}; /* that keeps no scores, that does */
        for (int v = 0; v < grid->variant_count && !open[p]; ++v)
            if (is_right(row_of(grid, p, v)))
                best[keeps[v]] = fmin(best[keeps[v]], row_of(grid, p, v)->time.median_s);
        const double ratio = best[1] / best[0];
        if (!isfinite(best[0] + best[1]))
            continue;
        ++ranking->fusing.problems;
        ranking->fusing.helped += ratio > 1;
        ranking->fusing.least = fmin(ranking->fusing.least, ratio);
        ranking->fusing.most = fmax(ranking->fusing.most, ratio);
        logs += log(ratio);
    }
    if (ranking->fusing.problems)
        ranking->fusing.mean = exp(logs / ranking->fusing.problems);
}

void ranking_build(struct ranking *ranking, const struct grid *grid, struct arena *arena)
{
    *ranking = (struct ranking){.lead = NAN};
    bool *candidates = arena_array(arena, (size_t)grid->variant_count + 1, sizeof *candidates);
    bool *keeps = arena_array(arena, (size_t)grid->variant_count + 1, sizeof *keeps);
    bool *open = arena_array(arena, (size_t)grid->problem_count + 1, sizeof *open);
    for (int v = 0; v < grid->variant_count; ++v) {
        candidates[v] = is_candidate(grid, v);
        keeps[v] = keeps_scores(grid, v);
    }
    for (int p = 0; p < grid->problem_count; ++p) {
        open[p] = find_hole(grid, candidates, p) != NULL;
        *(!grid->best[p] ? &ranking->unranked : open[p] ? &ranking->open : &ranking->ranked) += 1;
    }
    ranking->regions = find_regions(grid, open, false, &ranking->region_count, arena);
    ranking->open_regions = find_regions(grid, open, true, &ranking->open_count, arena);
    find_winner(ranking, ranking->regions, ranking->region_count);
    if (!ranking->winner) {
        find_winner(ranking, ranking->open_regions, ranking->open_count);
        ranking->wins = 0;
    }
    compare_fusing(ranking, grid, open, keeps);
}

bool ranking_has_regions(const struct ranking *ranking)
{
    for (int i = 1; i < ranking->region_count; ++i)
        if (strcmp(ranking->regions[i].variant, ranking->regions[0].variant) != 0)
            return true;
    return false;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void add_factor(struct text *out, double factor)
{
    text_print(out, "%.*f", factor < 9.995 ? 2 : factor < 99.95 ? 1 : 0, factor);
}

void ranking_headline(const struct ranking *ranking, const char *device, struct text *out)
{
    if (!ranking->winner) {
        text_print(out, "No variant has a usable result on %s", device);
        return;
    }
    text_print(out, "%s is the one to use on %s: ", ranking->winner, device);
    if (!ranking->ranked) {
        text_print(out,
                   "the fastest of those that were measured; on none of %d problems were all "
                   "variants that support it, so that this is no ranking",
                   ranking->open);
        return;
    }
    const bool all = ranking->wins == ranking->ranked;
    if (all && ranking->ranked == 1)
        text_add(out, "fastest on the one problem");
    else if (all)
        text_print(out, "fastest on all %d problems", ranking->ranked);
    else
        text_print(out, "fastest on %d of %d problems", ranking->wins, ranking->ranked);
    text_add(out, " that every variant which supports it computed right");
    if (isfinite(ranking->lead)) {
        text_add(out, ", ");
        add_factor(out, ranking->lead);
        text_print(out, " times as fast as the next%s", ranking->wins > 1 ? " there" : "");
    }
}

static void add_phase(const struct region *regions, int count, bool decode, struct text *out)
{
    int problems = 0, shown = 0;
    for (int i = 0; i < count; ++i)
        problems += regions[i].decode == decode ? regions[i].problems : 0;
    text_add(out, decode ? "decode: " : "prefill: ");
    for (int i = 0; i < count && shown < LISTED; ++i)
        if (regions[i].decode == decode)
            text_print(out, shown++ ? ", %s on %d" : "%s fastest on %d", regions[i].variant,
                       regions[i].problems);
    text_print(out, " of %d problem%s", problems, problems == 1 ? "" : "s");
}

static void add_phases(const struct ranking *ranking, struct text *out)
{
    const int count = ranking->region_count;
    if (!count || ranking->regions[0].decode == ranking->regions[count - 1].decode)
        return;
    add_phase(ranking->regions, count, false, out);
    text_add(out, "; ");
    add_phase(ranking->regions, count, true, out);
}

/* Which variants left holes, on how many problems, with the first one's reason. */
static void add_open(const struct ranking *ranking, const struct grid *grid, struct text *out)
{
    int shown = 0;
    if (!ranking->open)
        return;
    text_print(out,
               "%d of %d problems decide nothing, since not all variants were measured on them",
               ranking->open, ranking->open + ranking->ranked);
    for (int v = 0; v < grid->variant_count && shown < LISTED; ++v) {
        const struct row *first = NULL;
        int holes = 0;
        for (int p = 0; p < grid->problem_count && is_candidate(grid, v); ++p) {
            const struct row *row = row_of(grid, p, v);
            holes += grid->best[p] && is_unknown(row);
            first = first || !grid->best[p] || !is_unknown(row) ? first : row;
        }
        if (!holes || !first)
            continue;
        text_print(out, "%s%s on %d (%s: ", shown++ ? ", " : ": ", grid->variants[v], holes,
                   row_status_name(first->status));
        words_line(out, first->reason ? first->reason : "no reason given", REASON_BYTES);
        text_add(out, ")");
    }
    if (ranking->open_count && ranking->ranked) {
        const struct region *best = ranking->open_regions;
        for (int i = 1; i < ranking->open_count; ++i)
            best = ranking->open_regions[i].problems > best->problems ? ranking->open_regions + i
                                                                      : best;
        text_print(out, "; of what was measured there, %s is the fastest on %d", best->variant,
                   best->problems);
    }
}

/* Problems that nobody computed right, with the reason of the first row that was not measured. */
static void add_unranked(const struct ranking *ranking, const struct grid *grid, struct text *out)
{
    const struct row *first = NULL;
    for (int p = 0; p < grid->problem_count && !first; ++p)
        for (int v = 0; v < grid->variant_count && !grid->best[p] && !first; ++v)
            first = is_unknown(row_of(grid, p, v)) ? row_of(grid, p, v) : NULL;
    if (!ranking->unranked)
        return;
    text_print(out, "%d of %d problems have no right result", ranking->unranked,
               grid->problem_count);
    if (first) {
        text_print(out, ": %s is %s (", first->variant, row_status_name(first->status));
        words_line(out, first->reason ? first->reason : "no reason given", REASON_BYTES);
        text_add(out, ")");
    }
}

static void add_fusing(const struct ranking *ranking, struct text *out)
{
    static const double clearly = 1.05;
    if (!ranking->fusing.problems)
        return;
    const bool helps = ranking->fusing.mean > clearly;
    const bool hurts = ranking->fusing.mean < 1 / clearly;
    text_print(out, "fusing %s here: the best variant that keeps no scores in memory is ",
               helps   ? "helps"
               : hurts ? "does harm"
                       : "makes no difference");
    add_factor(out, ranking->fusing.mean);
    text_add(out, " times as fast as the best that does (");
    if (ranking->fusing.problems > 1) {
        text_add(out, "geometric mean, ");
        add_factor(out, ranking->fusing.least);
        text_add(out, " to ");
        add_factor(out, ranking->fusing.most);
        text_add(out, ", ");
    }
    text_print(out, "faster on %d of %d problem%s)", ranking->fusing.helped,
               ranking->fusing.problems, ranking->fusing.problems == 1 ? "" : "s");
}

struct text_list ranking_remarks(const struct ranking *ranking, const struct grid *grid,
                                 struct arena *arena)
{
    enum { REMARKS = 4 };
    const char **remarks = arena_array(arena, REMARKS, sizeof *remarks);
    int count = 0;
    for (int i = 0; i < REMARKS; ++i) {
        struct text words = {0};
        if (i == 0)
            add_phases(ranking, &words);
        else if (i == 1)
            add_fusing(ranking, &words);
        else if (i == 2)
            add_open(ranking, grid, &words);
        else
            add_unranked(ranking, grid, &words);
        if (words.length)
            remarks[count++] = arena_copy(arena, text_get(&words));
        text_free(&words);
    }
    return (struct text_list){count, remarks};
}
