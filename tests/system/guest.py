# SPDX-License-Identifier: ISC
"""The kernel that Debian has, in an emulator, for a machine whose own is another one.

The guest has no disk: it sees the files of this machine as they are here, and
what it writes is gone with it. A small program of its own, in an initramfs,
mounts them, runs a command among them, and says with which status it ended.
"""

import lzma
import os
import pathlib
import platform
import re
import shlex
import shutil
import subprocess

import harness
from container import FOLDER, Cannot, say

MODULES = '9p', '9pnet_virtio', 'virtio_pci', 'overlay'
PATIENCE = 600          # of an emulator, where nothing is quick
INIT = '''#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod $module; done
ip link set lo up
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,ro,cache=loose root /below
mount -t tmpfs above /above
mkdir /above/files /above/work
mount -t overlay -o lowerdir=/below,upperdir=/above/files,workdir=/above/work root /root
mount -t tmpfs run /root/run
for folder in proc sys dev; do mount --bind /$folder /root/$folder; done
cp /job /root/run/job
chroot /root /bin/sh -e /run/job
echo "status: $?"
poweroff -f
'''


def fetch(name, folder):
    """Unpacks a package of Debian's."""
    apt = ['apt-get', '--quiet=2', '-o', 'APT::Sandbox::User=root', 'download', name]
    done = subprocess.run(apt, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Cannot(f'{name} is not to be had: {done.stderr.strip()}')
    [package] = folder.glob(f'{name}_*.deb')
    say('dpkg-deb', '--extract', package, folder)
    package.unlink()


class Guest:

    def __init__(self):
        if platform.machine() != 'x86_64':
            raise Cannot('the guest with another kernel is for x86-64')
        for program in 'qemu-system-x86_64', 'depmod', 'modprobe':
            if shutil.which(program) is None:
                raise Cannot(f'there is no {program}')
        found = re.search(r'Depends: *(linux-image-(\S+))',
                          say('apt-cache', 'depends', 'linux-image-amd64'))
        if found is None:
            raise Cannot('apt knows no linux-image-amd64')
        package, self.release = found.groups()
        self.folder = FOLDER / package
        if not self.folder.exists():
            self.unpack(package)

    def unpack(self, package):
        """All of it, or it is tried again the next time."""
        for old in FOLDER.glob('linux-image-*'):
            shutil.rmtree(old)
        folder = FOLDER / f'linux-image-unfinished-{os.getpid()}'
        folder.mkdir(parents=True)
        for name in package, 'busybox-static':
            fetch(name, folder)
        say('depmod', '--basedir', folder, self.release)
        folder.rename(self.folder)

    def modules(self):
        """In the order in which they are to be loaded."""
        said = [say('modprobe', '--dirname', self.folder, '--set-version', self.release,
                    '--show-depends', name) for name in MODULES]
        return dict.fromkeys(re.findall(r'^insmod (\S+)', ''.join(said), re.MULTILINE))

    def pack(self, tree, job):
        """The initramfs, with a shell script in it."""
        for folder in 'above', 'below', 'bin', 'dev', 'modules', 'proc', 'root', 'sys':
            (tree / folder).mkdir(parents=True)
        shutil.copy(next(self.folder.glob('**/bin/busybox')), tree / 'bin')
        for number, path in enumerate(self.modules()):
            opened = lzma.open if path.endswith('.xz') else open
            name = f'{number:02}-{pathlib.Path(path).stem}'
            with opened(path, 'rb') as module:
                (tree / 'modules' / name).write_bytes(module.read())
        (tree / 'job').write_text(job)
        (tree / 'init').write_text(INIT)
        (tree / 'init').chmod(0o755)
        packed = tree.with_suffix('.cpio')
        with open(packed, 'wb') as out:
            subprocess.run('find . | bin/busybox cpio -o -H newc', shell=True, cwd=tree,
                           stdout=out, stderr=subprocess.DEVNULL, check=True)
        shutil.rmtree(tree)
        return packed

    def command(self, initramfs):
        return ['qemu-system-x86_64', '-accel', 'tcg,thread=multi', '-cpu', 'max',
                '-smp', '2', '-m', '1024', '-nographic', '-no-reboot', '-nic', 'none',
                '-virtfs', 'local,path=/,mount_tag=root,security_model=none,readonly=on,'
                'multidevs=remap', '-kernel', str(next(self.folder.glob('boot/vmlinuz-*'))),
                '-initrd', str(initramfs), '-append', 'console=ttyS0 quiet panic=-1']

    def run(self, script):
        """Runs it there in the folder of our sources. Returns its status and what was said."""
        job = [f'export {name}={shlex.quote(value)}' for name, value in
               (('PATH', os.environ['PATH']), ('TMPDIR', '/run'))]
        job += [f'cd {shlex.quote(str(harness.SOURCE))}', script, '']
        packed = self.pack(FOLDER / f'initramfs-{os.getpid()}', '\n'.join(job))
        try:
            done = subprocess.run(self.command(packed), capture_output=True, check=False,
                                  stdin=subprocess.DEVNULL, timeout=PATIENCE)
        finally:
            packed.unlink()
        said = (done.stdout + done.stderr).decode(errors='replace').replace('\r', '')
        status = re.search(r'^status: (\d+)$', said, re.MULTILINE)
        return int(status[1]) if status else None, said
