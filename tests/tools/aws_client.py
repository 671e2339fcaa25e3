import json
import os
import socket
import sys

connection = socket.socket(socket.AF_UNIX)
connection.connect("@SOCKET@")
request = {"arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd()}
socket.send_fds(connection, [json.dumps(request).encode() + b"\n"], [0, 1, 2])
code = connection.recv(16)
# No answer: the call ended the server's process.
sys.exit(int(code) if code else 255)
