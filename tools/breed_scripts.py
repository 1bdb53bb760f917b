"""Writes `lambdas/shared/scripts.py`: the letters and marks of each script that a breed may be written in.

    python -m tools.breed_scripts

The standard library does not know a character's script. The table is made from Unicode's properties Script and
Script_Extensions as the package `regex` holds them; a test makes it again and compares.
"""

import sys
import textwrap
from pathlib import Path

import regex
import typer

from tools.environment.front import run

SCRIPTS = (
    "Arabic", "Armenian", "Bengali", "Bopomofo", "Cyrillic", "Devanagari", "Ethiopic", "Georgian", "Greek", "Gujarati",
    "Gurmukhi", "Han", "Hangul", "Hebrew", "Hiragana", "Kannada", "Katakana", "Khmer", "Lao", "Latin", "Malayalam",
    "Myanmar", "Oriya", "Sinhala", "Tamil", "Telugu", "Thaana", "Thai", "Tibetan",
)  # fmt: skip
"""The recommended scripts of https://www.unicode.org/reports/tr31/#Table_Recommended_Scripts."""

PATH = Path(__file__).resolve().parent.parent / "lambdas" / "shared" / "scripts.py"

_SHARED_LETTERS = dict.fromkeys(("Hiragana", "Katakana"), "\N{KATAKANA-HIRAGANA PROLONGED SOUND MARK}")
"""Letters whose script is Common, and without which a script's words cannot be written."""

_ALL = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)

_NEVER = r"[\p{Default_Ignorable_Code_Point}\p{Me}\p{NFKC_Quick_Check=No}\u01C0-\u01C3\uA78F]"
"""Nothing that is not seen, nothing that encloses, nothing that NFKC replaces, and no letter that is seen as a bar, an
exclamation mark or a dot: the letters for clicks, and the sinological dot."""

_HEAD = '''"""The letters and marks of each script that a breed may be written in; `tools/breed_scripts.py` writes this.

Ranges of code points in hexadecimal, from Unicode's Script and Script_Extensions. `ANY_MARKS` are the combining marks
that go with letters of every script.
"""

# fmt: off
'''


def ranges(pattern: str) -> str:
    """The code points that a pattern of one character matches, e.g. `41-5A 61-7A AA`."""
    found: list[list[int]] = []
    for code in map(ord, regex.findall(pattern, _ALL, regex.V1)):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return " ".join(f"{first:X}" if first == last else f"{first:X}-{last:X}" for first, last in found)


def table() -> str:
    """The module's text."""
    parts = [_HEAD, "", _constant("ANY_MARKS", rf"[[\p{{scx=Inherited}}&&\p{{M}}&&[\u0300-\u036F]]--{_NEVER}]"), ""]
    for name, pattern in (
        ("LETTERS", r"[[\p{{sc={0}}}&&\p{{L}}{1}]--{2}]"),
        ("MARKS", r"[[[\p{{sc={0}}}[\p{{scx={0}}}&&\p{{sc=Inherited}}]]&&\p{{M}}]--{2}]"),
    ):
        parts.append(f"{name} = {{")
        for script in SCRIPTS:
            shared = f"||[{_SHARED_LETTERS[script]}]" if name == "LETTERS" and script in _SHARED_LETTERS else ""
            parts.append(_member(script, ranges(pattern.format(script, shared, _NEVER))))
        parts += ["}", ""]
    return "\n".join(parts)


def _constant(name: str, pattern: str) -> str:
    return f'{name} = "{ranges(pattern)}"'


def _member(script: str, text: str) -> str:
    lines = textwrap.wrap(text, 100) or [""]
    if len(lines) == 1:
        return f'    "{script}": "{lines[0]}",'
    inner = "\n".join(f'        "{line} "' for line in lines[:-1]) + f'\n        "{lines[-1]}"'
    return f'    "{script}": (\n{inner}\n    ),'


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def write() -> None:
    """Write the table."""
    PATH.write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run(app))
