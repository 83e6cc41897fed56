#include "commands/shard.h"

#include "problem/shards.h"
#include "util/rank.h"
#include "worker/estimate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *environment(const char *name)
{
    return getenv(name);
}

static int find(struct shard *shard, const char *count, struct arena *arena, struct err *err)
{
    struct rank rank;
    int64_t ranks = 0;
    if (*count && (!text_to_int64(count, &ranks) || ranks < 1 || ranks > RANKS_MAX))
        return err_set(err, "--shard auto/%.20s: expected a number of shards from 1 to %d", count,
                       RANKS_MAX);
    if (rank_find(&rank, ranks, environment, err))
        return -1;
    *shard = (struct shard){.index = rank.index + 1,
                            .count = rank.count,
                            .local = rank.local,
                            .source = arena_copy(arena, rank.source)};
    return 0;
}

static int parse(struct shard *shard, const char *given, struct arena *arena, struct err *err)
{
    const char *slash = strchr(given, '/');
    if (strcmp(given, "auto") == 0 || text_starts(given, "auto/"))
        return find(shard, slash ? slash + 1 : "", arena, err);
    *shard = (struct shard){.local = -1, .source = "--shard"};
    if (!slash ||
        !text_to_int64(arena_copy_bytes(arena, given, (size_t)(slash - given)), &shard->index) ||
        !text_to_int64(slash + 1, &shard->count) || shard->index < 1 ||
        shard->index > shard->count || shard->count > RANKS_MAX)
        return err_set(
            err, "--shard: expected I/N with I from 1 to N, auto, or auto/N, found '%.40s'", given);
    return 0;
}

int setup_shard(struct setup *setup, const struct options *options)
{
    struct err err;
    setup->shard = (struct shard){.local = -1};
    if (!options->shard)
        return EXIT_OK;
    return parse(&setup->shard, options->shard, &setup->arena, &err) ? fail(EXIT_USAGE, &err)
                                                                     : EXIT_OK;
}

void setup_shares(struct setup *setup, int64_t count)
{
    struct arena scratch = {0};
    const int64_t *costs_ms = estimate_costs_ms(&setup->plan, &scratch);
    shards_build(&setup->shards, &setup->plan, costs_ms, (int)count, &setup->arena);
    arena_free(&scratch);
}

bool shard_has(const struct setup *setup, int cell)
{
    return !setup->shard.count || setup->shards.of_cell[cell] == (int)setup->shard.index - 1;
}

void shard_tell(const struct setup *setup)
{
    const struct shard *shard = &setup->shard;
    if (!shard->count)
        return;
    fprintf(stderr, "shard %" PRId64 "/%" PRId64 " (%s): %d of %d cells, on %s", shard->index,
            shard->count, shard->source, setup->shards.cells[shard->index - 1], setup->plan.count,
            setup->device_count == 1 ? setup->devices[0].id : "all devices");
    if (shard->local >= 0 && setup->device_count == 1)
        fprintf(stderr, " (rank %" PRId64 " on this node)", shard->local);
    if (setup->device_count == 1 && setup->devices[0].visible)
        fprintf(stderr, " with %s", setup->devices[0].visible);
    fputs("\n", stderr);
}

const char *shard_path(struct setup *setup, const char *path)
{
    static const char place[] = "{shard}";
    const char *at = strstr(path, place);
    if (!at)
        return path;
    struct arena *arena = &setup->arena;
    const char *name = setup->shard.count ? arena_print(arena, "%" PRId64 "-of-%" PRId64,
                                                        setup->shard.index, setup->shard.count)
                                          : "all";
    return arena_print(arena, "%.*s%s%s", (int)(at - path), path, name, at + strlen(place));
}

void add_shell_word(struct text *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./=,:+@%^";
    if (*word && strspn(word, plain) == strlen(word)) {
        text_add(out, word);
        return;
    }
    text_add(out, "'");
    for (const char *c = word; *c; ++c)
        if (*c == '\'')
            text_add(out, "'\\''");
        else
            text_add_bytes(out, c, 1);
    text_add(out, "'");
}
