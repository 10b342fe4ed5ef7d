"""The script for bash 4.4 or newer; it needs nothing of the bash-completion package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codegen.completion.places import FILE, FOLDER, MANY, Place, same_values
from codegen.pages import NOTE

_BODY = """
_FUNCTION() {
    local place=PROGRAM word=${COMP_WORDS[COMP_CWORD]} commands options valued values='' awaiting='' rest='' given at arguments=0
    COMPREPLY=()
    _FUNCTION_place "$place"
    for ((at = 1; at < COMP_CWORD; at++)); do
        given=${COMP_WORDS[at]}
        if [[ $awaiting ]]; then
            [[ $given == '=' ]] || awaiting='' # bash takes --name=value for three words
        elif [[ $rest ]]; then
            arguments=$((arguments + 1))
        elif [[ $given == -- ]]; then
            rest=yes
        elif [[ " $valued " == *" $given "* ]]; then
            awaiting=$given
        elif [[ $given == -* ]]; then
            continue
        elif [[ " $commands " == *" $given "* ]]; then
            place+=" $given"
            _FUNCTION_place "$place"
        else
            arguments=$((arguments + 1))
        fi
    done
    if [[ $awaiting ]]; then
        [[ $word == '=' ]] && word=''
        _FUNCTION_values "$place $awaiting"
    elif [[ $word == -* && ! $rest ]]; then
        values=$options
    else
        _FUNCTION_values "$place $((arguments + 1))"
        [[ $values || $rest ]] || values=${commands:-$options}
    fi
    case $values in
    FILE) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    FOLDER) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word") ;;
    esac
}

complete -F _FUNCTION PROGRAM
"""


def bash_script(program: str, places: Sequence[Place]) -> str:
    function = program.replace("-", "_")
    body = _BODY.replace("_FUNCTION", f"_{function}").replace("PROGRAM", program)
    body = body.replace("    FILE)", f"    {FILE})").replace("    FOLDER)", f"    {FOLDER})")
    lines = [
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
        commands = " ".join(command.names[0] for command in place.commands)
        options, valued = " ".join(place.option_names), " ".join(place.valued)
        yield f"    '{place.path}') commands='{commands}' options='{options}' valued='{valued}' ;;"


def _values(places: Sequence[Place]) -> Iterator[str]:
    for values, keys in same_values(places):
        patterns = " | ".join(f"'{path} '[0-9]*" if key == MANY else f"'{path} {key}'" for path, key in keys)
        yield f"    {patterns}) values='{values}' ;;"
