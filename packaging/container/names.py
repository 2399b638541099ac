"""A name server for a try: one name is 127.0.0.1, every other does not exist. Usage: names.py NAME"""
import socket
import struct
import sys

name = b"".join(bytes([len(part)]) + part for part in sys.argv[1].encode().split(b".")) + b"\0"
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready")
while True:
    query, asker = server.recvfrom(512)
    end = query.index(b"\0", 12) + 1
    asked, (kind,) = query[12:end], struct.unpack("!H", query[end : end + 2])
    known = asked.lower() == name
    answers = 1 if known and kind == 1 else 0
    head = query[:2] + struct.pack("!HHHHH", 0x8580 if known else 0x8583, 1, answers, 0, 0)
    answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes([127, 0, 0, 1]) if answers else b""
    server.sendto(head + query[12 : end + 4] + answer, asker)
