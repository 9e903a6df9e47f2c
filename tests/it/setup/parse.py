"""Reads a printed configuration as its program would, and prints it as JSON: parse.py FORMAT FILE"""

import configparser
import json
import re
import sys

import yaml


class StrictLoader(yaml.SafeLoader):
    """A key that stands twice is a mistake, which YAML's own loaders pass over."""


def mapping(loader, node):
    pairs = loader.construct_pairs(node, deep=True)
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
    return dict(pairs)


StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)


def ini(text):
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True)
    parser.optionxform = str
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def classic(text):
    """Fluent Bit: sections of one capital word, keys and values parted by spaces, comments on lines of their own."""
    sections = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        section = re.fullmatch(r"\[([A-Z]+)\]", line)
        if section:
            sections.append({"section": section[1]})
            continue
        entry = re.fullmatch(r"    (\w+) +(\S.*)", line)
        assert entry and sections, line
        assert entry[1] not in sections[-1], f"{entry[1]} stands twice"
        sections[-1][entry[1]] = entry[2]
    return sections


TOKEN = re.compile(r'\s+|#[^\n]*|(?P<sign>=>|[{}])|"(?P<text>[^"\\]*)"|(?P<word>[A-Za-z0-9_.]+)')


def logstash(text):
    """Logstash's grammar as far as it is used: section { plugin { name => value } }."""
    tokens, position = [], 0
    while position < len(text):
        match = TOKEN.match(text, position)
        assert match, f"no token at {text[position:position + 20]!r}"
        position = match.end()
        if match.lastgroup:
            tokens.append((match.lastgroup, match[match.lastgroup]))
    tokens.reverse()

    def take(kind, value=None):
        found, text = tokens.pop()
        assert found == kind and value in (None, text), f"{text!r} where {value or kind} is expected"
        return text

    def value():
        if tokens[-1] != ("sign", "{"):
            kind, text = tokens.pop()
            assert kind in ("text", "word"), text
            return {"true": True, "false": False}.get(text, text) if kind == "word" else text
        take("sign", "{")
        entries = {}
        while tokens[-1] != ("sign", "}"):
            key = take("text")
            take("sign", "=>")
            entries[key] = value()
        take("sign", "}")
        return entries

    def block(content):
        take("sign", "{")
        entries = {}
        while tokens[-1] != ("sign", "}"):
            name = take("word")
            assert name not in entries, f"{name} stands twice"
            entries[name] = content()
        take("sign", "}")
        return entries

    def setting():
        take("sign", "=>")
        return value()

    sections = {}
    while tokens:
        name = take("word")
        sections[name] = block(lambda: block(setting))
    return sections


def main():
    kind, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    parsers = {"yaml": lambda text: yaml.load(text, StrictLoader), "ini": ini, "classic": classic, "logstash": logstash}
    json.dump(parsers[kind](text), sys.stdout)


main()
