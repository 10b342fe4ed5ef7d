"""Which events answer which requests, against the catalog; and the generated typed methods."""

from __future__ import annotations

import inspect

import pytest

from ctpabi.catalog.data import load_catalog
from terminal_client.dispatch import requests_by_notices, response_kinds
from terminal_client.generated.requests import Requests
from terminal_client.generated.sync_requests import SyncRequests


@pytest.mark.parametrize("name", ["order_insert", "order_action", "quote_insert", "for_quote_insert"])
def test_orders_are_answered_by_notices(name: str) -> None:
    """CTP answers these on rejection only; waiting for a response would wait for ever."""
    assert name in requests_by_notices()


@pytest.mark.parametrize("name", ["from_bank_to_future_by_future", "query_bank_account_money_by_future"])
def test_bank_requests_are_answered_by_notices(name: str) -> None:
    """Their error notices have other names than the requests, and still they have no response."""
    assert name in requests_by_notices()


@pytest.mark.parametrize(
    "name", ["qry_order", "settlement_info_confirm", "parked_order_insert", "user_password_update"]
)
def test_everything_else_has_a_response(name: str) -> None:
    """Queries, confirmations and password updates answer with is_last."""
    assert name not in requests_by_notices()


def test_no_query_is_answered_by_notices() -> None:
    """All ReqQry… have responses."""
    queries = [method.proto_name for method in load_catalog().requests if method.name.startswith("ReqQry")]

    assert len(queries) > 80
    assert not any(name in requests_by_notices() for name in queries)


def test_notices_are_no_responses() -> None:
    """Only what carries a request id is looked up among the waiting requests."""
    assert "rsp_qry_order" in response_kinds()
    assert "rsp_error" in response_kinds()
    assert "rtn_order" not in response_kinds()
    assert "err_rtn_order_insert" not in response_kinds()


@pytest.mark.parametrize("stubs", [Requests, SyncRequests])
def test_every_request_has_a_typed_method(stubs: type) -> None:
    """All requests of the catalog, no other, each with the vendor's name in its docstring."""
    methods = {name: method for name, method in vars(stubs).items() if not name.startswith("_")}

    assert set(methods) == {method.proto_name for method in load_catalog().requests}
    assert all(method.name in (methods[method.proto_name].__doc__ or "") for method in load_catalog().requests)
    assert "body" in inspect.signature(methods["order_insert"]).parameters
