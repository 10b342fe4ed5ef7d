"""The script for zsh, with what each command and option is for, in the locale's language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from codegen.completion.places import FILE, FOLDER, MANY, Offered, Place, same_values
from codegen.pages import NOTE

_BODY = """
_FUNCTION_describe() { # KIND LINES...: name:English|Chinese
    local kind=$1 line
    local -a shown
    shift
    for line in "$@"; do
        if [[ ${(L)${LC_ALL:-${LC_MESSAGES:-$LANG}}} == zh* ]]; then
            shown+=("${line%%:*}:${line#*|}")
        else
            shown+=("${line%%|*}")
        fi
    done
    if [[ $kind == options ]]; then
        _describe -o option shown
    else
        _describe command shown
    fi
}

_FUNCTION() {
    local place=PROGRAM values='' awaiting='' rest='' given
    local -a below flags valued # `commands` and `options` are zsh's own
    integer at arguments=0
    _FUNCTION_place $place
    for ((at = 2; at < CURRENT; at++)); do
        given=${(Q)words[at]}
        if [[ -n $awaiting ]]; then
            awaiting=''
        elif [[ -n $rest ]]; then
            ((arguments += 1))
        elif [[ $given == -- ]]; then
            rest=yes
        elif ((${valued[(Ie)$given]})); then
            awaiting=$given
        elif [[ $given == -* ]]; then
            continue
        elif ((${below[(I)${(b)given}:*]})); then
            place+=" $given"
            _FUNCTION_place $place
        else
            ((arguments += 1))
        fi
    done
    if [[ -z $awaiting$rest && $PREFIX == --*=* ]]; then
        awaiting=${PREFIX%%=*}
        compset -P '*='
    fi
    if [[ -n $awaiting ]]; then
        _FUNCTION_values "$place $awaiting"
    elif [[ $PREFIX == -* && -z $rest ]]; then
        _FUNCTION_describe options $flags
        return
    else
        _FUNCTION_values "$place $((arguments + 1))"
        if [[ -z $values$rest ]]; then
            if (($#below)); then
                _FUNCTION_describe commands $below
            else
                _FUNCTION_describe options $flags
            fi
            return
        fi
    fi
    case $values in
    (FILE) _files ;;
    (FOLDER) _files -/ ;;
    (?*) compadd -- ${=values} ;;
    esac
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _FUNCTION "$@"
else
    compdef _FUNCTION PROGRAM
fi
"""


def zsh_script(program: str, places: Sequence[Place]) -> str:
    function = program.replace("-", "_")
    body = _BODY.replace("_FUNCTION", f"_{function}").replace("PROGRAM", program)
    body = body.replace("(FILE)", f"({FILE})").replace("(FOLDER)", f"({FOLDER})")
    lines = [
        f"#compdef {program}",
        f"# {NOTE}",
        f"_{function}_place() {{",
        "    case $1 in",
        *_tables(places),
        "    esac",
        "}",
        "",
        f"_{function}_values() {{",
        "    case $1 in",
        *_values(places),
        "    esac",
        "}",
    ]
    return "\n".join(lines) + "\n" + body


def _tables(places: Sequence[Place]) -> Iterator[str]:
    for place in places:
        yield f"    ('{place.path}')"
        yield from _array("below", place.commands)
        yield from _array("flags", place.options)
        yield f"        valued=({' '.join(place.valued)})"
        yield "        ;;"


def _array(name: str, offered: Iterable[Offered]) -> Iterator[str]:
    yield f"        {name}=("
    for each in offered:
        yield from (f"            '{flag}:{each.english}|{each.chinese}'" for flag in each.names)
    yield "        )"


def _values(places: Sequence[Place]) -> Iterator[str]:
    for values, keys in same_values(places):
        patterns = "|".join(f"'{path} '[0-9]*" if key == MANY else f"'{path} {key}'" for path, key in keys)
        yield f"    ({patterns}) values='{values}' ;;"
