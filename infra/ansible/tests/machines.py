"""Five hosts on this machine: bare Debian 12 systems, each with systemd as its first process, an address and SSH, on one bridge.
Root only; in a network and mount namespace of its own (infra/test makes it), so that nothing outside changes."""
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from atelier.waiting import wait_until

GATEWAY = "10.90.0.1"
ADDRESSES = {"postgres": "10.90.0.10", "r1": "10.90.0.11", "r2": "10.90.0.12", "r3": "10.90.0.13", "nginx": "10.90.0.20"}
NETWORK = "[Match]\nName=host0\n[Network]\nAddress={}/24\nLinkLocalAddressing=no\n"
# A group of its own in each hierarchy: systemd takes what it is started in for its own.
IN_A_GROUP = """
for top in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ -e $top/cgroup.procs ] || continue
    mkdir -p $top/$0 && echo $$ >$top/$0/cgroup.procs
done
exec "$@"
"""


def run(*words, limit=60, **more):
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=limit, stdin=subprocess.DEVNULL, **more)
    assert done.returncode == 0, f"{words}: status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


class Machine:
    def __init__(self, name, address, root, folder, key):
        self.name, self.address, self.key = name, address, key
        self.group = f"atelier-{os.getpid()}-{name}"
        self.folder = folder / name
        for part in ("changes", "work", "root"):
            (self.folder / part).mkdir(parents=True)
        self.root = self.folder / "root"
        run("mount", "-t", "overlay", "overlay", self.root, "-o",
            f"lowerdir={root},upperdir={self.folder}/changes,workdir={self.folder}/work")
        self._write("etc/systemd/network/10-host0.network", NETWORK.format(address))
        self._write("etc/hostname", name + "\n")
        self._write("root/.ssh/authorized_keys", key.with_suffix(".pub").read_text())
        run("systemctl", f"--root={self.root}", "enable", "systemd-networkd", "ssh")
        self.start()

    def _write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(text)

    def start(self):
        words = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe", f"--machine={self.name}",
                 f"--directory={self.root}", "--network-bridge=atelier"]
        with (self.folder / "console").open("wb") as console:
            self.process = subprocess.Popen(["sh", "-c", IN_A_GROUP, self.group, *words], stdin=subprocess.DEVNULL,
                                            stdout=console, stderr=subprocess.STDOUT)

    def answers(self):
        assert self.process.poll() is None, (self.folder / "console").read_text()
        try:
            socket.create_connection((self.address, 22), 1).close()
        except OSError:
            return False
        return True

    def ssh(self, command, limit=60):
        return run("ssh", *self.ssh_options(), f"root@{self.address}", command, limit=limit)

    def ssh_options(self):
        return ["-i", self.key, "-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={self.key}.hosts"]

    def cut_off(self, off=True):
        """As if its power or its network failed: nobody is told."""
        run("ip", "link", "set", f"vb-{self.name}", "down" if off else "up")

    def stop(self):
        """An orderly shutdown."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def remove(self):
        self.stop()
        run("umount", self.root)
        for top in ("", "systemd", "unified"):
            group = Path("/sys/fs/cgroup", top, self.group)
            for folder in sorted([group, *group.rglob("*")], reverse=True):
                if folder.is_dir():
                    folder.rmdir()
        shutil.rmtree(self.folder)


class Machines(dict):
    """By name; started at once."""

    def __init__(self, root, folder):
        super().__init__()
        self.folder, self.key = folder, folder / "key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "atelier", "type", "bridge")
        run("ip", "address", "add", f"{GATEWAY}/24", "dev", "atelier")
        run("ip", "link", "set", "atelier", "up")
        for name, address in ADDRESSES.items():
            self[name] = Machine(name, address, root, folder, self.key)
        for machine in self.values():
            wait_until(f"{machine.name} answers", machine.answers, 60)

    def inventory(self):
        def hosts(*names):
            return "{" + ", ".join(f"{name}: {{ansible_host: {ADDRESSES[name]}}}" for name in names) + "}"
        options = " ".join(map(str, self["r1"].ssh_options()))
        path = self.folder / "inventory.yml"
        path.write_text(f"""all:
  vars: {{ansible_user: root, ansible_ssh_common_args: "{options}"}}
  children:
    database: {{hosts: {hosts("postgres")}}}
    replicas: {{hosts: {hosts("r1", "r2", "r3")}}}
    front: {{hosts: {hosts("nginx")}}}
""")
        return path

    def remove(self):
        for machine in self.values():
            machine.process.send_signal(signal.SIGTERM)
        for machine in self.values():
            machine.remove()
        run("ip", "link", "delete", "atelier")
