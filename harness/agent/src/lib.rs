//! Runs inside the guest, on Linux 3.2 and later. Modules stand in reading order; imports go down only.

/// PID 1 of our initrd: modules, root disk, network, sshd.
pub mod init;
/// Waits for a plan with everything warm and quiet, then executes it.
pub mod parked;
/// Executes a plan: the server's set-up, the phases, the end.
pub mod run;

/// Looks at the kernel again and again.
pub mod probe;
/// Services: processes and tasks that serve or pass on.
pub mod serve;
/// Rules, sysctls, limits, modules.
pub mod tune;
/// The actions of clients and how they leave.
pub mod visit;

/// Namespaces, links, routes, by rtnetlink.
pub mod net;

/// Writes events, stamped.
pub mod events;
/// Where the fault of a failure lies.
pub mod fault;
/// Descriptors that tokio has no type for.
pub mod fd;
/// Waits for the plan, in QEMU's firmware configuration.
pub mod handover;
/// Heads of HTTP messages.
pub mod http_head;
/// Messages to and from the kernel.
pub mod netlink;
/// The I/O ports of QEMU's devices.
pub mod ports;
/// The version of the running Linux.
pub mod release;
/// The standard streams of a program, as a file.
pub mod said;
/// A command, or a login's shell, for the user at the other end of SSH.
pub mod session;
/// Keeps the vCPU busy while the host talks to the guest.
pub mod spin;
/// Runs the guest's own programs.
pub mod tool;
