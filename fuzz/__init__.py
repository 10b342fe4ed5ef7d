"""Coverage-guided fuzzing of everything that parses what comes from outside: `make fuzz`, or `python -m fuzz --list`.

* `targets`    the table: what is fuzzed, by which function, how much of a campaign it gets
* `rooms`      the targets' functions: bytes in, nothing out; a parser that breaks its promise raises
* `mutations`  how an input becomes another one: bytes, lines, JSON, TOML, protobuf, sequences of messages
* `cases`      the corpus: inputs that once broke something, one Python bytes literal a line; `tests/fuzz` plays them
* `worker`     plays one target in a process of its own, so that a crash of native code is a finding too
* `campaign`   shares the inputs out, runs two workers at a time, keeps what was found; `report` shows it
* `breaks`     parsers broken on purpose, to see that a campaign finds it
"""
