"""The table of reasons: complete, in two languages, every row used, and every call of a row right."""

from __future__ import annotations

import ast
import inspect
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codegen.pages.refusals import PAGE
from ctpabi.facts.errors import ERRORS
from ctpabi.facts.return_codes import REPORT_CODES
from relay.refusals import call_reasons, login_reasons
from relay.refusals.all_reasons import PARTS, rows
from relay.refusals.reason import Reason, Retry
from relay.refusals.refusal import Refusal, Source

ROOT = Path(__file__).resolve().parents[3]
VALUES: dict[str, Any] = {"int": 7, "float": 12.5, "str": "it"}
SECRET = re.compile(r"password|auth_code|proof|token|secret|body|key_file|struct$")
each_row = pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)


def filled(row: Reason[Any]) -> Refusal:
    """A refusal of this row, with a value of the right type in every place."""
    wanted = inspect.signature(row.places).parameters.values()
    return row(**{place.name: VALUES[place.annotation] for place in wanted})


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def trees(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


@each_row
def test_a_refusal_is_in_two_languages_with_an_advice(row: Reason[Any]) -> None:
    """Message and advice are Chinese and English, and the reason is one lower-case word for programs."""
    refusal = filled(row)

    assert refusal.source is Source.RELAY
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", refusal.reason)
    for text in (refusal.message, refusal.advice):
        chinese, slash, english = text.partition(" / ")
        assert slash
        assert not chinese.isascii()
        assert any(character.isascii() and character.isalpha() for character in english)


@each_row
def test_both_languages_name_only_places_the_row_has(row: Reason[Any]) -> None:
    """A value stands in the Chinese and in the English advice, or in neither; no parameter is left unused."""
    named = set(inspect.signature(row.places).parameters)
    message = [places(text) for text in row.columns.message]
    advice = [places(text) for text in row.columns.advice]
    waiting = {row.columns.retry} if isinstance(row.columns.retry, str) else set()

    assert message[0] == message[1] or (message[0] < message[1] and row.name in CHINESE_SAYS_LESS)
    assert advice[0] == advice[1]
    assert set().union(*message, *advice, waiting) == named


CHINESE_SAYS_LESS = {"operator_refused", "operator_stopped"}
"""the counter's own text, which is Chinese, stands in the English half alone"""


@each_row
def test_no_place_of_a_text_is_for_a_secret(row: Reason[Any]) -> None:
    """Values are plain numbers and words, and none is called like something that is kept secret."""
    wanted = inspect.signature(row.places).parameters.values()

    assert [place.name for place in wanted if SECRET.search(place.name)] == []
    assert {place.annotation for place in wanted} <= VALUES.keys()


def test_no_two_rows_have_one_name() -> None:
    """A name is searched for; several rows may share a stable word, and say so."""
    names = [row.name for row in rows()]
    own = [row.reason for row in rows() if row.reason == row.name]

    assert len(names) == len(set(names))
    assert {row.reason for row in rows()} == set(own)


def test_every_row_is_said_somewhere() -> None:
    """Some module of the relay makes a refusal of it, or another row is replaced by it."""
    said = {row.columns.instead.name for row in rows() if isinstance(row.columns.instead, Reason)}
    modules = {part.__name__.rpartition(".")[2] for part in PARTS}
    for _, tree in trees("relay"):
        said |= {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules
        }

    assert sorted({row.name for row in rows()} ^ said) == []


def test_every_reason_is_provoked_by_a_test() -> None:
    """Some other test expects its stable word, so the word is what it is on purpose."""
    expected = {
        word
        for path, tree in trees("tests")
        if path.parent.name != "refusals"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in re.findall(r"\w+", node.value)
    }

    assert sorted({row.reason for row in rows()} - expected) == []


def test_a_session_that_ends_says_no_more_than_a_refused_login() -> None:
    """The text of a Goodbye or SessionStatus is the refusal as the terminal may know it."""
    assert login_reasons.wrong_proof(app_id="a").told_text.startswith("terminal_not_accepted: ")
    assert login_reasons.terminal_disabled(app_id="a").told_text.startswith("terminal_disabled: 终端 'a'")


def test_the_page_for_terminal_vendors_names_every_reason_they_may_be_told() -> None:
    """docs/refusals.md is made of the table; what is replaced by another reason stands apart from the rest."""
    told, _, kept = (ROOT / PAGE).read_text(encoding="utf-8").partition("\n| 台账")

    assert {row.reason for row in rows() if row.columns.ends and not row.columns.instead} <= words(told)
    assert {row.reason for row in rows() if row.columns.instead} <= words(kept) - words(told)


def words(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_]+)`", text))


def test_every_reason_a_whole_run_expects_exists() -> None:
    """A test of a reason that was renamed would wait for it in vain, or pass where it should not."""
    known = {row.reason for row in rows()} | {error.reason for error in ERRORS.values()}
    known |= {code.reason for code in REPORT_CODES.values()}
    expected = {
        word
        for _, tree in trees("tests/e2e", "tests/contract")
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and re.search(r"reason\b", ast.unparse(node))
        for word in re.findall(r"'([a-z]+(?:_[a-z]+)*)'", ast.unparse(node))
    }

    assert len(expected) > 20
    assert sorted(expected - known - NO_REFUSALS) == []


NO_REFUSALS = {"code", "reason", "relay", "counter", "logged", "recovering", "resumed", "terminal_logout"}
"""what stands beside a reason in the same comparison: names, sources, states, and reasons of a goodbye"""


def test_refusals_are_made_of_rows_alone() -> None:
    """No module builds a Refusal by hand, so every reason that is raised has a row."""
    by_hand = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in trees("relay")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refusal"
    ]

    assert [place for place in by_hand if not place.startswith(MAKERS)] == []


MAKERS = ("relay/refusals/reason.py", "relay/refusals/counter_reasons.py")
"""rows, and CTP's numbers with the words of `ctpabi.facts`"""


def test_a_wrong_place_is_found_before_a_customer_finds_it() -> None:
    """By the type checker (it calls an ignore without an error wrong), and as a TypeError when it runs."""
    with pytest.raises(TypeError):
        call_reasons.too_many_calls(mots=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        call_reasons.too_many_calls()  # type: ignore[call-arg]


def test_unknown_app_ids_and_wrong_codes_look_alike() -> None:
    """Somebody who guesses learns nothing; the ledger has the precise refusals."""
    refusals = (login_reasons.unknown_terminal(app_id="a"), login_reasons.wrong_proof(app_id="b"))

    assert {refusal.told for refusal in refusals} == {login_reasons.terminal_not_accepted()}


def test_unknown_investors_and_wrong_passwords_look_alike() -> None:
    """And like the counter's own refusal of a login, number 3."""
    refusals = (login_reasons.investor_unknown(investor_id="a"), login_reasons.wrong_investor_password(investor_id="b"))

    assert {refusal.told for refusal in refusals} == {login_reasons.investor_not_accepted()}
    assert login_reasons.investor_not_accepted().code == 3


def test_other_refusals_are_told_as_they_are() -> None:
    """A stale collection is told with its age."""
    refusal = login_reasons.system_info_stale(age=400, oldest=300)

    assert refusal.told is refusal


def test_waiting_times_are_rounded_up() -> None:
    """A terminal that waits as told does not come too early."""
    assert login_reasons.locked_out(what="ip", seconds=12.5).retry_after_seconds == 13
    assert "13 s" in call_reasons.query_not_answered(name="ReqQryOrder", seconds=12.5).advice


@each_row
def test_a_waiting_time_is_stated_where_the_same_may_be_tried_again(row: Reason[Any]) -> None:
    """And nowhere else: a program reads retry_after_seconds and not the advice."""
    assert (filled(row).retry_after_seconds > 0) is not isinstance(row.columns.retry, Retry)
