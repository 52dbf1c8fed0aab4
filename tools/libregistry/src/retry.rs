//! Repeats an attempt that failed and may work later, with the pauses of all requests.

use libhttp::{FetchError, Transport};

/// The result of one attempt.
pub(crate) enum Attempt<T> {
    Done(T),
    /// It failed in a way that may not last.
    Again(FetchError),
    /// It is repeated in another way at once.
    Now,
}

/// Tries until it has succeeded, or has failed too often.
pub(crate) fn retry<T>(
    transport: &Transport,
    mut attempt: impl FnMut() -> Result<Attempt<T>, FetchError>,
) -> Result<T, FetchError> {
    let mut tried = 0;
    loop {
        let error = match attempt() {
            Ok(Attempt::Done(value)) => return Ok(value),
            Ok(Attempt::Now) => continue,
            Ok(Attempt::Again(error)) => error,
            Err(error) if error.is_passing() => error,
            Err(error) => return Err(error),
        };
        tried += 1;
        if !transport.wait(tried) {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libhttp::Environment;

    #[test]
    fn what_will_not_work_later_is_tried_once() {
        let transport = Transport::new(&Environment::default(), Box::new(|_| Vec::new()));
        let mut tried = 0;
        let failed = retry(&transport, || -> Result<Attempt<()>, _> {
            tried += 1;
            Err(FetchError::refused("http://h/", "no"))
        });
        assert!(failed.is_err() && tried == 1);
    }
}
