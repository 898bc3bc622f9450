"""Takes every connection, whatever address it was meant for, and writes that address down."""

import ipaddress
import socket
import threading
import typing

TLS_HANDSHAKE = 22
LEADS = ["http://169.254.169.254/latest", "http://127.0.0.1:8080/", "http://[::1]/", "http://10.0.0.1/",
         "http://metadata.example/", "//192.168.0.1/"]


class Arrival(typing.NamedTuple):
    """`host`: the `Host` field, or what a TLS client began with."""
    address: typing.Any
    port: int
    host: str
    webhook_id: str


class Receiver:
    def __init__(self, ports):
        self.arrivals = []
        for port in ports:
            for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                listener = socket.socket(family, socket.SOCK_STREAM)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind((anywhere, port))
                listener.listen(64)
                threading.Thread(target=self.listen, args=(listener,), daemon=True).start()

    def listen(self, listener):
        while True:
            stream, _ = listener.accept()
            threading.Thread(target=self.take, args=(stream,), daemon=True).start()

    def take(self, stream):
        with stream:
            stream.settimeout(10)
            meant, port = stream.getsockname()[:2]
            # Written down before anything is read: a connection counts, whether something is said on it or not.
            at = len(self.arrivals)
            self.arrivals.append(Arrival(ipaddress.ip_address(meant), port, "", ""))
            try:
                said = self.read(stream)
                if said[:1] == bytes([TLS_HANDSHAKE]):
                    self.arrivals[at] = self.arrivals[at]._replace(host=said.decode("latin-1"))
                    return
                lines = said.decode("latin-1").split("\r\n")
                fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
                host, sender = fields.get("host", ""), fields.get("webhook-id", "")
                self.arrivals[at] = self.arrivals[at]._replace(host=host, webhook_id=sender)
                stream.sendall(self.answer(host, lines[0].split(" ")[1]))
            except OSError:
                # Cut by whoever sent it.
                pass

    @staticmethod
    def read(stream):
        said = b""
        while b"\r\n\r\n" not in said:
            more = stream.recv(65536)
            said += more
            if not more or said[0] == TLS_HANDSHAKE:
                break
        return said

    def answer(self, host, path):
        if host == "redirects.example":
            status = int(path[1:] or 302)
            lead = LEADS[status % len(LEADS)]
            return (f"HTTP/1.1 {status} Over there\r\nlocation: {lead}\r\nrefresh: 0; url={lead}\r\n"
                    f'alt-svc: h2="10.0.0.1:443", h2=":8080"\r\ncontent-length: 0\r\n\r\n').encode()
        # So that it is tried again, when its name leads elsewhere.
        status = 503 if host == "rebinds-later.example" else 204
        return f"HTTP/1.1 {status} So\r\ncontent-length: 0\r\n\r\n".encode()
