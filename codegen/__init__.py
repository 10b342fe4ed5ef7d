"""Writes what is generated from the installed openctp-ctp: the messages, the catalog, and protoc's Python for them.

    python -m codegen           write
    python -m codegen --check   write elsewhere, compare, name what differs; exit status 1 when anything does

`proto_text` knows how a catalog reads as .proto files, `field_numbers` keeps numbers from ever changing,
`output` assembles all files of one run, `protoc` compiles; `terminal_methods` has a command of its own.
"""
