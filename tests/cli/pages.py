"""What the pages (*.md) name: links, files, commands and scripts; and what is wrong with them. Each
check takes a page's text, so that tests can give it a wrong one.
"""
import functools
import json
import re
import shlex
import subprocess

from harness import OK, PROGRAM, SOURCE

PAGES = sorted(page for page in SOURCE.rglob("*.md")
               if page.relative_to(SOURCE).parts[0] not in {"build", ".git", ".cache", "tests"}
               and "local" not in page.relative_to(SOURCE).parts)
FOLDERS = "scripts|suites|host|tests|results|kernels|docs|cmake"


# ---- Markdown, as far as these pages use it

def read(page):
    """(line number, is code, line) of a page; code is indented by four or fenced."""
    fenced = indented = False
    blank = True
    for number, line in enumerate(page.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        if line.strip():
            indented = not fenced and line.startswith("    ") and (indented or blank)
        blank = not line.strip()
        yield number, bool(fenced or indented), line.strip() if fenced or indented else line


def code_blocks(page):
    return [(number, line.removeprefix("$ ")) for number, code, line in read(page) if code and line]


def inline_code(page):
    return [(number, text) for number, code, line in read(page) if not code
            for text in re.findall(r"`([^`]+)`", line)]


def links(page):
    return [(number, target) for number, code, line in read(page) if not code
            for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line))]


def anchors(page):
    """Those of its headings, as GitHub makes them."""
    found = []
    for _, code, line in read(page):
        if not code and re.match(r"#+ ", line):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line.lstrip("#").strip()).lower()
            anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            found.append(anchor + (f"-{found.count(anchor)}" if anchor in found else ""))
    return found


def dead_links(page, folder):
    """Complaints about a page whose text is `page`, as if it lay in `folder`."""
    for number, target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = folder / name
        if name and not file.exists():
            yield f"{number}: no file {name}"
        elif anchor:
            text = file.read_text() if name else page
            if anchor not in anchors(text):
                yield f"{number}: no heading #{anchor} in {name or 'this page'}"


def exists(name, *bases):
    """A path, which may have * and {a,b} in it, below one of the folders."""
    braces = re.match(r"(.*)\{([^}]*)\}(.*)", name)
    if braces:
        first, names, last = braces.groups()
        return all(exists(first + one + last, *bases) for one in names.split(","))
    return any(list(base.glob(name)) if "*" in name else (base / name).exists() for base in bases)


def missing_files(page, folder):
    """Files of the repository that a page names in code."""
    for number, text in inline_code(page):
        name = re.fullmatch(rf"(?:\.\./)?(?:{FOLDERS})/[\w./*{{}},-]+", text)
        if name and "NAME" not in text and not text.startswith("results/local"):
            path = (folder / text).resolve() if text.startswith("..") else SOURCE / text
            if not exists(text, SOURCE, folder):
                yield f"{number}: no file {path}"


def table_faults(page):
    """Rows of another width than their table's, and tables without a head."""
    lines = [*read(page), (0, False, "")]
    previous, width = "", 0
    for (number, code, line), (_, _, following) in zip(lines, lines[1:]):
        if not code and line.startswith("|"):
            cells = len(re.sub(r"\\\||`[^`]*`", "", line).strip().strip("|").split("|"))
            if not previous.startswith("|"):
                width = cells
                if not re.fullmatch(r"\|[ :|-]+\|", following):
                    yield f"{number}: a table without a head"
            if cells != width:
                yield f"{number}: {cells} cells in a table of {width}"
        previous = "" if code else line


# ---- commands

def words_of(line):
    """The words of the first simple command of a line of shell that is attnbench or a script."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|<>&;()")
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if set(word) <= set("|<>&;()"):
            if words and words[-1] == "2" and word.startswith(">"):
                words.pop()
            break
        words.append(word)
    words = [word for word in words if word != "..."]
    if words and words[0] == "srun":
        words = words[words.index("attnbench"):] if "attnbench" in words else []
    if words and words[0] == "build/release/attnbench":
        words[0] = "attnbench"
    return words


def commands(page):
    """(line number, line, is in a block) of those that begin with attnbench, or start it."""
    for number, line in code_blocks(page):
        if re.match(r"(attnbench|build/release/attnbench|srun)\s", line):
            yield number, line, True
    for number, line in inline_code(page):
        if re.match(r"attnbench [a-z-]", line):
            yield number, line, False


@functools.cache
def takes(*words):
    """What the program itself says of a command line; "" if it takes it."""
    result = subprocess.run([PROGRAM, *words, "--help"], text=True, capture_output=True, timeout=60)
    return "" if result.returncode == OK else result.stderr.strip() or str(result.returncode)


@functools.cache
def option_table():
    """The program's own: [command, option or -, kind, words, help]."""
    table = subprocess.run([PROGRAM, "docs", "table"], text=True, capture_output=True, timeout=60)
    return [line.split("\t") for line in table.stdout.splitlines()]


@functools.cache
def word_options():
    """The words that an option may be given: {(command, option): words}."""
    return {(row[0], row[1]): row[3].split() for row in option_table() if row[2] == "word"}


def unknown_options(page):
    """Options that a page names alone, which no command and no script has."""
    known = {row[1] for row in option_table()}
    scripts = "".join(file.read_text() for file in (SOURCE / "scripts").glob("*") if file.is_file())
    for number, text in inline_code(page):
        option = re.match(r"--[a-z-]+", text)
        if option and option[0] not in known and not re.search(rf"{option[0]}\b", scripts):
            yield f"{number}: no command has {option[0]}"


def bad_command(line):
    """Why the program would not take it, or ""."""
    words = words_of(line)[1:]
    if not words or "COMMAND" in words:
        return ""
    complaint = takes(*words)
    if complaint:
        return complaint
    for option, value in zip(words, words[1:]):
        allowed = word_options().get((words[0], option))
        if allowed and not value.startswith("-") and value not in allowed:
            return f"{option} is one of {' '.join(allowed)}, not {value}"
    return ""


@functools.cache
def labels():
    text = "".join(file.read_text() for file in (SOURCE / "tests").rglob("CMakeLists.txt"))
    text += "".join(re.findall(r"add_device_test\(\w+ (\w+)", text))
    return text


def bad_script(line):
    """Why a call of a script, cmake or ctest cannot be meant, or ""."""
    words = words_of(line)
    tool = words[0] if words else ""
    if tool.startswith(("scripts/", ".ci/")):
        path = SOURCE / tool
        if not path.is_file():
            return f"there is no {tool}"
        text = path.read_text()
        if tool == "scripts/bench" and "--bare" in words:
            text = (SOURCE / "scripts/bare.sh").read_text()
            absent = [word for word in words if word.startswith("--") and word not in text + "--bare"]
            return f"{tool} has no {absent[0]}" if absent else ""
        if tool == "scripts/bench":
            suite = words[1] if len(words) > 1 and not words[1].startswith("-") else "quick"
            if suite != "NAME" and not suite.startswith("./") and not exists(
                    f"{suite}.json", SOURCE / "suites", SOURCE / "suites/models"):
                return f"there is no suite {suite}"
            return takes("run", suite, *(word for word in words[1:] if word != suite))
        if tool == ".ci/run":
            absent = [lane for lane in words[1:] if f"lane_{lane}()" not in text]
            return f"{tool} has no lane {absent[0]}" if absent else ""
        options = [word for word in words if word.startswith("--")]
        absent = [word for word in options if word not in text]
        if absent:
            return f"{tool} has no {absent[0]}"
    if tool in ("scripts/test", "ctest") and "-L" in words:
        label = words[words.index("-L") + 1]
        if not re.search(rf"\b{label}\b", labels()):
            return f"no test has the label {label}"
    if tool == "cmake" and "--preset" in words:
        presets = json.loads((SOURCE / "CMakePresets.json").read_text())
        name = words[words.index("--preset") + 1]
        if name not in {preset["name"] for preset in presets["configurePresets"]}:
            return f"there is no preset {name}"
    return ""


def bad_scripts(page):
    lines = [(number, part) for number, line in code_blocks(page) for part in line.split(" && ")]
    for number, line in lines + inline_code(page):
        if re.match(r"(scripts/\w|\.ci/\w|cmake --|ctest )", line):
            complaint = bad_script(line)
            if complaint:
                yield f"{number}: {line}: {complaint}"


# ---- host/README.md and docs/decisions.md

def section(page, title):
    return re.search(rf"(?ms)^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page)[1]


def rows(text):
    """The cells of a table's rows, without its head."""
    table = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return table[2:]


def map_faults(page, host=SOURCE / "host"):
    folders = [re.match(r"`([\w/]+)/`", row[0]) for row in rows(section(page, "Map, in reading order"))]
    named = [match[1] if match else "?" for match in folders]
    there = {folder.name for folder in host.iterdir() if folder.is_dir()}
    for folder in sorted(there | set(named)):
        if named.count(folder) != 1 or folder not in there:
            yield f"{folder}/ stands in the map {named.count(folder)} times"
    wants = [row[0] for row in rows(section(page, "I want to ..."))]
    yield from (f"twice in 'I want to': {one}" for one in sorted(set(wants)) if wants.count(one) > 1)


def map_missing(page, host=SOURCE / "host"):
    """Files and functions that the two tables name and host/ does not have."""
    source = "".join(file.read_text() for file in host.rglob("*.[ch]"))
    for title in ["Map, in reading order", "I want to ..."]:
        for row in rows(section(page, title)):
            bases = [host, SOURCE]
            for text in re.findall(r"`([^`]+)`", " | ".join(row)):
                if re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", text):
                    if not re.search(rf"\b{text}\b", source):
                        yield f"{text}: no such name in host/"
                elif re.fullmatch(r"[\w./*{},-]*[\w*}](/|\.(c|h|cl|in|js|css|html|json|py|md|txt|cmake|\*))",
                                  text) and text not in ("variant.json", "CL/cl.h"):
                    if not exists(text, *bases):
                        yield f"{text}: no such file"
                    bases.append((host / text).parent if not text.endswith("/") else host / text)
            for name, file in re.findall(r"`(\w+)` in `([\w/.]+)`", " | ".join(row)):
                if (host / file).is_file() and not re.search(rf"\b{name}\b", (host / file).read_text()):
                    yield f"{name} is not in {file}"


def decision_faults(page):
    entries = re.split(r"(?m)^### ", page)[1:]
    titles = [entry.splitlines()[0] for entry in entries]
    yield from (f"twice: {title}" for title in set(titles) if titles.count(title) > 1)
    if re.search(r"(?m)^\d+\. ", page):
        yield "an entry that has a number, not a topic"
    for entry in entries:
        lines = [line for line in entry.split("\n## ")[0].splitlines()[1:] if line]
        kinds = [re.match(r"- \*\*(What|Instead of|Why):\*\* \S", line) for line in lines]
        if [kind[1] if kind else None for kind in kinds] != ["What", "Instead of", "Why"]:
            yield f"not the three lines what, instead of, why: {entry.splitlines()[0]}"
