"""Reads a report as a browser's parser would: known elements and attributes only, properly nested, its style let in by its hash."""

import base64
import hashlib
import sys
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta"}
ELEMENTS = set(
    "html head meta title style body main h1 h2 p section div span b ul li table thead tbody tr th td footer "
    "svg rect line path circle text".split()
)
ATTRIBUTES = set(
    "lang charset http-equiv content name class role aria-label viewbox xmlns x y x1 x2 y1 y2 cx cy r d width height scope".split()
)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.style, self.policy = [], "", ""

    def handle_starttag(self, tag: str, attributes: list) -> None:
        assert tag in ELEMENTS, f"<{tag}>"
        assert {name for name, _ in attributes} <= ATTRIBUTES, f"<{tag}> {attributes}"
        named = dict(attributes)
        if named.get("http-equiv") == "Content-Security-Policy":
            self.policy = named["content"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}>"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            self.style += data


page = Page()
page.feed(Path(sys.argv[1]).read_text())
page.close()
assert page.open == [], page.open
digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
assert page.policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'", page.policy
