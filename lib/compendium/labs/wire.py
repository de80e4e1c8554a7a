"""Call functions in a process that is not trusted: values over a connection, without pickle.

Two `Peer`s hold the ends of a connection. Each calls functions of the other and answers the other's calls,
also while it waits for an answer. A message is JSON, followed by the bytes of its arrays. What arrives
becomes a plain value: None, bool, int, float, str, `...`, list, tuple, dict, a NumPy array or scalar, a
`numpy.random.Generator`, a Keras network of Keras's own layers, or a function that calls back. An array goes
as its bytes, shape and type rather than as .npy, whose header can promise more than there is.

Arrays, generators and networks that a function changes in place are changed at the caller's, too.
"""

import builtins
import json
import re
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from compendium.errors import MOST_SAID, one_line

MOST_TEXT = 8 * 2**20  # bytes of JSON in a message
MOST_ARRAYS = 256 * 2**20  # bytes of all arrays in a message
ENDED = "the notebook's process has ended"

_ARRAY_TYPE = re.compile(r"[<>|](b1|[iu][1248]|f[248]|c8|c16|U\d{1,4})")
_OWN_MODULES = ("keras", "builtins", "compendium.models")
_MALFORMED = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError),
    *(ArithmeticError, RecursionError, MemoryError),
)


class WireError(Exception):
    """The other side is gone, late, or sent what is no message; nothing more can be had of it."""


class Peer:
    """One end of a connection, whose other end may send anything.

    Attributes:
        broken: why the other side cannot be talked to any more, "" as long as it can.
        busy: how many functions of this side are being called, each by one that is called by the one before.
    """

    def __init__(self, connection: Connection, functions: list[Callable] | None = None) -> None:
        """Offer `functions` to the other side, which calls them by their position with `remote`."""
        self._connection = connection
        self._functions = list(functions or [])
        self.broken = ""
        self.busy = 0

    def remote(self, position: int, name: str = "function") -> Callable:
        """Return a function that calls the other side's at that position.

        It raises what that one raises, if the exception is Python's own, else RuntimeError; TypeError for
        values that cannot be sent or made use of; WireError.
        """

        def function(*arguments: object, **named: object) -> Any:
            return self._call(position, list(arguments), named)

        function.__name__ = function.__qualname__ = name
        function.wire_position = (self, position)
        return function

    def serve(self) -> None:
        """Answer calls until the other side closes the connection, or breaks it."""
        with suppress(WireError):
            while True:
                self._answer(*self._receive())

    def break_off(self, reason: str) -> WireError:
        """Give the other side up; return the error that says why."""
        self.broken = self.broken or reason
        self._connection.close()
        return WireError(self.broken)

    def _call(self, position: int, arguments: list, named: dict) -> Any:
        if self.broken:
            raise WireError(self.broken)
        call, writer = secrets.token_hex(8), _Writer(self)
        self._send(
            writer.message({"call": call, "function": position, "with": writer.encode([arguments, named])})
        )
        message, arrays = self._receive()
        while "call" in message:
            self._answer(message, arrays)
            message, arrays = self._receive()
        if message.get("answer") != call:
            raise self.break_off("the notebook sent an answer that nobody asked for")
        reader = _Reader(self, arrays)
        try:
            for number, encoded in message["changed"]:
                _change(writer.changeable[number], reader.decode(encoded))
            if "error" not in message:
                return reader.decode(message["value"])
            kind, said = map(str, message["error"])
        except _MALFORMED as fault:
            raise TypeError(f"what came back cannot be checked ({one_line(fault)})") from None
        raise _exception(kind, said)

    def _answer(self, message: dict, arrays: list[bytes]) -> None:
        """Call what the other side asks for, and send what comes of it."""
        reader = _Reader(self, arrays)
        try:
            call, function = message["call"], self._functions[message["function"]]
            arguments, named = reader.decode(message["with"])
        except _MALFORMED as fault:
            raise self.break_off(
                f"the notebook sent a call that cannot be used ({one_line(fault)})"
            ) from None
        before = [_state(one) for one in reader.changeable]
        self.busy += 1
        try:
            writer = _Writer(self)
            came = {"value": writer.encode(function(*arguments, **named))}
            parts = writer.message({"answer": call, "changed": writer.changes(before, reader), **came})
        except (Exception, KeyboardInterrupt, SystemExit, GeneratorExit) as fault:
            writer = _Writer(self)
            came = {"error": [type(fault).__name__, one_line(fault)]}
            parts = writer.message({"answer": call, "changed": writer.changes(before, reader), **came})
        finally:
            self.busy -= 1
        self._send(parts)

    def _send(self, parts: list[bytes]) -> None:
        try:
            for part in parts:
                self._connection.send_bytes(part)
        except OSError:
            raise self.break_off(ENDED) from None

    def _receive(self) -> tuple[dict, list[bytes]]:
        try:
            message = dict(json.loads(self._connection.recv_bytes(MOST_TEXT)))
            arrays, room = [], MOST_ARRAYS
            for _ in range(message["arrays"]):
                arrays.append(self._connection.recv_bytes(room))
                room -= len(arrays[-1])
        except (EOFError, ConnectionError):
            raise self.break_off(ENDED) from None
        except _MALFORMED:
            raise self.break_off("the notebook sent something that is not a message") from None
        return message, arrays


class _Writer:
    """Makes JSON of values; their arrays are put aside, those that a function could change remembered."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.arrays: list[bytes] = []
        self.changeable: list[Any] = []

    def encode(self, value: Any) -> Any:
        """Return JSON for a value; raises TypeError where there is none."""
        match value:
            case np.generic():
                return {"scalar": self._array(np.asarray(value))}
            case None | bool():
                return value
            case int() | float() | str():
                return next(kind(value) for kind in (int, float, str) if isinstance(value, kind))
            case complex():
                return {"complex": [value.real, value.imag]}
            case _ if value is ...:
                return {"ellipsis": 0}
            case list():
                return [self.encode(one) for one in value]
            case tuple():
                return {"tuple": [self.encode(one) for one in value]}
            case dict():
                return {"dict": [[self.encode(key), self.encode(one)] for key, one in value.items()]}
            case np.random.Generator():
                self.changeable.append(value)
                return {"generator": self.encode(value.bit_generator.state)}
            case _ if _is_network(value):
                return {"network": self._network(value)}
            case _ if callable(value):
                return {"function": self._function(value)}
            case _ if hasattr(value, "__array__"):
                array = np.asarray(value)
                self.changeable.append(array)
                return {"array": self._array(array)}
        raise TypeError(f"a value of type {type(value).__name__} cannot be checked")

    def message(self, body: dict) -> list[bytes]:
        """Return what is to be sent; raises TypeError if it is too large."""
        text = json.dumps({**body, "arrays": len(self.arrays)}).encode()
        if len(text) > MOST_TEXT:
            raise TypeError("a value is too large to be checked")
        return [text, *self.arrays]

    def changes(self, before: list[Any], reader: "_Reader") -> list:
        """Return the new states, by their positions, of those values read that are no longer as before."""
        after = map(_state, reader.changeable)
        return [
            [number, self.encode(new)]
            for number, (old, new) in enumerate(zip(before, after, strict=True))
            if not _same(old, new)
        ]

    def _array(self, array: np.ndarray) -> list:
        if not _ARRAY_TYPE.fullmatch(array.dtype.str):
            raise TypeError(f"an array of {array.dtype} cannot be checked")
        if array.nbytes + sum(map(len, self.arrays)) > MOST_ARRAYS:
            raise TypeError("a value is too large to be checked")
        self.arrays.append(array.tobytes())
        return [len(self.arrays) - 1, array.dtype.str, list(array.shape), array.flags.writeable]

    def _network(self, network: Any) -> list:
        self.changeable.append(network)
        return [network.to_json(), [self._array(weight) for weight in network.get_weights()]]

    def _function(self, function: Callable) -> list:
        owner, position = getattr(function, "wire_position", (None, 0))
        if owner is self.peer:
            return ["yours", position]
        functions = self.peer._functions
        known = (number for number, one in enumerate(functions) if one is function)
        if (position := next(known, None)) is None:
            position = len(functions)
            functions.append(function)
        return ["mine", position, str(getattr(function, "__name__", "function"))]


class _Reader:
    """Makes values of JSON and arrays; raises one of `_MALFORMED` where that cannot be."""

    def __init__(self, peer: Peer, arrays: list[bytes]) -> None:
        self.peer = peer
        self.arrays = arrays
        self.changeable: list[Any] = []

    def decode(self, encoded: Any) -> Any:
        match encoded:
            case None | bool() | int() | float() | str():
                return encoded
            case list():
                return [self.decode(one) for one in encoded]
            case dict() if len(encoded) == 1:
                ((kind, content),) = encoded.items()
                return self._special(kind, content)
        raise ValueError("an unknown value")

    def _special(self, kind: str, content: Any) -> Any:
        match kind:
            case "scalar":
                return self._array(content)[()]
            case "complex":
                return complex(*content)
            case "ellipsis":
                return ...
            case "tuple":
                return tuple(self.decode(one) for one in content)
            case "dict":
                return {self.decode(key): self.decode(one) for key, one in content}
            case "array":
                self.changeable.append(self._array(content))
                return self.changeable[-1]
            case "generator":
                generator = np.random.default_rng(0)
                generator.bit_generator.state = self.decode(content)
                self.changeable.append(generator)
                return generator
            case "network":
                self.changeable.append(self._network(*content))
                return self.changeable[-1]
            case "function":
                return self._function(*content)
        raise ValueError("an unknown kind of value")

    def _array(self, content: list) -> np.ndarray:
        number, kind, shape, writeable = content
        if not _ARRAY_TYPE.fullmatch(kind):
            raise ValueError("an unknown kind of array")
        array = np.frombuffer(bytearray(self.arrays[number]), np.dtype(kind)).reshape(shape)
        array.flags.writeable = bool(writeable)
        return array

    def _network(self, text: str, weights: list) -> Any:
        config = dict(json.loads(text))
        network = _built(config)
        if network is None:  # perhaps for a loss of the student's own
            network = _built({**config, "compile_config": None})
        if network is None:
            raise ValueError("a network can be checked only if all of its layers are Keras's own")
        network.set_weights([self._array(weight) for weight in weights])
        return network

    def _function(self, whose: str, position: int, name: str = "function") -> Callable:
        if whose == "yours":
            return self.peer._functions[position]
        return self.peer.remote(int(position), str(name)[:MOST_SAID])


def _is_network(value: Any) -> bool:
    keras = sys.modules.get("keras")  # a network exists only where Keras is imported
    return keras is not None and isinstance(value, keras.Model)


def _built(config: dict) -> Any:
    """Return the network that Keras describes so, None if there is none, or it needs more than Keras."""
    if not _only_own(config):
        return None
    import keras  # slow, and most tasks have no network

    try:
        network = keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception:  # Keras raises anything
        return None
    return network if isinstance(network, keras.Model) else None


def _only_own(config: Any) -> bool:
    """Whether nothing in a network's description is taken from a module other than those known."""
    if isinstance(config, dict):
        module = config.get("module")
        known = module is None or any(f"{module}.".startswith(f"{one}.") for one in _OWN_MODULES)
        return known and all(map(_only_own, config.values()))
    return not isinstance(config, list) or all(map(_only_own, config))


def _state(value: Any) -> Any:
    """Return what can be compared later, and sent: a copy of an array, a generator's state, weights."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    return value.get_weights()


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, np.ndarray):
        return old.shape == new.shape and old.dtype == new.dtype and old.tobytes() == new.tobytes()
    if isinstance(old, list):
        return len(old) == len(new) and all(map(_same, old, new))
    return str(old) == str(new)


def _change(value: Any, state: Any) -> None:
    """Put a state into a value; raises one of `_MALFORMED` where it is not the state of such a value."""
    if isinstance(value, np.ndarray):
        if not isinstance(state, np.ndarray) or (state.shape, state.dtype) != (value.shape, value.dtype):
            raise ValueError("an array has become another")
        value[...] = state
    elif isinstance(value, np.random.Generator):
        value.bit_generator.state = state
    else:
        value.set_weights(state)


def _exception(kind: str, said: str) -> Exception:
    """Return an exception of that kind if it is Python's own, which a check may expect, else RuntimeError."""
    known = getattr(builtins, kind, None)
    if isinstance(known, type) and issubclass(known, Exception):
        try:
            return known(said[:MOST_SAID])
        except TypeError:
            pass
    return RuntimeError(f"{kind}: {said}"[:MOST_SAID])
