# SPDX-License-Identifier: Apache-2.0
"""A device's interrupt by UIO (Documentation/driver-api/uio-howto.rst).

The driver masks the interrupt when it comes. A write unmasks it; uio_pci_generic, which sets
the function's own mask, leaves that to whoever has its configuration space.
"""

import errno
import os

from passthru.diagnostics.errors import PassthruError
from passthru.host.kernel import Kernel, KernelCallFailed, KernelObject

__all__ = ["UioBusy", "UioCannotUnmask", "UioFile", "UioRefused"]

_COUNTER_SIZE = 4
_COUNTER_VALUES = 1 << 32
_UNMASK = (1).to_bytes(_COUNTER_SIZE, "little")
_LONGEST_NUMBER = 16

# PCI 3.0, 6.2.2 and 6.2.3: the command register, one bit of it, and one of the lower byte of
# the status register after it.
_COMMAND = 4
_COMMAND_SIZE = 2
_INTERRUPT_DISABLE, _INTERRUPT_STATUS = 0x400, 0x08


class UioRefused(PassthruError):
    """A UIO device cannot be opened."""

    def __init__(self, name: str, error: OSError) -> None:
        super().__init__(f"/dev/{name}: {os.strerror(error.errno or 0)}")
        if error.errno in (errno.EACCES, errno.EPERM):
            self.fix = f"run as root, or give this user the right to read and write /dev/{name}"
        elif error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
            self.fix = f"ls -l /dev/{name} /sys/class/uio/{name}; its driver may have been unbound"


class UioBusy(PassthruError):
    """Another guest has the interrupt: two would unmask it under each other's hands."""

    def __init__(self, name: str) -> None:
        super().__init__(f"/dev/{name} is in use by another guest")
        self.fix = f"fuser -v /dev/{name} tells which"


class UioCannotUnmask(PassthruError):
    """The driver does not unmask, and nothing else can: the device is no PCI function."""

    def __init__(self, name: str) -> None:
        super().__init__(f"/dev/{name}: its driver does not unmask the interrupt when told to")
        self.fix = (
            f"bind the device to uio_pdrv_genirq, which can; cat /sys/class/uio/{name}/name tells "
            "what it is bound to"
        )


class UioFile(KernelObject):
    """One UIO device, open and locked against other guests.

    Raises UioRefused, UioBusy or KernelCallFailed.
    """

    def __init__(self, kernel: Kernel, name: str) -> None:
        self._seen = _events_so_far(kernel, name)
        try:
            file = kernel.open(f"/dev/{name}", os.O_RDWR)
        except OSError as error:
            raise UioRefused(name, error) from error
        super().__init__(kernel, file, f"/dev/{name}")
        self._device = name
        self._config_path = f"/sys/class/uio/{name}/device/config"
        self._config: int | None = None
        try:
            self._lock(name)
        except Exception:
            self.close()
            raise

    def _lock(self, name: str) -> None:
        try:
            self._kernel.lock(self.file)
        except BlockingIOError as error:
            raise UioBusy(name) from error
        except OSError as error:
            raise KernelCallFailed(str(self), "flock", error) from error

    def take(self) -> int:
        """How many interrupts there were since the last call, or since just before the file
        was opened; waits for one. Raises KernelCallFailed, when the device is gone above all.
        """
        try:
            data = self._kernel.read(self.file, _COUNTER_SIZE, 0)
        except OSError as error:
            raise KernelCallFailed(str(self), "read", error) from error
        counted = int.from_bytes(data, "little")
        new, self._seen = (counted - self._seen) % _COUNTER_VALUES, counted
        return new

    def unmask(self) -> None:
        """Let the interrupt come; nothing changes if it may.

        Raises UioCannotUnmask or KernelCallFailed.
        """
        config = self._config_or_unmasked()
        if config is not None:
            self._clear_interrupt_disable(config, even_if_pending=True)

    def unmask_unless_pending(self) -> bool:
        """Let the interrupt come; or tell that it has, and leave it masked.

        A PCI function shows in its status register that it asks for one: then a turn through
        the host's interrupt controller is saved, as VFIO saves it (pci_check_and_unmask_intx).
        Raises UioCannotUnmask or KernelCallFailed.
        """
        config = self._config_or_unmasked()
        return config is not None and self._clear_interrupt_disable(config, even_if_pending=False)

    def _config_or_unmasked(self) -> int | None:
        """The configuration space that has the mask; None where the driver has unmasked."""
        if self._config is None:
            try:
                self._kernel.write(self.file, _UNMASK, 0)
            except OSError as error:
                # A driver without irqcontrol: uio_pci_generic, or one that never masks.
                if error.errno != errno.ENOSYS:
                    raise KernelCallFailed(str(self), "write", error) from error
                self._config = self._open_config()
        return self._config

    def close(self) -> None:
        """Give it back, and the configuration space."""
        config, self._config = self._config, None
        if config is not None:
            self._kernel.close(config)
        super().close()

    def _open_config(self) -> int:
        try:
            return self._kernel.open(self._config_path, os.O_RDWR)
        except FileNotFoundError as error:
            raise UioCannotUnmask(self._device) from error
        except OSError as error:
            raise KernelCallFailed(self._config_path, "open", error) from error

    def _clear_interrupt_disable(self, config: int, *, even_if_pending: bool) -> bool:
        """Whether an interrupt is pending that keeps it from being cleared."""
        try:
            *low_and_high, status = self._kernel.read(config, _COMMAND_SIZE + 1, _COMMAND)
            command = int.from_bytes(bytes(low_and_high), "little")
            if not command & _INTERRUPT_DISABLE:
                return False  # the host's own handler sees what is pending
            if status & _INTERRUPT_STATUS and not even_if_pending:
                return True
            enabled = command & ~_INTERRUPT_DISABLE
            # The whole register: QEMU does not raise the line of a device that has asked in the
            # meantime when only the upper byte is written.
            self._kernel.write(config, enabled.to_bytes(_COMMAND_SIZE, "little"), _COMMAND)
        except OSError as error:
            raise KernelCallFailed(self._config_path, "Interrupt Disable", error) from error
        return False


def _events_so_far(kernel: Kernel, name: str) -> int:
    """The driver's own count; what comes from now on and is not taken is lost."""
    path = f"/sys/class/uio/{name}/event"
    try:
        file = kernel.open(path, os.O_RDONLY)
    except OSError as error:
        raise UioRefused(name, error) from error
    try:
        text = kernel.read(file, _LONGEST_NUMBER, 0)
    except OSError as error:
        raise KernelCallFailed(path, "read", error) from error
    finally:
        kernel.close(file)
    return int(text)
