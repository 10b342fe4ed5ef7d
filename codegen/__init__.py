"""Writes everything that is generated: messages, catalogs, the terminal's methods, and documents made by asking the code.

    python -m codegen           write
    python -m codegen --check   write elsewhere, compare, name what differs; exit status 1 when anything does

`proto_text` knows how a catalog reads as .proto files, `field_numbers` keeps numbers from ever changing, `protoc` compiles,
`output` writes and compares; `terminal_methods` and the modules of `pages` are asked for their `files()`.
"""
