"""The script for fish 3, with what each command and option is for, in the locale's language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codegen.completion.places import FILE, FOLDER, MANY, Offered, Place, same_values
from codegen.pages import NOTE

_BODY = """
function _FUNCTION_describe # name, English, Chinese, name, ...
    set -l column 2
    for name in LC_ALL LC_MESSAGES LANG
        if test -n "$$name"
            string match -qi 'zh*' -- $$name; and set column 3
            break
        end
    end
    while set -q argv[3]
        printf '%s\\t%s\\n' $argv[1] $argv[$column]
        set argv $argv[4..-1]
    end
end

function _FUNCTION
    set -l place PROGRAM
    set -l awaiting
    set -l rest
    set -l prefix
    set -l arguments 1
    set -l typed (commandline -opc)
    for given in $typed[2..-1]
        if test -n "$awaiting"
            set awaiting
        else if test -n "$rest"
            set arguments (math $arguments + 1)
        else if test "$given" = --
            set rest yes
        else if contains -- $given (_FUNCTION_valued $place)
            set awaiting $given
        else if string match -q -- '-*' $given
            continue
        else if _FUNCTION_commands $place | string match -q -- "$given"\\t\\*
            set place "$place $given"
        else
            set arguments (math $arguments + 1)
        end
    end
    set -l word (commandline -ct)
    if test -z "$awaiting$rest"; and string match -q -- '--*=*' $word
        set awaiting (string split -m 1 = -- $word)[1]
        set prefix "$awaiting="
        set word (string split -m 1 = -- $word)[2]
    end
    if test -z "$awaiting$rest"; and string match -q -- '-*' $word
        _FUNCTION_options $place
        return
    end
    set -l key $arguments
    test -n "$awaiting"; and set key $awaiting
    set -l values (_FUNCTION_values "$place $key")
    if test -z "$values$awaiting$rest"
        _FUNCTION_commands $place | string match '*'
        or _FUNCTION_options $place
        return
    end
    switch "$values[1]"
        case FILE
            set values (__fish_complete_path $word)
        case FOLDER
            set values (__fish_complete_directories $word '')
    end
    for value in $values
        printf '%s\\n' "$prefix$value"
    end
end

complete -c PROGRAM -f -a '(_FUNCTION)'
"""


def fish_script(program: str, places: Sequence[Place]) -> str:
    function = f"__{program.replace('-', '_')}_complete"
    body = _BODY.replace("_FUNCTION", function).replace("PROGRAM", program)
    body = body.replace("case FILE", f"case {FILE}").replace("case FOLDER", f"case {FOLDER}")
    lines = [
        f"# {NOTE}",
        *_switch(
            f"{function}_commands", ((f"'{place.path}'", _described(function, place.commands)) for place in places)
        ),
        *_switch(f"{function}_options", ((f"'{place.path}'", _described(function, place.options)) for place in places)),
        *_switch(f"{function}_valued", ((f"'{place.path}'", _printed(place.valued)) for place in places)),
        *_switch(
            f"{function}_values", ((_patterns(keys), _printed(values.split())) for values, keys in same_values(places))
        ),
    ]
    return "\n".join(lines) + "\n" + body


def _switch(name: str, cases: Iterator[tuple[str, str]]) -> Iterator[str]:
    yield f"function {name}"
    yield "    switch $argv[1]"
    for pattern, line in cases:
        if line:
            yield f"        case {pattern}"
            yield f"            {line}"
    yield "    end"
    yield "end\n"


def _described(function: str, offered: Sequence[Offered]) -> str:
    words = (f"{flag} '{each.english}' '{each.chinese}'" for each in offered for flag in each.names)
    return f"{function}_describe {' '.join(words)}" if offered else ""


def _printed(words: Sequence[str]) -> str:
    return f"printf '%s\\n' {' '.join(words)}" if words else ""


def _patterns(keys: Sequence[tuple[str, str]]) -> str:
    """In fish `*` stands for anything: an option never ends in a digit."""
    return " ".join(f"'{path} '{{1,2,3,4,5,6,7,8,9}}'*'" if key == MANY else f"'{path} {key}'" for path, key in keys)
