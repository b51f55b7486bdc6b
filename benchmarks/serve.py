"""Requests a second of the playground's server: clients at once, batched and one request after the other.

``python -m benchmarks.serve MODEL``, a model folder that writes. Every client asks for a completion, waits
for it and asks again; prompts differ. "one at a time" is the same server with batches of one row. Rounds of
both alternate; figures are medians of their rounds, by the clock and by the server's processor time, which
other work on the machine disturbs less. The texts of both must be equal.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

PROMPTS = ("中国", "这本书", "酒店的", "今天", "北京", "我们", "经济", "服务")
CODE = """
import os, sys
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does before torch is loaded
import tokenmill.serving.worker as worker
worker.ROWS_AT_ONCE = int(sys.argv.pop(1))
from tokenmill.cli.main import main
main()
"""


@contextmanager
def server(folder: Path, rows: int) -> Iterator[tuple[int, psutil.Process]]:
    """The port and the process of a playground whose batches have at most so many rows."""
    command = [sys.executable, "-c", CODE, str(rows), "playground", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().rpartition(":")[2]), psutil.Process(process.pid)
        finally:
            process.terminate()


def ask(port: int, name: str, number: int, tokens: int, count: int) -> list[str]:
    """The texts of ``count`` requests of one client, one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    texts = []
    for each in range(count):
        prompt = f"{PROMPTS[(number + each) % len(PROMPTS)]}{number}"
        body = {"model": name, "prompt": prompt, "max_tokens": tokens, "temperature": 0.8}
        content = json.dumps(body)
        connection.request("POST", "/v1/completions", content, {"content-type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        texts.append(answer["choices"][0]["text"])
    connection.close()
    return texts


def measure(
    served: tuple[int, psutil.Process], name: str, clients: int, tokens: int, count: int
) -> tuple[float, float, list[list[str]]]:
    """Requests a second, requests a second of the processor, and the texts of all clients."""
    port, process = served
    with ThreadPoolExecutor(clients) as pool:
        begun, used = time.perf_counter(), sum(process.cpu_times()[:2])
        texts = list(pool.map(lambda number: ask(port, name, number, tokens, count), range(clients)))
        seconds, used = time.perf_counter() - begun, sum(process.cpu_times()[:2]) - used
    return clients * count / seconds, clients * count / used, texts


def main() -> None:
    """Print requests a second by number of clients."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--tokens", type=int, default=64, help="of each answer, at most")
    parser.add_argument("--requests", type=int, default=64, help="of all clients together, in a round")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    name = arguments.model.resolve().name
    with server(arguments.model, 64) as batched, server(arguments.model, 1) as single:
        servers = {"batched": batched, "one at a time": single}
        for port, _ in servers.values():
            ask(port, name, 0, 4, 1)  # loads the model
        print(f"{os.cpu_count()} cores, {arguments.tokens} tokens at most")
        print("clients  requests a second         a second of the processor  texts")
        print("         batched    one  ratio     batched    one  ratio")
        for clients in (1, 16):
            count = max(1, arguments.requests // clients)
            rates: dict[str, list[tuple[float, float]]] = {kind: [] for kind in servers}
            written = {}
            for _ in range(arguments.rounds):
                for kind, served in servers.items():
                    *rate, written[kind] = measure(served, name, clients, arguments.tokens, count)
                    rates[kind].append((rate[0], rate[1]))
            cells = ""
            for clock in (0, 1):
                many, one = (statistics.median(rate[clock] for rate in rates[kind]) for kind in servers)
                cells += f"{many:9.2f}{one:7.2f}{many / one:7.2f}   "
            same = "equal" if written["batched"] == written["one at a time"] else "DIFFERENT"
            print(f"{clients:7}{cells} {same}", flush=True)


if __name__ == "__main__":
    main()
