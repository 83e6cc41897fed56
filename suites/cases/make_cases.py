#!/usr/bin/env python3
"""The cases of suites/cases, made by hand: who should attend to whom, and q and k that do it.

make_cases.py [FOLDER]      writes the folders pronoun, induction and translation below FOLDER
                            (default: where this program is)

Softmax undoes a logarithm: with scores s = log W, softmax(s) = W for any W whose rows sum to 1. A
score matrix is a product of queries and keys as soon as d_k is at least its rank, so the singular
value decomposition s = U S V^T gives q = U sqrt(S) / sqrt(scale) and k = V sqrt(S) / sqrt(scale):
scale q k^T = s. The mean of a row of s is taken away before, which softmax does not notice. v has a
one in column j of row j: the output repeats the weights.

Needs NumPy.
"""
import json
import pathlib
import sys

import numpy as np

D_K = 16


def spread(wanted, queries, keys, visible=None):
    """W from {query: {key: weight}}, by index; what is left of a row goes evenly to the others."""
    weights = np.zeros((queries, keys))
    visible = np.ones((queries, keys), bool) if visible is None else visible
    for i in range(queries):
        given = wanted.get(i, {})
        rest = [j for j in range(keys) if visible[i, j] and j not in given]
        weights[i, rest] = (1 - sum(given.values())) / max(len(rest), 1)
        for j, weight in given.items():
            weights[i, j] = weight
        weights[i] /= weights[i].sum()
    return weights


def queries_and_keys(weights, visible):
    """q [n_q, D_K] and k [n_kv, D_K] of one head; hidden pairs may score anything: here, the mean."""
    scores = np.log(np.where(visible, weights, 1.0))
    means = scores.sum(axis=1, keepdims=True) / visible.sum(axis=1, keepdims=True)
    scores = np.where(visible, scores - means, 0.0)
    u, s, vt = np.linalg.svd(scores, full_matrices=False)
    half = np.sqrt(s * np.sqrt(D_K))  # scale is 1 / sqrt(d_k)
    q, k = np.zeros((scores.shape[0], D_K)), np.zeros((scores.shape[1], D_K))
    q[:, :s.size], k[:, :s.size] = u * half, vt.T * half
    return q, k


def save(folder, heads, tokens, attributes, visible=None):
    """heads: one W each. tokens: {file: words}."""
    visible = np.ones(heads[0].shape, bool) if visible is None else visible
    pairs = [queries_and_keys(weights, visible) for weights in heads]
    n_kv = heads[0].shape[1]
    v = np.broadcast_to(np.eye(n_kv, D_K), (1, len(heads), n_kv, D_K))
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (("q", [[q for q, _ in pairs]]), ("k", [[k for _, k in pairs]]), ("v", v),
                        ("expect_weights", [heads])):
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array, dtype=np.float32))
    for name, words in tokens.items():
        (folder / name).write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    (folder / "case.json").write_text(json.dumps(attributes, indent=4) + "\n", encoding="utf-8")


def previous_token(n, weight):
    return {i: {max(i - 1, 0): weight} for i in range(n)}


def first_token(n, weight):
    return {i: {0: weight} for i in range(n)}


def pronoun():
    """A head that knows what "it" is, one that looks one token back, one that looks at the first."""
    words = "The animal didn't cross the street because it was too tired".split()
    at = {word: i for i, word in enumerate(words)}
    meaning = {"The": {"animal": .58, "the": .12}, "animal": {"The": .22, "cross": .24, "tired": .21},
               "didn't": {"cross": .61, "animal": .17}, "cross": {"animal": .36, "street": .42},
               "the": {"street": .63, "The": .1}, "street": {"cross": .45, "the": .22},
               "because": {"tired": .38, "didn't": .29}, "it": {"animal": .91, "street": .03,
                                                                "tired": .02},
               "was": {"it": .37, "tired": .41}, "too": {"tired": .72},
               "tired": {"animal": .33, "it": .27, "too": .18}}
    by_index = {at[q]: {at[k]: w for k, w in keys.items()} for q, keys in meaning.items()}
    n = len(words)
    return ([spread(by_index, n, n), spread(previous_token(n, .85), n, n),
             spread(first_token(n, .7), n, n)], {"tokens.txt": words},
            {"comment": "Heads: what a word refers to, the previous token, the first token. "
                        "Made by make_cases.py."}, None)


def induction():
    """Causal. The third head continues what it has seen: after "cat" came "sat" (Olsson et al.,
    "In-context Learning and Induction Heads", 2022)."""
    words = "the cat sat down . the cat sat down .".split()
    n = len(words)
    visible = np.tril(np.ones((n, n), bool))
    period = n // 2
    follows = {i: {i - period + 1: .88} for i in range(period, n)}
    follows |= {i: {0: .6} for i in range(1, period)}
    return ([spread(previous_token(n, .8), n, n, visible), spread(first_token(n, .7), n, n, visible),
             spread(follows, n, n, visible)], {"tokens.txt": words},
            {"mask": "causal", "comment": "Heads: the previous token, the first token, what followed "
                                          "the last time. Made by make_cases.py."}, visible)


def translation():
    """Cross-attention: the queries are a translation's words, the keys those of the original."""
    english = "the black cat drinks cold milk this summer".split()
    french = "le chat noir boit du lait froid cet été".split()
    align = {"le": {"the": .78, "cat": .12}, "chat": {"cat": .87}, "noir": {"black": .84, "cat": .07},
             "boit": {"drinks": .9}, "du": {"milk": .48, "cold": .14, "the": .2},
             "lait": {"milk": .86, "cold": .06}, "froid": {"cold": .83, "milk": .08},
             "cet": {"this": .8, "summer": .13}, "été": {"summer": .89}}
    by_index = {french.index(q): {english.index(k): w for k, w in keys.items()}
                for q, keys in align.items()}
    return ([spread(by_index, len(french), len(english))],
            {"tokens_q.txt": french, "tokens_kv.txt": english},
            {"comment": "Cross-attention of a translation. Made by make_cases.py."}, None)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    for make in (pronoun, induction, translation):
        save(folder / make.__name__, *make())


if __name__ == "__main__":
    main()
