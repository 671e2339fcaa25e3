"""An HTTP proxy that stands where AWS stands: CONNECT to any host is accepted, TLS ends here with a certificate for AWS's
names, and what was said goes on to the simulated organization in the clear.

tls_proxy.py PORT UPSTREAM_PORT CERTIFICATE KEY LOG: a line in LOG for each host that was asked for."""

import datetime
import socket
import ssl
import sys
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

REGIONS = ["us-east-1", "eu-west-1"]


def certificate(path, key_path):
    names = ["*.amazonaws.com"]
    for region in REGIONS:
        names += [f"*.{region}.amazonaws.com", f"*.ecr.{region}.amazonaws.com"]
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "scangap tests")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    with open(key_path, "wb") as out:
        out.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                    serialization.NoEncryption()))
    with open(path, "wb") as out:
        out.write(made.public_bytes(serialization.Encoding.PEM))


def relay(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(client, upstream_port, context, log):
    try:
        head = b""
        while b"\r\n\r\n" not in head:
            more = client.recv(65536)
            if not more:
                return
            head += more
        method, target = head.split(b" ", 2)[:2]
        if method != b"CONNECT":
            client.sendall(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            return
        with open(log, "a", encoding="ascii") as out:
            out.write(target.decode() + "\n")
        client.sendall(b"HTTP/1.1 200 Connection Established\r\n\r\n")
        inside = context.wrap_socket(client, server_side=True)
        upstream = socket.create_connection(("127.0.0.1", upstream_port))
        threading.Thread(target=relay, args=(inside, upstream), daemon=True).start()
        relay(upstream, inside)
    except OSError:
        pass
    finally:
        client.close()


def main():
    port, upstream_port, certificate_path, key_path, log = sys.argv[1:]
    certificate(certificate_path, key_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_path, key_path)
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=128)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, int(upstream_port), context, log), daemon=True).start()


main()
