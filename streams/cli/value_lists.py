"""`--labels a.gz b.gz`: several values after one option, as a shell's wildcards give them.

The command line parser knows one value an option; the option is repeated for each before it looks.
"""

from collections.abc import Collection, Sequence


def repeat_options(arguments: Sequence[str], options: Collection[str]) -> list[str]:
    """The arguments with each of `options` repeated before each of its values; `--` ends that.

    >>> repeat_options(["--labels", "a", "b", "--out", "c"], ["--labels"])
    ['--labels', 'a', '--labels', 'b', '--out', 'c']
    """
    out: list[str] = []
    option, has_value = "", False
    for n, argument in enumerate(arguments):
        if argument == "--":
            return [*out, *arguments[n:]]
        name, equals, _ = argument.partition("=")
        if argument.startswith("-") and argument != "-":
            option, has_value = (name, bool(equals)) if name in options else ("", False)
            out.append(argument)
        else:
            out += [option, argument] if option and has_value else [argument]
            has_value = True
    return out
