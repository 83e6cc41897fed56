"""The page of attnbench inspect: well-formed, complete, closed to what tokens may hold; and, where
Chromium is installed, alive."""
import base64
import hashlib
import re
import shutil
import subprocess
import unittest
from xml.etree import ElementTree

from harness import IO, main
from test_inspect import Inspect

HOSTILE = ["<script>alert(1)</script>", "</title><b>", "\"'onload='x'", "&amp;", "\x1b[2Jred",
           "\u202eevil", "]]>", "   "]


class Page(Inspect):
    def page(self, *args, name="page.html"):
        self.inspect(*args, "--out", name)
        return (self.folder / name).read_text(encoding="utf-8")

    def tree(self, page):
        """Well-formed as XML, but for what HTML allows within script and style."""
        text = page.removeprefix("<!DOCTYPE html>\n")
        self.assertNotEqual(text, page)
        return ElementTree.fromstring(re.sub(r"(?s)<(script|style)>.*?</\1>", r"<\1/>", text))

    @staticmethod
    def cells(tree):
        return [group.findall("rect") for group in tree.iter("g") if group.get("class") == "cells"]

    def test_every_cell_is_there(self):
        for case, heads, n_q, n_kv in (("pronoun", 3, 11, 11), ("induction", 3, 10, 10),
                                       ("translation", 1, 9, 8)):
            page = self.page(case)
            tree = self.tree(page)
            self.assertEqual([len(c) for c in self.cells(tree)], [n_q * n_kv] * heads)
            self.assertEqual([len(list(t.iter("tr"))) for t in tree.iter("tbody")], [n_q] * heads)
            hidden = sum(c.get("class") == "hidden" for cells in self.cells(tree) for c in cells)
            self.assertEqual(hidden, 3 * 45 if case == "induction" else 0)

    def test_cells_say_their_weight(self):
        tree = self.tree(self.page("pronoun"))
        cell = self.cells(tree)[0][7 * 11 + 1]
        self.assertEqual((cell.find("title").text, cell.get("data-w"), cell.get("class")),
                         ("it → animal 0.91", "0.91", "c63"))
        row = [r for r in tree.iter("tr") if "".join(r.itertext()).startswith("it")][0]
        self.assertRegex("".join(row.itertext()), r"^it0.6920\xa0%animal 0\.91, street 0\.03, tired "
                                                  r"0\.02, \S+ 0\.005, \S+ 0\.005$")

    def test_blocks(self):
        self.case(202, 300, heads=3)
        page = self.page("case")
        tree = self.tree(page)
        self.assertIn("Each cell stands for 2 queries × 3 keys", page)
        self.assertEqual([len(c) for c in self.cells(tree)], [101 * 100] * 3)
        self.assertEqual(self.cells(tree)[0][0].find("title").text,
                         f"0-1 → 0-2: at most {3 / (300 * 301 / 2):.4g}")
        self.case(2, 2, heads=70)
        page = self.page("case")
        self.assertEqual(len(self.cells(self.tree(page))), 64)
        self.assertIn("The first 64 of 70 heads", page)

    def test_the_policy_admits_this_page_only(self):
        page = self.page("pronoun")
        policy = self.tree(page).find("head/meta[@http-equiv]").get("content")
        self.assertTrue(policy.startswith("default-src 'none'; "), policy)
        self.assertNotIn("unsafe", policy)
        for element in ("script", "style"):
            contents = re.findall(rf"(?s)<{element}>(.*?)</{element}>", page)
            self.assertEqual(len(contents), 1)
            digest = base64.b64encode(hashlib.sha256(contents[0].encode()).digest()).decode()
            self.assertIn(f"{element}-src 'sha256-{digest}'", policy)
        self.assertIsNone(re.search(r"\b(src|href|style|on\w+)=", page))
        self.assertNotIn("http://", page)
        self.assertNotIn("https://", page)

    def test_hostile_tokens(self):
        self.case(8, 8, tokens="\n".join(HOSTILE) + "\n")
        for text in (self.page("case"), self.inspect("case").stdout,
                     self.inspect("case", "--json").stdout):
            for bad in "\x1b\u202e\u2066\x9b":
                self.assertNotIn(bad, text)
        page = self.page("case")
        tree = self.tree(page)
        self.assertEqual(page.count("<script>"), 1)
        self.assertEqual(len(list(tree.iter("script"))), 1)
        self.assertEqual([len(c) for c in self.cells(tree)], [64])
        self.assertIn("<script>alert(1)</script> → <script>alert(1)</script> ",
                      self.cells(tree)[0][0].find("title").text)

    def test_the_name_of_the_case_is_escaped(self):
        self.case()
        name = "<img src=x>\x1b[1m"
        (self.folder / "case").rename(self.folder / name)
        page = self.page(name)
        self.tree(page)
        self.assertIn("<title>Attention: &lt;img src=x&gt;?[1m</title>", page)

    def test_a_page_that_cannot_be_written(self):
        said = self.inspect("pronoun", "--out", "nowhere/page.html", status=IO).stderr
        self.assertIn("nowhere/page.html", said)

    def browse(self):
        """The page as it is after its script has run."""
        return subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
             f"--user-data-dir={self.folder / 'profile'}", (self.folder / "page.html").as_uri()],
            capture_output=True, text=True, timeout=150, check=True).stdout

    def panel(self, shown):
        found = re.search(r'(?s)<section id="chosen">.*?</section>', shown)
        self.assertIsNotNone(found, shown[:2000])
        items = re.findall(r'<span class="words">([^<]*)</span>.*?<span class="weight">([^<]*)<',
                           found[0])
        return found[0], items

    @unittest.skipUnless(shutil.which("chromium"), "Chromium is not installed")
    def test_its_script_runs(self):
        """Under its policy, in a browser: the panel appears, with the ranked keys of "it"."""
        self.page("pronoun")
        panel, items = self.panel(self.browse())
        self.assertIn("Entropy of it: 0.694 bits, 20.1 % of log2(11)", panel)
        self.assertEqual(items[:3], [("animal", "0.91"), ("street", "0.03"), ("tired", "0.02")])
        self.assertEqual(len(items), 11)
        self.assertIn('style="width: 91%;"', panel)

    @unittest.skipUnless(shutil.which("chromium"), "Chromium is not installed")
    def test_keyboard_and_pointer_choose(self):
        """An arrow key in the second map, then a click on a cell of the third; by a script of the
        test's, which the policy would not admit."""
        page = re.sub("<meta http-equiv.*?/>", "", self.page("pronoun"))
        script = """
            const maps = document.querySelectorAll("svg");
            maps[1].dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowUp", bubbles: true}));
            document.body.dataset.key = document.querySelector("#chosen .readout").textContent;
            maps[2].querySelectorAll(".cells rect")[9 * 11].dispatchEvent(
                new MouseEvent("click", {bubbles: true}));"""
        self.write("page.html", page.replace("</body>", f"<script>{script}</script></body>"))
        shown = self.browse()
        self.assertIn('data-key="Entropy of because: 1.108 bits', shown)
        panel, items = self.panel(shown)
        self.assertIn("Entropy of too: 1.878 bits", panel)
        self.assertEqual(items[0], ("The", "0.70"))
        self.assertIn("too → The 0.7</p>", shown)


if __name__ == "__main__":
    main()
