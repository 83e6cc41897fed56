#include "problem/edges.h"

#include <assert.h>

static const char *const edges[] = {
    /* EDGES_FEW, which have little work but rows, keys and columns past an end in every tile. */
    "{\"n\": 1, \"d_k\": 1}",
    "{\"n_q\": 5, \"n_kv\": 17, \"d_k\": 5, \"d_v\": 7, \"mask\": \"causal\", \"layout\": "
    "\"bnhd\"}",
    "{\"n_q\": 2, \"n_kv\": 7, \"d_k\": 17, \"batch\": 2, \"kv_lengths\": [0, 5], \"bias\": "
    "\"bool\"}",
    "{\"n_q\": 17, \"n_kv\": 31, \"d_k\": 16, \"mask\": \"causal\", \"layout\": \"bnhd\","
    " \"heads\": 2}",
    "{\"n_q\": 1, \"n_kv\": 17, \"heads_q\": 2, \"heads_kv\": 1, \"d_k\": 72}",
    "{\"n_q\": 15, \"n_kv\": 33, \"d_k\": 16, \"mask\": \"window\", \"window_left\": 3,"
    " \"window_right\": 2, \"sink\": true, \"softcap\": 5}",
    "{\"n\": 33, \"d_k\": 8}",
    "{\"n_q\": 7, \"n_kv\": 33, \"d_k\": 7, \"heads_q\": 2, \"heads_kv\": 1, \"bias\": \"float\","
    " \"bias_shape\": \"1hqk\", \"mask\": \"causal\"}",
    "{\"n_q\": 3, \"n_kv\": 29, \"d_k\": 16, \"batch\": 2, \"kv_lengths\": [0, 23], \"bias\": "
    "\"bool\"}",
    "{\"n_q\": 9, \"n_kv\": 31, \"d_k\": 9, \"batch\": 2, \"bias\": \"alibi\","
    " \"mask\": \"causal+window\", \"window_left\": 8}",
    "{\"n_q\": 11, \"n_kv\": 13, \"d_k\": 4, \"returns\": \"weights\", \"mask\": \"causal\"}",
    "{\"n_q\": 5, \"n_kv\": 6, \"d_k\": 3, \"returns\": \"scores\"}",
    "{\"n_q\": 2, \"n_kv\": 65, \"d_k\": 4}",
    "{\"n_q\": 1, \"n_kv\": 130, \"d_k\": 3, \"sink\": true}",
    /* The rotation that an attention variant does as it loads. */
    "{\"op\": \"mha\", \"heads\": 2, \"d_k\": 6, \"n\": 17, \"position\": \"rope_in_load\"}",
    "{\"op\": \"mha\", \"heads\": 2, \"d_k\": 5, \"n\": 9, \"position\": \"rope\", \"biases\": "
    "true}",
    "{\"op\": \"mha\", \"d_k\": 6, \"n_q\": 9, \"n_kv\": 7, \"cross\": true, \"layout\": \"bnhd\"}",
    "{\"op\": \"mha\", \"heads\": 2, \"d_k\": 6, \"n\": 9, \"position\": \"relative\"}",
    "{\"op\": \"encoder_layer\", \"heads\": 2, \"d_k\": 4, \"n\": 7, \"layers\": 2,"
    " \"position\": \"sinusoidal\", \"biases\": true, \"activation\": \"gelu\", \"d_ff\": 9}",
    "{\"op\": \"encoder_layer\", \"heads\": 3, \"d_k\": 5, \"n\": 17, \"layer_norm\": \"pre\","
    " \"position\": \"learned\", \"layout\": \"bnhd\", \"d_ff\": 33}",
    "{\"op\": \"decoder_layer\", \"heads\": 2, \"d_k\": 4, \"n_q\": 5, \"n_kv\": 7,"
    " \"mask\": \"causal\", \"layer_norm\": \"pre\", \"d_ff\": 9}",
    "{\"op\": \"decoder_layer\", \"heads\": 2, \"d_k\": 4, \"n_q\": 7, \"n_kv\": 5, \"d_ff\": 9}",
    "{\"op\": \"rnn\", \"n\": 4, \"d_model\": 7, \"rnn_cell\": \"lstm\", \"batch\": 2}",
    "{\"op\": \"rnn\", \"n\": 4, \"d_model\": 16, \"rnn_cell\": \"gru\"}",
    "{\"op\": \"rnn\", \"n\": 3, \"d_model\": 17, \"rnn_cell\": \"elman\"}",
    "{\"op\": \"bahdanau\", \"n_q\": 3, \"n_kv\": 5, \"d_model\": 7, \"d_k\": 9, \"batch\": 2}",
};

int edge_count(void)
{
    return (int)(sizeof edges / sizeof *edges);
}

struct problem edge_problem(int index, struct arena *arena)
{
    assert(index >= 0 && index < edge_count());
    struct problem problem = problem_default();
    cJSON *object = cJSON_Parse(edges[index]);
    const cJSON *item = NULL;
    int status = 0;
    cJSON_ArrayForEach(item, object) status |=
        problem_set(&problem, item->string, item, arena, NULL);
    status |= problem_resolve(&problem, NULL);
    assert(status == 0);
    (void)status;
    cJSON_Delete(object);
    return problem;
}
