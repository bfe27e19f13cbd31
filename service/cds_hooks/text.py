"""Text for cards: plain where CDS Hooks has plain text, GitHub Markdown without HTML in `detail`.

Guideline text may use Markdown, never HTML. Text from the patient's data may use neither: what it says is
shown, what it would do is not.
"""

from __future__ import annotations

import re
import unicodedata

MAX_SUMMARY = 139  # CDS Hooks 2.0.1: fewer than 140 characters
MAX_DETAIL = 2_500

_AUTOLINK = re.compile(r"(://|\bwww\.|@)", re.IGNORECASE)
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ESCAPED = str.maketrans(
    {**{sign: f"\\{sign}" for sign in "\\`*_[]|~#"}, "&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
_LINK = re.compile(r"\](?=\((?!https?://))|\](?=[\[:])", re.IGNORECASE)
_BREAK = "\u200b"  # zero width: unseen, and it ends what would have become a link


def one_line(text: str) -> str:
    """Without control, formatting and unassigned characters, and with single spaces."""
    if not text.isprintable():
        text = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in text)
    return " ".join(text.split())


def plain(text: str) -> str:
    """For fields that are not Markdown: nothing that a careless client would render as HTML."""
    line = one_line(text)
    return _TAG.sub("\u2039", line) if "<" in line else line


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, cut between words when there are any."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    at = head.rfind(" ")
    return (head[:at] if at > limit // 2 else head).rstrip() + "…"


def split_summary(title: str) -> tuple[str, str]:
    """A summary that CDS Hooks accepts, and the rest of the title ("" when it fits)."""
    title = plain(title)
    summary = shorten(title, MAX_SUMMARY)
    return (summary, "") if summary == title else (summary, "… " + title[len(summary) - 1 :].strip())


def from_data(text: str, limit: int) -> str:
    """Patient data as Markdown that shows exactly that text: no markup, no HTML, no link."""
    cut = shorten(one_line(text), limit)
    return _AUTOLINK.sub(_broken, cut.translate(_ESCAPED))


def _broken(link: re.Match[str]) -> str:
    return link[0][0] + _BREAK + link[0][1:]


def from_guideline(text: str) -> str:
    """Guideline Markdown without HTML, and without links to anywhere but http(s)."""
    if not text.isprintable():
        lines = text.replace("\r\n", "\n").expandtabs(4).split("\n")
        text = "\n".join(_without_controls(line).rstrip() for line in lines)
    return _LINK.sub(_no_link, text.replace("<", "&lt;")).strip()


def _no_link(_bracket: re.Match[str]) -> str:
    return "\\]"


def _without_controls(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(c for c in line if unicodedata.category(c)[0] != "C")


def fit(detail: str, limit: int = MAX_DETAIL) -> str:
    """At most `limit` characters; what had to go is said to be missing."""
    if len(detail) <= limit:
        return detail
    note = "\n\n… (shortened)"
    head = detail[: limit - len(note)]
    at = max(head.rfind("\n"), head.rfind(" "))
    return (head[:at] if at > 0 else head).rstrip() + note


def is_web_url(url: object) -> bool:
    """True for an absolute http(s) URL that needs no escaping anywhere."""
    return isinstance(url, str) and re.fullmatch(r"https?://[^\s<>\"'`\\{}|^\[\]()]+", url) is not None
