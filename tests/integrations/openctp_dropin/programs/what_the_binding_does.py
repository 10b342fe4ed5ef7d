"""Says as JSON what openctp_ctp's types do: run on the binding and on what stands in its place, it must say the same."""

# mypy: ignore-errors
# The binding has no types, and scripts for it have none either.

import functools
import json
import sys
import tempfile

import openctp_ctp
from openctp_ctp import mdapi, tdapi, thostmduserapi, thosttraderapi

VALUES = {
    "OrderRef": ["x" * 12, "x" * 13, "测测", None, b"ab", 3, True, "a\0b", "", 1.0],
    "Direction": ["1", "12", "", None, b"1", 49, "测", 1.0],
    "CombOffsetFlag": ["1", "12", "12345", None],
    "LimitPrice": ["1", 1, True, 1.5, None, float("inf"), 10**400],
    "VolumeTotalOriginal": ["1", 1, True, 1.5, None, 2**31, 2**31 - 1, -(2**31)],
}


def raised(call):
    """What it returns, or the error that it raises."""
    try:
        return repr(call())
    except (TypeError, AttributeError, OverflowError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


def set_values():
    """Each value put into a fresh order, and what is read then."""
    found = {}
    for name, values in VALUES.items():
        for value in values:
            order = tdapi.CThostFtdcInputOrderField()
            error = raised(functools.partial(setattr, order, name, value))
            found[f"{name} {value!r}"[:60]] = [error, getattr(order, name)]
    return found


def names(module):
    """Every class with its public names, and every constant."""
    found = {}
    for name in dir(module):
        if name.startswith("CThost"):
            found[name] = sorted(one for one in dir(getattr(module, name)) if not one.startswith("__"))
        elif name.startswith("THOST"):
            found[name] = getattr(module, name)
    return found


def calls():
    """What methods take; nothing is connected."""
    api = tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi(tempfile.mkdtemp() + "/")
    login, other = tdapi.CThostFtdcReqUserLoginField(), tdapi.CThostFtdcReqAuthenticateField()
    spi = tdapi.CThostFtdcTraderSpi()
    create = tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi
    tries = {
        "login": lambda: api.ReqUserLogin(login, 1),
        "login of the other module": lambda: api.ReqUserLogin(mdapi.CThostFtdcReqUserLoginField(), 1),
        "another struct": lambda: api.ReqUserLogin(other, 1),
        "a dict": lambda: api.ReqUserLogin({}, 1),
        "text for the id": lambda: api.ReqUserLogin(login, "1"),
        "a large id": lambda: api.ReqUserLogin(login, 2**31),
        "no id": lambda: api.ReqUserLogin(login),
        "front": lambda: api.RegisterFront(1),
        "topic": lambda: api.SubscribePrivateTopic("0"),
        "spi": lambda: api.RegisterSpi(3),
        "no spi": lambda: api.RegisterSpi(None),
        "path": lambda: create(3),
        "three arguments": lambda: create("x", True, 3),
        "constructed": tdapi.CThostFtdcTraderApi,
        "field arguments": lambda: tdapi.CThostFtdcInputOrderField(1),
        "spi method": lambda: spi.OnRtnOrder(None),
        "spi method without": spi.OnRtnOrder,
    }
    return {name: raised(call) for name, call in tries.items()}


def main():
    order = tdapi.CThostFtdcInputOrderField()
    order.unknown = 3
    found = {
        "version": openctp_ctp.__version__,
        "modules": [tdapi is thosttraderapi, mdapi is thostmduserapi, tdapi.__name__, mdapi.__name__],
        "trader": names(tdapi),
        "market": names(mdapi),
        "values": set_values(),
        "calls": calls(),
        "of an object": [sorted(name for name in dir(order) if not name.startswith("__")), bool(order), order.thisown],
        "a statement": [type(tdapi.CThostFtdcSettlementInfoField().Content).__name__],
        "documented": [type(order).__doc__, type(order).BrokerID.__doc__, isinstance(type(order).BrokerID, property)],
        "module": type(order).__module__,
    }
    json.dump(found, sys.stdout)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
