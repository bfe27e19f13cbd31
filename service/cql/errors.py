"""Every error of the CQL runtime.

    CqlError
    ├── LoadError                   a library that cannot be used; raised by ``Engine(...)``
    │   ├── MalformedLibrary        not ELM as the specification has it
    │   ├── UnknownLibrary          an include that is not among the libraries
    │   ├── UnknownNode             an ELM node, function or reference that the engine does not know
    │   └── UnknownValueSet         a value set whose codes the engine was not given
    ├── UnknownDefine               asked for a define that no library has
    └── EvaluationError             a run-time error of CQL, with the library and define it arose in
        └── LimitExceeded           the evaluation took more steps, or longer, than it may

Messages name content (libraries, defines, nodes, urls) and types, never a patient's data.
"""


class CqlError(Exception):
    """Anything that the CQL runtime raises of its own accord."""


class LoadError(CqlError):
    """A library that cannot be used."""


class MalformedLibrary(LoadError):
    """JSON that is not an ELM library, or lacks what ELM requires."""

    def __init__(self, library: str, reason: str) -> None:
        super().__init__(f"library {library}: {reason}")
        self.library = library
        self.reason = reason


class UnknownLibrary(LoadError):
    """An included library that the engine was not given."""

    def __init__(self, library: str, included: str) -> None:
        super().__init__(f"library {library} includes {included}, which is not there")
        self.library = library
        self.included = included


class UnknownNode(LoadError):
    """An ELM node (or a name it refers to) that the engine does not know."""

    def __init__(self, library: str, define: str, node: str) -> None:
        super().__init__(f"{library}.{define}: unknown {node}")
        self.library = library
        self.define = define
        self.node = node


class UnknownValueSet(LoadError):
    """A value set whose codes the engine was not given."""

    def __init__(self, url: str, library: str | None = None) -> None:
        super().__init__(f"{f'library {library}: ' if library else ''}unknown value set {url}")
        self.url = url
        self.library = library


class UnknownDefine(CqlError):
    """A define that the library does not have, or a library that is not there."""

    def __init__(self, library: str, define: str) -> None:
        super().__init__(f"no define {library}.{define}")
        self.library = library
        self.define = define


class EvaluationError(CqlError):
    """A run-time error of CQL; ``library`` and ``define`` name the innermost define it arose in."""

    def __init__(self, reason: str, library: str | None = None, define: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.library = library
        self.define = define

    def __str__(self) -> str:
        return f"{self.library}.{self.define}: {self.reason}" if self.library else self.reason


class LimitExceeded(EvaluationError):
    """An evaluation that took more steps, or longer, than its Limits allow."""
