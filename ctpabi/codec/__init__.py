"""Struct bytes <-> Python values <-> protobuf messages, by the catalog.

* `text`     CTP's GB18030 strings
* `layout`   whole structs: bytes <-> Python values
* `cells`    single fields of a struct, read and written in place
* `messages` struct bytes <-> protobuf messages; `wire` is its fast path
"""
