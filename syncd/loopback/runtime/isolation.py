"""Namespaces of the node's own, in which those of its containers are made."""

import os

from syncd.loopback.runtime import namespaces, rootfs


def enter() -> None:
    """Go into namespaces of the node's own; the caller's next child is its PID 1."""
    uid, gid = os.geteuid(), os.getegid()
    flags = namespaces.CLONE_NEWNS | namespaces.CLONE_NEWPID
    if uid != 0:
        namespaces.unshare(flags | namespaces.CLONE_NEWUSER)
        namespaces.map_user(0, 0, outer_uid=uid, outer_gid=gid)
    else:
        namespaces.unshare(flags)
    namespaces.mount("", "/", "", namespaces.MS_REC | namespaces.MS_SLAVE)


def trouble(stage: str) -> str:
    """Try, in a child that is thrown away, all that a container needs; say what fails."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            enter()
            if os.fork() == 0:
                plan: rootfs.Plan = {
                    "stage": stage,
                    "host": ["/usr", "/dev"],
                    "binds": [],
                    "links": {},
                    "scratch": [{"target": "/tmp/probe", "size": 0}],  # noqa: S108 -- the container's own
                    "read_only": False,
                }
                rootfs.build(plan)
                os.write(writer, b"ok")
            else:
                os.wait()
        except OSError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    said = os.read(reader, 4096).decode()
    os.close(reader)
    os.waitpid(pid, 0)
    return "" if said == "ok" else said or "no answer"
