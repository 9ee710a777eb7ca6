"""The parent process of `hospes serve`: starts the others, replaces those that die, ends them in order."""

import errno
import os
import select
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

import msgspec

from hospes.base import lifeline
from hospes.base.clock import Clock, SystemClock
from hospes.base.errors import Misconfigured
from hospes.base.postgres import EmbeddedPostgres

_TICK_SECONDS = 0.5
_KILL_SECONDS = 5
_SOONEST_SECONDS = 0.2
_LATEST_SECONDS = 5.0
_PROVEN_SECONDS = 30
_POSTGRES_PROVEN_SECONDS = 1  # everybody waits for it
_BACKLOG = 2048
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Child(msgspec.Struct, frozen=True):
    """A process to keep running. `env` is added to our own environment."""

    name: str
    argv: list[str]
    env: Mapping[str, str] = {}
    pass_fds: tuple[int, ...] = ()


class Supervisor:
    """Keeps children, and PostgreSQL when it is embedded, running until SIGTERM, SIGINT or SIGHUP.

    Children lead sessions of their own, so Ctrl-C in a terminal reaches this process alone. They
    should call `lifeline.watch`, which ends them when this process is killed, and `lifeline.wait_at_gate`
    before they need what `preparing` makes.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        say: Callable[[str], None],
        postgres: EmbeddedPostgres | None = None,
        grace_seconds: float = 30,
        clock: Clock | None = None,
    ) -> None:
        self._say = say
        self._clock = clock or SystemClock()
        self._postgres = postgres
        self._postgres_pause = Pause(self._clock, proven_seconds=_POSTGRES_PROVEN_SECONDS)
        self._grace_seconds = grace_seconds
        self._asked = 0
        self._lifeline, self._lifeline_held = os.pipe()
        self._gate, self._gate_held = os.pipe()
        self._is_gate_open = False
        ends = {lifeline.VARIABLE: self._lifeline, lifeline.GATE: self._gate}
        self._children = [_Running(child, ends, self._clock, say) for child in children]

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """The children load their modules while the caller makes what they need, and wait for it at the gate.

        Goes before `run`. When the making fails, nothing is left running.
        """
        try:
            self._start_children()
            yield
        except BaseException:
            self._leave_nothing()
            raise

    def run(self) -> int:
        """Return the exit status once all has ended: 0, or 1 when a second signal cut the ending short.

        Must be called in the main thread, once. Raises Misconfigured when PostgreSQL, and OSError
        when a child, cannot be started at all; nothing is then left running.
        """
        with _signals(self._hear) as ear:
            try:
                self._start()
                while not self._asked:
                    _listen(ear, self._until_next_due())
                    self._tend()
                self._end_children(ear)
            finally:
                self._leave_nothing()
        return 0 if self._asked < 2 else 1

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self._asked += 1

    def _start(self) -> None:
        if self._postgres:
            self._postgres.start(give_up=self._is_asked)
        self._start_children()
        self._open_gate()

    def _start_children(self) -> None:
        for child in self._children:
            if not self._asked and not child.is_started():
                child.start()

    def _open_gate(self) -> None:
        if not self._is_gate_open:
            os.close(self._gate_held)
        self._is_gate_open = True

    def _is_asked(self) -> bool:
        return self._asked > 0

    def _is_pressed(self) -> bool:
        return self._asked > 1

    def _until_next_due(self) -> float:
        waits = [child.due_in() for child in self._children if not child.is_running()]
        return min([_TICK_SECONDS, *waits])

    def _tend(self) -> None:
        if self._postgres and not self._postgres.is_running() and not self._asked:
            self._restart_postgres(self._postgres)
        for child in self._children:
            if not self._asked:
                child.tend()

    def _restart_postgres(self, postgres: EmbeddedPostgres) -> None:
        if not self._postgres_pause.is_over():
            return
        self._say("PostgreSQL stopped. Starting it again.")
        self._postgres_pause.begin()
        try:
            postgres.restart_if_dead(give_up=self._is_asked)
        except Misconfigured as error:
            self._say(error.message)

    def _end_children(self, ear: socket.socket) -> None:
        """SIGTERM in the order given; SIGKILL to whoever has not ended when the grace is over."""
        for child in self._children:
            child.signal(signal.SIGTERM)
        deadline = self._clock.monotonic() + self._grace_seconds
        while any(child.is_running() for child in self._children) and not self._is_pressed():
            left = deadline - self._clock.monotonic()
            if left <= 0:
                names = ", ".join(child.name for child in self._children if child.is_running())
                self._say(f"Did not end within {self._grace_seconds:g} s, killing: {names}.")
                return
            _listen(ear, min(left, _TICK_SECONDS))

    def _leave_nothing(self) -> None:
        """PostgreSQL last: children write until they end."""
        for child in self._children:
            child.kill()
        if self._postgres:
            self._postgres.stop(hurry=self._is_pressed)
        self._open_gate()
        for end in (self._lifeline, self._lifeline_held, self._gate):
            os.close(end)


class Pause:
    """How long to wait before the next restart: 0.2 s, doubled each time up to 5 s."""

    def __init__(self, clock: Clock, *, proven_seconds: float) -> None:
        """Who lived for `proven_seconds` after the last pause is trusted anew."""
        self._clock = clock
        self._proven_seconds = proven_seconds
        self._seconds = _SOONEST_SECONDS
        self._ends_at = float("-inf")

    def begin(self) -> float:
        """Returns for how many seconds."""
        now = self._clock.monotonic()
        is_proven = now - self._ends_at >= self._proven_seconds
        self._seconds = _SOONEST_SECONDS if is_proven else min(self._seconds * 2, _LATEST_SECONDS)
        self._ends_at = now + self._seconds
        return self._seconds

    def left(self) -> float:
        """Seconds, 0 when it is over."""
        return max(0.0, self._ends_at - self._clock.monotonic())

    def is_over(self) -> bool:
        return self.left() == 0


class _Running:
    """A child and its present process."""

    def __init__(self, child: Child, ends: Mapping[str, int], clock: Clock, say: Callable[[str], None]) -> None:
        """`ends` are pipes it inherits, by the variables that tell it their numbers."""
        self.name = child.name
        self._child = child
        self._ends = ends
        self._say = say
        self._pause = Pause(clock, proven_seconds=_PROVEN_SECONDS)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        child = self._child
        self._process = subprocess.Popen(  # noqa: S603 - the command is ours
            child.argv,
            env={**os.environ, **child.env, **{name: str(end) for name, end in self._ends.items()}},
            pass_fds=(*child.pass_fds, *self._ends.values()),
            start_new_session=True,
        )

    def is_started(self) -> bool:
        """Whether it ever was: one that died since is tended."""
        return self._process is not None

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def due_in(self) -> float:
        return self._pause.left()

    def tend(self) -> None:
        """Note a death, and start again when the pause after it is over."""
        if self._process and self._process.poll() is not None:
            code, self._process = self._process.returncode, None
            self._say(f"{self.name} {_in_words(code)}. Starting it again in {self._pause.begin():g} s.")
        if self._process is None and self._pause.is_over():
            self._start_again()

    def _start_again(self) -> None:
        try:
            self.start()
        except OSError as error:
            seconds = self._pause.begin()
            self._say(f"{self.name} cannot be started ({error.strerror}). Trying again in {seconds:g} s.")

    def signal(self, number: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it and what it started, if it still runs, by force."""
        if self._process and self.is_running():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_KILL_SECONDS)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket that children can inherit; port 0 takes any free one.

    Raises Misconfigured when the port is taken or forbidden, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError):
        raise _no_such(host) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _refused(error, host, port) from None
    listener.set_inheritable(True)
    return listener


def _refused(error: OSError, host: str, port: int) -> Misconfigured:
    if error.errno == errno.EADDRINUSE:
        return Misconfigured(f"Port {port} is in use. Stop the other program, or choose another with --port.")
    if error.errno == errno.EACCES:
        return Misconfigured(f"Port {port} is reserved for root. Choose one above 1023 with --port.")
    return _no_such(host)


def _no_such(host: str) -> Misconfigured:
    return Misconfigured(f"{host} is not an address of this machine. Choose another with --host.")


def _in_words(code: int) -> str:
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


@contextmanager
def _signals(hear: Callable[[int, FrameType | None], None]) -> Iterator[socket.socket]:
    """While inside, `hear` gets the signals that ask to end, and any signal makes the socket readable."""
    ear, mouth = socket.socketpair()
    ear.setblocking(False)
    mouth.setblocking(False)
    handlers: dict[int, Callable[[int, FrameType | None], None]] = dict.fromkeys(_ENDING, hear)
    handlers[signal.SIGCHLD] = lambda _number, _frame: None  # a death is to wake us, too
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup
        del handlers[signal.SIGHUP]
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    woken_before = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    try:
        yield ear
    finally:
        signal.set_wakeup_fd(woken_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        ear.close()
        mouth.close()


def _listen(ear: socket.socket, seconds: float) -> None:
    """Until a signal, the death of a child among them, or for so many seconds."""
    if select.select([ear], [], [], seconds)[0]:
        with suppress(BlockingIOError):
            ear.recv(4096)
