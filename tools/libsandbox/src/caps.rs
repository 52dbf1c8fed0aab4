//! The capabilities that a command keeps: docker's fourteen without CAP_NET_RAW, with which it could read the packets
//! of a host whose network it shares.

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

/// Removes all others from the bounding set, so that no setuid program gets them back. This needs CAP_SETPCAP, so it
/// must be called before [`drop_sets`].
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

/// Drops all other capabilities, or none with `insecure`, and clears the inheritable ones.
pub(crate) fn drop_sets(insecure: bool) -> Result<(), SandboxError> {
    let mut sets = capabilities(None).map_err(setup("capabilities"))?;
    if !insecure {
        // An outer container may have removed some already.
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
