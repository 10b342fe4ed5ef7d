"""A bridge as web front ends have: every struct's fields by `dir()`, requests and callbacks as JSON, one a line."""

# mypy: ignore-errors
# The binding has no types, and programs for it have none either.

import inspect
import json
import queue
import sys

from openctp_ctp import thosttraderapi as td

HIDDEN = {"thisown", "this"}
out = queue.Queue()


def fields_of(kind):
    return [name for name in dir(kind) if not name.startswith("__") and name not in HIDDEN]


SCHEMA = {name: fields_of(kind) for name, kind in inspect.getmembers(td, inspect.isclass) if name.endswith("Field")}


def to_dict(field):
    return None if field is None else {name: getattr(field, name) for name in SCHEMA[type(field).__name__]}


def to_field(kind, values):
    field = getattr(td, f"CThostFtdc{kind}Field")()
    for name, value in values.items():
        setattr(field, name, value)
    return field


def forward(name):
    def callback(self, *arguments):
        shown = [to_dict(one) if type(one).__name__ in SCHEMA else one for one in arguments]
        out.put({"callback": name, "arguments": shown})

    return callback


callbacks = [name for name in dir(td.CThostFtdcTraderSpi) if name.startswith("On")]
Bridge = type("Bridge", (td.CThostFtdcTraderSpi,), {name: forward(name) for name in callbacks})


def main():
    api = td.CThostFtdcTraderApi.CreateFtdcTraderApi()
    spi = Bridge()
    api.RegisterSpi(spi)
    api.RegisterFront("tcp://203.0.113.7:10201")
    api.SubscribePrivateTopic(td.THOST_TERT_RESTART)
    api.SubscribePublicTopic(td.THOST_TERT_RESTART)
    api.Init()
    print(json.dumps({"structs": len(SCHEMA), "fields": sum(map(len, SCHEMA.values())), "callbacks": len(callbacks)}))
    for line in sys.stdin:
        command = json.loads(line)
        if "wait" in command:
            while True:
                item = out.get(timeout=40)
                print(json.dumps(item, ensure_ascii=False))
                if item["callback"] == command["wait"] and item["arguments"][-1:] != [False]:
                    break
        else:
            kind = command["kind"]
            code = getattr(api, command["method"])(to_field(kind, command["values"]), command["id"])
            print(json.dumps({"sent": command["method"], "code": code}))
    api.RegisterSpi(None)
    api.Release()


main()
