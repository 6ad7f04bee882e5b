"""Runs a real Alertmanager with the repository's config and templates, whose receivers are sinks on this host."""

import contextlib
import dataclasses
import email
import email.policy
import http.server
import json
import pathlib
import shutil
import socket
import socketserver
import subprocess
import threading
import time
import urllib.error
import urllib.request

import yaml

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
ALERTMANAGER = DEPLOY / "alertmanager"


@dataclasses.dataclass
class Message:
    """A message as a receiver got it: `kind` is slack, pager, telegram or mail; `content` its JSON or its mail."""

    kind: str
    content: object

    def raw(self):
        """All of its text."""
        if self.kind != "mail":
            return json.dumps(self.content, ensure_ascii=False)
        return "\n".join([self.content["Subject"], *self.mail_parts()])

    def mail_parts(self):
        """The plain text and the HTML of a mail; empty where its template failed."""
        parts = (self.content.get_body([kind]) for kind in ("plain", "html"))
        return tuple(part.get_content() if part else "" for part in parts)


class Inbox:
    """The messages of all sinks, in the order of their arrival."""

    def __init__(self):
        self.messages = []
        self.changed = threading.Condition()

    def add(self, kind, content):
        with self.changed:
            self.messages.append(Message(kind, content))
            self.changed.notify_all()

    def wait(self, count, seconds, containing=""):
        """Removes and returns the messages that contain a text, once there are `count` or the time is over."""

        def found():
            return [message for message in self.messages if containing in message.raw()]

        with self.changed:
            self.changed.wait_for(lambda: len(found()) >= count, seconds)
            messages = found()
            self.messages = [message for message in self.messages if message not in messages]
            return messages


def http_sink(inbox):
    """Accepts what Slack, PagerDuty and Telegram accept; the path's first component is the kind."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind = self.path.split("/")[1]
            inbox.add(kind, json.loads(body))
            reply = {"ok": True, "result": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "group"}}}
            self.send_response(202 if kind == "pager" else 200)
            self.end_headers()
            self.wfile.write(b"ok" if kind == "slack" else json.dumps(reply).encode())

        def log_message(self, *_):
            pass

    return http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def mail_sink(inbox):
    """A minimal SMTP server."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.reply("220 sink")
            while line := self.rfile.readline():
                command = line.split()[0].upper() if line.split() else b""
                if command == b"DATA":
                    self.reply("354 end with a dot")
                    lines = []
                    while (line := self.rfile.readline()) not in (b".\r\n", b""):
                        lines.append(line[1:] if line.startswith(b"..") else line)
                    inbox.add("mail", email.message_from_bytes(b"".join(lines), policy=email.policy.default))
                self.reply("221 bye" if command == b"QUIT" else "250 ok")
                if command == b"QUIT":
                    return

        def reply(self, text):
            self.wfile.write(text.encode() + b"\r\n")

    socketserver.ThreadingTCPServer.allow_reuse_address = True
    return socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def telegram_receiver():
    """The receiver that the README of the Alertmanager's folder shows for Telegram."""
    blocks = (ALERTMANAGER / "README.md").read_text().split("```yaml\n")[1:]
    return next(
        receiver
        for block in blocks
        for receiver in yaml.safe_load(block.split("```")[0])["receivers"]
        if "telegram_configs" in receiver
    )


def adapted_config(folder, http_address, mail_address):
    """The repository's config with sinks as receivers, files with secrets, and short intervals. Every alert also goes
    to Telegram, the example of a receiver of plain text."""
    config = yaml.safe_load((ALERTMANAGER / "alertmanager.yml").read_text())
    config["templates"] = [str(ALERTMANAGER / "templates/*.tmpl")]
    secret = folder / "secret"
    secret.write_text("0123456789abcdef0123456789abcdef")
    slack = folder / "slack_url"
    slack.write_text(f"http://{http_address}/slack")
    config["global"] |= {"slack_api_url_file": str(slack), "smtp_smarthost": mail_address, "smtp_require_tls": False}
    for name in ("smtp_auth_username", "smtp_auth_password_file"):
        del config["global"][name]
    config["receivers"].append(telegram_receiver())
    for receiver in config["receivers"]:
        for pager in receiver.get("pagerduty_configs", []):
            pager |= {"routing_key_file": str(secret), "url": f"http://{http_address}/pager"}
        for telegram in receiver.get("telegram_configs", []):
            telegram.pop("bot_token_file", None)
            telegram |= {"api_url": f"http://{http_address}/telegram", "bot_token": "123:abc"}
    routes = config["route"]["routes"]
    for route in [config["route"], *routes]:
        route |= {"group_wait": "2s", "group_interval": "3s"}
    routes.insert(
        0, {"receiver": config["receivers"][-1]["name"], "continue": True, "group_wait": "2s", "group_interval": "3s"}
    )
    return config


class Alertmanager:
    """A running Alertmanager and the messages that it sent."""

    def __init__(self, address, inbox, log):
        self.address = address
        self.inbox = inbox
        self.log = log

    def post(self, alerts):
        request = urllib.request.Request(
            f"http://{self.address}/api/v2/alerts",
            json.dumps(alerts).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()

    def is_ready(self):
        try:
            urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=1).close()
        except (urllib.error.URLError, ConnectionError):
            return False
        return True


@contextlib.contextmanager
def running_alertmanager(folder):
    """Starts sinks and Alertmanager; `folder` is for its config and data."""
    inbox = Inbox()
    with contextlib.ExitStack() as stack:
        addresses = []
        for server in (http_sink(inbox), mail_sink(inbox)):
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            addresses.append("127.0.0.1:%d" % server.server_address[1])
        config = folder / "alertmanager.yml"
        config.write_text(yaml.safe_dump(adapted_config(folder, *addresses)))
        program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        if not program:
            raise SystemExit("Alertmanager is not installed; install it with: apt-get install prometheus-alertmanager")
        address = f"127.0.0.1:{free_port()}"
        log = folder / "alertmanager.log"
        process = stack.enter_context(log.open("w"))
        process = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address={address}",
                "--cluster.listen-address=",
                "--web.external-url=https://alertmanager.example.com",
                "--web.route-prefix=/",
            ],
            stdout=process,
            stderr=subprocess.STDOUT,
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        alertmanager = Alertmanager(address, inbox, log)
        for _ in range(100):
            if process.poll() is not None:
                raise SystemExit(f"Alertmanager ended: {log.read_text()}")
            if alertmanager.is_ready():
                break
            time.sleep(0.1)
        yield alertmanager
