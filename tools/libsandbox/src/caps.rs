//! The capabilities a build command keeps: docker's fourteen but CAP_NET_RAW, with which it would read the
//! packets of a host whose network it shares.

use crate::{SandboxError, setup};
use rustix::thread::{
    CapabilitySet, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities,
};

const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::AUDIT_WRITE);

/// Takes everything else from the bounding set, so that no setuid program gets it back. Needs
/// CAP_SETPCAP: call it before [`drop_sets`].
pub(crate) fn drop_bounding() -> Result<(), SandboxError> {
    for bit in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if KEPT.contains(capability) {
            continue;
        }
        // EINVAL: beyond the last capability this kernel has.
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            Err(rustix::io::Errno::INVAL) => break,
            Err(errno) => return Err(setup("capability bounding set")(errno)),
        }
    }
    Ok(())
}

/// Leaves the process what it keeps of what it has, or all with `insecure`, and nothing to inherit.
pub(crate) fn drop_sets(insecure: bool) -> Result<(), SandboxError> {
    let mut sets = capabilities(None).map_err(setup("capabilities"))?;
    if !insecure {
        // A container around us may have taken some away already.
        sets.permitted &= KEPT;
        sets.effective &= KEPT;
    }
    sets.inheritable = CapabilitySet::empty();
    set_capabilities(None, sets).map_err(setup("capabilities"))?;
    match clear_ambient_capability_set() {
        Ok(()) | Err(rustix::io::Errno::INVAL) => Ok(()),
        Err(errno) => Err(setup("ambient capabilities")(errno)),
    }
}
