"""CloudWatch metric math, as far as alarms of this project could use it.

An expression is read with Python's own grammar, whose arithmetic, comparisons, calls and lists are the same; what is no
part of metric math is refused. Source: CloudWatch User Guide, "Using math expressions with CloudWatch metrics".
"""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Series = Mapping[float, float]
"""Values by the beginning of their period; what is missing is missing."""
Value = float | Series | list[Series]

_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: lambda a, b: float(a > b),
    ast.GtE: lambda a, b: float(a >= b),
    ast.Lt: lambda a, b: float(a < b),
    ast.LtE: lambda a, b: float(a <= b),
    ast.Eq: lambda a, b: float(a == b),
    ast.NotEq: lambda a, b: float(a != b),
}
_SUMMARIES: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "MIN": min,
    "MAX": max,
    "AVG": lambda values: sum(values) / len(values),
}
_ARGUMENTS = {"FILL": (2, 2), "IF": (2, 3), "METRICS": (0, 0), "PERIOD": (1, 1), **dict.fromkeys(_SUMMARIES, (1, 1))}


class ExpressionError(ValueError):
    """An expression that is no metric math, or more of it than is known here."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression over metrics with these ids."""

    tree: ast.expr

    @classmethod
    def parse(cls, text: str, ids: Sequence[str]) -> "Expression":
        """Raises ExpressionError with what is not understood."""
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            raise ExpressionError(f"the expression {text!r} cannot be read: {error.msg}") from error
        _check(tree, frozenset(ids), text)
        return cls(tree)

    def evaluate(self, metrics: Mapping[str, Series], period: int, grid: Sequence[float]) -> Series:
        """The expression's values over `grid`, the beginnings of all periods that are asked for."""
        value = _Evaluator(metrics, period, grid).value(self.tree)
        if isinstance(value, list):
            raise ExpressionError("the expression gives several series; an alarm needs one")
        return value if isinstance(value, Mapping) else dict.fromkeys(grid, value)


def _check(node: ast.expr, ids: frozenset[str], text: str) -> None:
    match node:
        case ast.Constant(value=int() | float()):
            return
        case ast.Name(id=name) if name in ids:
            return
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            parts = [operand]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            parts = [left, right]
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
            parts = [left, right]
        case ast.List(elts=parts):
            pass
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in _ARGUMENTS:
            fewest, most = _ARGUMENTS[name]
            if not fewest <= len(parts) <= most:
                raise ExpressionError(f"{name} takes {fewest} to {most} arguments, not {len(parts)}: {text!r}")
        case _:
            raise ExpressionError(f"{ast.unparse(node)!r} is not understood in the expression {text!r}")
    for part in parts:
        _check(part, ids, text)


@dataclass(frozen=True, slots=True)
class _Evaluator:
    metrics: Mapping[str, Series]
    period: int
    grid: Sequence[float]

    def value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=number):
                return float(number)  # type: ignore[arg-type]  # checked when parsed
            case ast.Name(id=name):
                return self.metrics[name]
            case ast.UnaryOp(operand=operand):
                return _combined(operator.sub, 0.0, self.value(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return _combined(_OPERATORS[type(op)], self.value(left), self.value(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return _combined(_OPERATORS[type(op)], self.value(left), self.value(right))
            case ast.List(elts=parts):
                return [self._series(part) for part in parts]
            case ast.Call(func=ast.Name(id=name), args=parts):
                return self._call(name, parts)
        raise ExpressionError(f"{ast.unparse(node)!r} is not understood")

    def _call(self, name: str, parts: Sequence[ast.expr]) -> Value:
        if name == "PERIOD":
            return float(self.period)
        if name == "METRICS":
            return list(self.metrics.values())
        if name == "FILL":
            filling = self.value(parts[1])
            if isinstance(filling, list):
                raise ExpressionError("FILL takes a number or a series to fill with")
            other = filling if isinstance(filling, Mapping) else dict.fromkeys(self.grid, filling)
            return {**other, **self._series(parts[0])}
        if name == "IF":
            return self._either(*parts)
        found = self.value(parts[0])
        summary = _SUMMARIES[name]
        if not isinstance(found, list):
            return summary(list(found.values())) if isinstance(found, Mapping) and found else {}
        times = {time for series in found for time in series}
        return {time: float(summary([series[time] for series in found if time in series])) for time in sorted(times)}

    def _either(self, condition: ast.expr, then: ast.expr, otherwise: ast.expr | None = None) -> Series:
        chosen, other = self._series(then), self._series(otherwise) if otherwise is not None else {}
        picked = {time: chosen if held else other for time, held in self._series(condition).items()}
        return {time: series[time] for time, series in picked.items() if time in series}

    def _series(self, node: ast.expr) -> Series:
        value = self.value(node)
        if isinstance(value, list):
            raise ExpressionError(f"{ast.unparse(node)!r} is a list; one series is needed")
        return value if isinstance(value, Mapping) else dict.fromkeys(self.grid, value)


def _combined(combine: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """By time where both have a value; what is divided by zero has none."""
    if isinstance(left, list) or isinstance(right, list):
        raise ExpressionError("a list cannot be calculated with; SUM, MIN, MAX and AVG take one")
    if isinstance(left, Mapping):
        times = set(left) & set(right) if isinstance(right, Mapping) else set(left)
    elif isinstance(right, Mapping):
        times = set(right)
    else:
        return combine(left, right) if combine is not operator.truediv or right else {}
    found = {}
    for time in sorted(times):
        a = left[time] if isinstance(left, Mapping) else left
        b = right[time] if isinstance(right, Mapping) else right
        if not (combine is operator.truediv and b == 0):
            found[time] = combine(a, b)
    return found
