"""attnbench lint without Oclgrind: what it says before it runs anything, and what it does with an
Oclgrind that does not work. What it finds is tested in tests/mutants/lint.py."""
import os

from harness import NO_DEVICE, OK, USAGE, ProgramTest, main


class Lint(ProgramTest):
    def test_an_unknown_variant_gets_a_suggestion(self):
        said = self.attnbench("lint", "fusd", status=USAGE).stderr
        self.assertIn('unknown variant "fusd"; did you mean "fused"?', said)
        said = self.attnbench("lint", "naive", "elephant", status=USAGE).stderr
        self.assertIn('unknown variant "elephant"; there are: additive, ', said)

    def test_without_oclgrind_it_says_what_to_install(self):
        said = self.attnbench("lint", "naive", status=NO_DEVICE,
                              PATH=str(self.folder)).stderr
        self.assertIn("there is no 'oclgrind' on the PATH", said)
        self.assertIn("install it (Debian, Ubuntu: oclgrind)", said)

    def test_an_oclgrind_that_does_not_start_programs(self):
        fake = self.folder / "oclgrind"
        fake.write_text("#!/bin/sh\nexit 3\n")
        fake.chmod(0o755)
        said = self.attnbench("lint", "naive", status=NO_DEVICE,
                              PATH=f"{self.folder}:{os.environ['PATH']}").stderr
        self.assertIn(f"'{fake}' does not run this program", said)
        self.assertIn("exited with status 3", said)

    def test_options(self):
        said = self.attnbench("lint", "--help", status=OK).stdout
        for option in ("--kernels DIR", "--json", "--quick", "--filter REGEX", "--deadline TIME"):
            self.assertIn(option, said)


main()
