"""The service manager's end of sd_notify(3): prints each datagram as a line of JSON. argv = path of the socket."""
import json, socket, sys

receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
print(json.dumps(["listening"]), flush=True)
while True:
    # A descriptor that comes along (a barrier) is let go, as the manager does.
    print(json.dumps(receiver.recv(65536).decode().split("\n")), flush=True)
