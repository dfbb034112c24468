# shellcheck shell=bash
# What scenarios of the network share: another network beyond the host, and who answers there. Sourced
# after scenario.sh.

OUTSIDE=10.99.0.2 # of the server there
OUTSIDE_HOST=10.99.0.1 # the host's address on the way there

# outside_make: a network namespace "outside" behind a veth. It knows the way back to the guests, so
# that only the rules of banger keep their own addresses from it. In it answer
#   http on 8000: the address that the client comes from
#   DNS: 10.99.0.2 for every name
outside_make() {
        root "ip netns add outside
                ip link add out-host type veth peer name inside netns outside
                ip address add $OUTSIDE_HOST/24 dev out-host && ip link set out-host up
                ip -n outside address add $OUTSIDE/24 dev inside && ip -n outside link set inside up
                ip -n outside link set lo up && ip -n outside route add default via $OUTSIDE_HOST
                cat >/run/outside.py" <<'PYTHON'
import http.server, socket, threading

class Who(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"you are %s\n" % self.client_address[0].encode())

    def log_message(self, *arguments):
        pass

def names():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", 53))
    while True:
        query, client = server.recvfrom(512)
        end = query.index(b"\0", 12) + 5
        is_a = query[end - 4:end] == b"\0\1\0\1"
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\x05\0\4" + socket.inet_aton("10.99.0.2") if is_a else b""
        server.sendto(query[:2] + b"\x81\x80\0\1\0" + bytes([is_a]) + b"\0\0\0\0" + query[12:end] + answer, client)

threading.Thread(target=names, daemon=True).start()
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Who).serve_forever()
PYTHON
        root 'systemd-run --quiet --unit=outside ip netns exec outside python3 /run/outside.py'
        eventually 30 fetch root "$OUTSIDE" 8000
}

outside_remove() {
        root 'systemctl stop outside.service; ip link delete out-host; ip netns delete outside; rm -f /run/outside.py
                umount /run/netns && rmdir /run/netns' >/dev/null 2>&1 || true
}

ip_forward() { root 'sysctl -n net.ipv4.ip_forward'; }

# guest_serve VM TEXT: the guest answers it on port 80.
guest_serve() {
        expect 0 owner "banger vm exec $1 -- sh -c 'mkdir -p /www && echo $2 >/www/index.html && httpd -p 80 -h /www'"
}

# fetch FUNCTION ADDRESS PORT prints what a server says to the owner or root, to whoever FUNCTION is.
fetch() { "$1" "timeout 5 bash -c 'exec 3<>/dev/tcp/$2/$3 && printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&3 && grep . <&3'"; }

# guest_fetch VM ADDRESS:PORT; its status is 143 when it was ended for its time. Not by wget's own -T:
# Debian's busybox 1.35 falls over it.
guest_fetch() { owner "banger vm exec $1 -- timeout 5 wget -q -O - http://$2/"; }

# daemon_away COMMANDS: as root, after bangerd has been killed and before systemd starts it again. A stop
# would end the VMs: systemd keeps their descriptors over a restart only.
daemon_away() {
        root "mkdir -p /run/systemd/system/bangerd.service.d
                printf '[Service]\nRestartSec=8s\n' >/run/systemd/system/bangerd.service.d/away.conf
                systemctl daemon-reload && systemctl kill --signal=KILL bangerd.service
                until [[ \$(systemctl is-active bangerd.service) == activating ]]; do sleep 0.1; done
                timeout 7 bash -c '$1'; status=\$?
                rm -r /run/systemd/system/bangerd.service.d && systemctl daemon-reload
                until [[ \$(systemctl is-active bangerd.service) == active ]]; do sleep 0.1; done
                exit \$status"
}
