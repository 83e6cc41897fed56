"""attnbench inspect on an OpenCL device: the weights are a variant's, and judged."""
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import OK, SOURCE, WRONG, ProgramTest, find_device, main  # noqa: E402


class Inspect(ProgramTest):
    def inspect(self, *args, status=OK):
        device = find_device(self)
        if not device:
            self.skipTest("no OpenCL device")
        return self.attnbench("inspect", "pronoun", "--device", device, *args, status=status)

    def test_the_weights_are_a_variants(self):
        text = self.inspect("--variants", "naive").stdout
        self.assertTrue(text.startswith("it → animal 0.91"), text)
        self.assertRegex(text, r"weights of naive on \S+, within \d\.\de-0[6-9] of the "
                               r"double-precision reference\n$")

    def test_a_variant_that_returns_none(self):
        text = self.inspect("--variants", "fused").stdout
        self.assertTrue(text.startswith("it → animal 0.91"), text)
        self.assertIn("no variant has returned them", text)

    def test_wrong_weights_are_not_shown(self):
        folder = self.folder / "naive"
        shutil.copytree(SOURCE / "kernels/naive", folder)
        kernel = (folder / "naive.cl").read_text()
        self.assertIn("shape.scale * dot", kernel)
        (folder / "naive.cl").write_text(kernel.replace("shape.scale * dot", "0.9f * shape.scale * dot"))
        result = self.inspect("--variants", "naive", "--kernels", folder, status=WRONG)
        self.assertIn("naive on ", result.stderr)
        self.assertIn(": wrong: ", result.stderr)
        self.assertTrue(result.stdout.startswith("it → animal 0.91"), result.stdout)
        self.assertIn("weights of the double-precision reference", result.stdout)

    def test_nothing_is_left_behind(self):
        place = self.folder / "temporary"
        place.mkdir()
        device = find_device(self)
        if not device:
            self.skipTest("no OpenCL device")
        self.attnbench("inspect", "pronoun", "--device", device, "--variants", "naive", status=OK,
                       TMPDIR=str(place))
        self.assertEqual(list(place.glob("attnbench-*")), [])


if __name__ == "__main__":
    main()
