"""An application of Python's http.server, for nginx to stand before: a stream of events, WebSocket, reports."""
import http.server
import threading

import websocket

EVENTS, PAUSE_S = 8, 0.02  # the pace of the events: the scene itself, not a wait for anything
STREAM = [b"id: %d\ndata: %s\n\n" % (number, b"x" * number) for number in range(EVENTS)]


class Application(http.server.BaseHTTPRequestHandler):
    """GET /events, GET /echo over WebSocket, POST anything. `posted` is called with each body that was posted."""
    protocol_version = "HTTP/1.1"
    posted = None

    def do_GET(self):
        if self.path == "/echo":
            self.echo()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")  # its length is not known: it ends with the connection
        self.end_headers()
        for event in STREAM:
            threading.Event().wait(PAUSE_S)
            self.wfile.write(event)

    def do_POST(self):
        type(self).posted(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def echo(self):
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", websocket.accept(self.headers["Sec-WebSocket-Key"]))
        self.end_headers()
        opcode = None
        while opcode != websocket.CLOSE:
            opcode, payload, _ = websocket.read_frame(self.rfile)
            self.wfile.write(websocket.frame(opcode, payload))
        self.close_connection = True


NGINX_SERVER = """
location /events { proxy_pass http://127.0.0.1:8080; proxy_buffering off; }
location /report { proxy_pass http://127.0.0.1:8080; }
location /echo { proxy_pass http://127.0.0.1:8080; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade"; }
"""
