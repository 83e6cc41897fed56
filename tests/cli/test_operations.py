"""Operations beside attention through the whole program, on the null backend."""
import csv
import io
import json
import struct

from harness import BAD_INPUT, OK, USAGE, ProgramTest, main, make_suite

OPERATIONS = [{"op": "mha", "heads": 2, "n": 5}, {"op": "mha", "cross": True, "n_q": 3, "n_kv": 5},
              {"op": "encoder_layer", "n": 5, "layers": 2}, {"op": "rnn", "n": 5, "rnn_cell": "lstm"},
              {"op": "decoder_layer", "n_q": 3, "n_kv": 5}, {"op": "bahdanau", "n_q": 3, "n_kv": 5}]


def npy(shape, values):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {tuple(shape)!r}, }}\n".encode()
    body = b"".join(struct.pack("<f", value) for value in values)
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


class Operations(ProgramTest):
    def suite(self, variants=("naive", "rnn_steps", "additive")):
        sweeps = [{"name": str(i), "axes": {key: [value] for key, value in problem.items()},
                   "variants": list(variants)} for i, problem in enumerate(OPERATIONS)]
        self.write("s.json", {**make_suite({"n": [1]}), "sweeps": sweeps})

    def run_suite(self):
        self.suite()
        self.attnbench("run", "s.json", "--device", "null", "--out", "out.json", status=OK,
                       script={"time_s": {"*": "1e-9*n_q*d_model"}})
        return json.loads((self.folder / "out.json").read_text())

    def test_every_operation_has_its_cells(self):
        rows = self.run_suite()["rows"]
        self.assertEqual([(row["problem"]["op"], row["variant"], row["status"]) for row in rows],
                         [(p["op"], {"rnn": "rnn_steps", "bahdanau": "additive"}.get(p["op"],
                                                                                  "naive"), "ok")
                          for p in OPERATIONS])

    def test_rows_name_their_stages(self):
        rows = self.run_suite()["rows"]
        stages = [one["kernel"] for one in rows[1]["passes"]]
        self.assertEqual(stages[:3], ["project_q", "project_k", "project_v"])
        self.assertIn("attention/naive_softmax", stages)
        self.assertEqual([one["kernel"] for one in rows[3]["passes"]], ["project_x", "recurrence"])

    def test_results_are_valid_and_read_back(self):
        self.run_suite()
        self.attnbench("check", "out.json", status=OK)
        lines = self.attnbench("report", "out.json", "--format", "csv", status=OK).stdout
        rows = list(csv.DictReader(io.StringIO(lines)))
        self.assertEqual(rows[3]["problem.rnn_cell"], "lstm")
        self.assertEqual(rows[2]["problem.d_ff"], "16")

    def test_a_variant_of_another_operation_has_no_cell(self):
        self.write("s.json", make_suite({"n": [4]}, variants=("rnn_steps",)))
        said = self.attnbench("plan", "s.json", "--device", "null", status=USAGE).stderr
        self.assertIn("no variant that a sweep wants computes its operation", said)

    def test_inspect_wants_a_case_of_attention(self):
        (self.folder / "case").mkdir()
        for name in ("x", "w_q", "w_k", "w_v", "w_o"):
            self.write(f"case/{name}.npy", npy((1, 2, 2) if name == "x" else (2, 2), [1.0] * 4))
        self.write("case/case.json", {"op": "mha"})
        self.attnbench("verify", "case", "--device", "null", "--variants", "naive", status=OK)
        said = self.attnbench("inspect", "case", "--device", "null", status=BAD_INPUT).stderr
        self.assertIn("this one is of mha", said)

    def test_impossible_combinations_are_told_with_their_place(self):
        self.write("s.json", make_suite({"n": [4]}, defaults={"rnn_cell": "lstm"}))
        said = self.attnbench("plan", "s.json", "--device", "null", status=BAD_INPUT).stderr
        self.assertIn('s.json:', said)
        self.assertIn('"rnn_cell" is no key of the operation attention', said)


main()
