"""Parameters of operations: what they are, and whether those of a request are such."""

import inspect
import math

from .. import limits
from .audit import sounds_secret

_TYPES = {float: "double", int: "int", bool: "bool", str: "string"}
_NAMES = {
    "double": "a number", "int": "an integer", "bool": "true or false",
    "string": f"a text of at most {limits.PARAMETER_TEXT:,} bytes",
}
REQUIRED = object()


class ParameterError(ValueError):
    """Why parameters are refused: the parameter, its value, what is possible."""


class Parameter:
    """One parameter of an operation, given as the default of the function's argument.

        def set_heater(session, watts: float = Parameter(range=(0, 1), unit="W")): …

    Without `default` it has to be given. `range` are the smallest and the largest value that are
    possible, `choices` the texts. A `secret` one is shown in no audit and no error.
    """

    def __init__(
        self, default=REQUIRED, range=None, unit=None, choices=None, help="", type=None,
        secret=False,
    ):
        self.name = ""
        self.default = default
        self.range = None if range is None else (float(range[0]), float(range[1]))
        self.unit = unit
        self.choices = None if choices is None else list(choices)
        self.help = help
        self.type = type
        self._is_secret = secret

    @property
    def is_secret(self):
        """Whether it was declared so, or has a name that sounds like one."""
        return self._is_secret or sounds_secret(self.name)

    @property
    def value(self):
        """The parameter as `describe` shows it."""
        is_required = self.default is REQUIRED
        return {
            "name": self.name, "type": self.type, "range": self.range and list(self.range),
            "choices": self.choices, "default": None if is_required else self.default,
            "required": is_required, "unit": self.unit, "help": self.help,
            "secret": self.is_secret,
        }

    @property
    def expectation(self):
        """What is possible, as a phrase."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        low, high = self.range or (0, 0)
        bounds = f" from {low:g} to {high:g}" if self.range else ""
        return _NAMES[self.type] + bounds + (f" ({self.unit})" if self.unit else "")

    def check(self, value):
        """The value as the operation gets it; ParameterError if it is not possible."""
        good = {
            "double": isinstance(value, (int, float)) and not isinstance(value, bool)
            and math.isfinite(value),
            "int": (isinstance(value, int) or isinstance(value, float) and value.is_integer())
            and not isinstance(value, bool),
            "bool": isinstance(value, bool),
            "string": isinstance(value, str),
        }[self.type]
        is_inside = good and (
            (self.range is None or self.range[0] <= value <= self.range[1])
            and (self.choices is None or value in self.choices)
            and (self.type != "string" or len(value.encode()) <= limits.PARAMETER_TEXT)
        )
        if not is_inside:
            found = f"`{value[:100]}`" if isinstance(value, str) else repr(value)[:100]
            found = "(secret)" if self.is_secret else found
            raise ParameterError(f"parameter `{self.name}` is {found}; expected {self.expectation}")
        return {"double": float, "int": int, "bool": bool, "string": str}[self.type](value)


def parameters_of(function):
    """The parameters of a function, whose first argument is the session.

    The type is the annotation's, else the default's.
    """
    found = []
    arguments = list(inspect.signature(function).parameters.values())
    for argument in arguments[1:]:
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            raise TypeError(f"{function.__name__}: write its parameters out, not *args or **more")
        item = argument.default
        if not isinstance(item, Parameter):
            item = Parameter(REQUIRED if item is argument.empty else item)
        item.name = argument.name
        if item.type is None:
            note = argument.annotation
            names = {kind.__name__: kind for kind in _TYPES}
            kind = names.get(note, note) if isinstance(note, str) else note
            kind = type(item.default) if kind is argument.empty else kind
            item.type = _TYPES.get(kind)
        if item.type not in _NAMES:
            raise TypeError(
                f"parameter `{item.name}` of {function.__name__} has no type: annotate it with "
                "float, int, bool or str"
            )
        if item.default is not REQUIRED:
            item.default = item.check(item.default)
        found.append(item)
    return found


def checked(parameters, given):
    """The keyword arguments of an operation out of those of a request."""
    if not isinstance(given, dict):
        raise ParameterError("the parameters are no map")
    known = [item.name for item in parameters]
    for name in sorted(map(str, given)):
        if name not in known:
            there = f"there are {', '.join(known)}" if known else "the operation takes none"
            raise ParameterError(f"there is no parameter `{name}`; {there}")
    values = {}
    for item in parameters:
        value = given.get(item.name)
        if value is None:
            if item.default is REQUIRED:
                raise ParameterError(
                    f"parameter `{item.name}` is missing; give {item.expectation}"
                )
            value = item.default
        values[item.name] = item.check(value)
    return values
