"""The aws CLI, imported once: each call is a fork of this process, with the caller's arguments, environment, folder and
streams. What runs is the CLI's own `main`; what is saved is starting Python and importing it for every call.

    aws_server.py SOCKET    serves until standard input ends, and removes the socket's folder then
"""

import array
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import threading
import traceback

import awscli.clidriver

# The CLI says here where its data is, when it is imported.
DATA_PATH = os.environ["AWS_DATA_PATH"]


def answer(connection):
    fds = array.array("i")
    text, ancillary, _, _ = connection.recvmsg(1 << 20, socket.CMSG_LEN(3 * fds.itemsize))
    for _, _, data in ancillary:
        fds.frombytes(data)
    while not text.endswith(b"\n"):
        more = connection.recv(1 << 20)
        if not more:
            return
        text += more
    request = json.loads(text)
    for target, fd in enumerate(fds):
        os.dup2(fd, target)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"], AWS_DATA_PATH=DATA_PATH)
    sys.argv = ["aws", *request["arguments"]]
    try:
        code = awscli.clidriver.main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(str(code).encode())


def import_everything():
    """One call of each protocol to a port where nobody answers: what the CLI imports late is imported then."""
    os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_MAX_ATTEMPTS="1")
    nowhere = ["--region", "us-east-1", "--endpoint-url", "http://127.0.0.1:1"]
    calls = [["sts", "get-caller-identity"], ["ecr", "get-registry-policy"], ["inspector2", "list-filters"]]
    with open(os.devnull, "w") as silence, contextlib.redirect_stderr(silence):
        for call in calls:
            awscli.clidriver.create_clidriver().main([*call, *nowhere])


def until_standard_input_ends(folder):
    os.read(0, 1)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def serve(path):
    import_everything()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    print("ready", flush=True)
    folder = os.path.dirname(path)
    threading.Thread(target=until_standard_input_ends, args=[folder], daemon=True).start()
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            # The CLI waits for its own children.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            try:
                answer(connection)
            except BaseException:
                traceback.print_exc()
            os._exit(0)
        connection.close()


serve(sys.argv[1])
