#!/usr/bin/env python3
"""Writes tests/cases/jwt/ and tests/cases/jwks/, or checks that what is stored there is right.

    generate.py           write every case, issuers.json and the key sets; remove folders of cases that are gone
    generate.py --check   write nothing: compare with what is stored, and judge every case by generator/reference.py

Needs Python 3.11 and `cryptography` 44 or later.
"""

import argparse
import json
import shutil
import sys
from collections import Counter
from pathlib import Path

from generator import (
    algorithms,
    claim_values,
    client_grants,
    headers,
    json_text,
    jwk_sets,
    published_keys,
    reference,
    signatures,
    syntax,
    times,
    valid,
)
from generator.issuers import ISSUERS, key_sets

FOLDER = Path(__file__).resolve().parent
JWKS_FOLDER = FOLDER.parent / "jwks"
LEAST_REFUSED, LEAST_ACCEPTED = 150, 25


def pretty(value):
    """ASCII, so that invisible characters in a token show; the section sign is spared for the reader's sake."""
    return json.dumps(value, indent=2).replace("\\u00a7", "\u00a7").replace("\\u2013", "\u2013") + "\n"


def distinct(cases):
    cases = list(cases)
    twice = [name for name, count in Counter(name for name, _ in cases).items() if count > 1]
    if twice:
        sys.exit(f"generate.py: two cases of one name: {', '.join(twice)}")
    return dict(cases)


def files(token_cases, jwks_cases):
    """Every generated file and its text."""
    yield FOLDER / "issuers.json", pretty(ISSUERS)
    for name, document in key_sets().items():
        yield FOLDER / "jwks" / name, pretty(document)
    for name, case in token_cases.items():
        yield FOLDER / name / "case.json", pretty(case)
    for name, case in jwks_cases.items():
        yield JWKS_FOLDER / name / "case.json", pretty(case)


def stored_cases():
    return {path for folder in (FOLDER, JWKS_FOLDER) for path in folder.glob("*/case.json")}


def write(wanted):
    for path in stored_cases() - wanted.keys():
        shutil.rmtree(path.parent)
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def faults(wanted):
    """What is wrong with the stored files: missing, left over or changed, or judged otherwise by the reference."""
    for path in sorted(stored_cases() - wanted.keys()):
        yield f"{path}: nothing makes this case; run generate.py or add it to generator/"
    for path, text in wanted.items():
        if not path.exists():
            yield f"{path}: missing; run generate.py"
        elif path.read_text() != text:
            yield f"{path}: differs from what generate.py makes"
    for path in sorted(stored_cases()):
        case = json.loads(path.read_text())
        judge = judge_token if path.parent.parent == FOLDER else judge_jwks
        if problem := judge(case):
            yield f"{path}: {problem}"


def judge_token(case):
    entry = ISSUERS[case["issuer"]]
    reason = reference.verdict(presented(case), entry, (FOLDER / entry["jwks"]).read_text(), case["now"])
    stated = case.get("reason", "a refusal without a reason") if case["verdict"] == "refuse" else None
    return None if reason == stated else f"stated {stated or 'accept'}, the reference says {reason or 'accept'}"


def presented(case):
    """The token of a case, written out or made from its generator."""
    if "token" in case:
        return case["token"]
    parts = case["token_generator"]
    return parts["prefix"] + parts["repeat"] * parts["times"] + parts["suffix"]


def judge_jwks(case):
    try:
        kids = list(dict.fromkeys(key["kid"] for key in reference.usable_keys(case["jwks"])))
        verdict = "accept"
    except reference.Refused:
        kids, verdict = [], "refuse"
    if (verdict, kids) != (case["verdict"], case["usable_kids"]):
        return f"stated {case['verdict']} {case['usable_kids']}, the reference says {verdict} {kids}"
    return None


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true", help="write nothing, check what is stored")
    check = arguments.parse_args().check
    topics = (syntax, json_text, algorithms, headers, published_keys, signatures, claim_values, client_grants, times, valid)
    token_cases = distinct(case for topic in topics for case in topic.cases())
    jwks_cases = distinct(jwk_sets.cases())
    wanted = dict(files(token_cases, jwks_cases))
    if not check:
        write(wanted)
    found = list(faults(wanted))
    verdicts = Counter(case["verdict"] for case in token_cases.values())
    if verdicts["refuse"] < LEAST_REFUSED or verdicts["accept"] < LEAST_ACCEPTED:
        found.append(f"too few cases: {dict(verdicts)}")
    for fault in found:
        print(fault, file=sys.stderr)
    print(
        f"tokens: {verdicts['refuse']} refused, {verdicts['accept']} accepted; key sets: {len(jwks_cases)}; faults: {len(found)}"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
