//! EXPOSE: its ports, with their variables put in.

use crate::error::StepError;
use crate::golang::plain_list;
use crate::state::State;
use crate::words::Words;
use libdockerfile::ports;
use libwire::image::Empty;

pub(super) fn expose(state: &mut State, escape: char, ports: &[String]) -> Result<String, StepError> {
    let words = Words::new(escape, &state.scope);
    // BuildKit sorts what is written, then expands: its history shows it.
    let mut written = ports.to_vec();
    written.sort();
    let mut exposed = Vec::new();
    for port in &written {
        for spec in words.several(port)? {
            exposed.extend(ports::parse(&spec).map_err(|why| StepError::input(why).token(port))?);
        }
    }
    state.config.config.exposed_ports.extend(exposed.iter().map(|port| (port.clone(), Empty {})));
    Ok(format!("EXPOSE {}", plain_list(&exposed)))
}
