"""A bounded load: a few connections that send one request after the other for so many seconds."""

import socket
import threading
import time

_HEADER_END = b"\r\n\r\n"


def load(
    port: int, path: str, body: bytes, seconds: float, connections: int = 4
) -> tuple[list[float], float]:
    """Send ``body`` again and again; every answer has to be 200 with cards.

    The time of each answer in milliseconds, and how many seconds it all took.
    """
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json"
    message = f"{head}\r\nContent-Length: {len(body)}".encode() + _HEADER_END + body
    begun = time.perf_counter()
    times: list[list[float]] = [[] for _ in range(connections)]
    threads = [
        threading.Thread(target=lambda mine=mine: mine.extend(_send_for(port, message, seconds)))
        for mine in times
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [each * 1000 for mine in times for each in mine], time.perf_counter() - begun


def quantile(ordered: list[float], part: float) -> float:
    """The value below which that part of the ordered values lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def _send_for(port: int, message: bytes, seconds: float) -> list[float]:
    times = []
    until = time.perf_counter() + seconds
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (begun := time.perf_counter()) < until:
            connection.sendall(message)
            _receive(connection)
            times.append(time.perf_counter() - begun)
    return times


def _receive(connection: socket.socket) -> None:
    data = b""
    while _HEADER_END not in data:
        data += _more(connection)
    head, _, body = data.partition(_HEADER_END)
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
    while len(body) < length:
        body += _more(connection)
    if b" 200 " not in lines[0] or b'"cards"' not in body:
        raise RuntimeError(f"not an answer: {data[:200]!r}")


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(1 << 16)
    if not received:
        raise RuntimeError("the server closed the connection")
    return received
