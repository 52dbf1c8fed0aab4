//! Names that suggest a secret.

/// Whether a variable of this name probably holds a secret: the name has a word such as `token`, and none that says
/// it is public.
pub fn names_secret(name: &str) -> bool {
    const TELL: [&str; 10] = [
        "apikey",
        "auth",
        "credential",
        "credentials",
        "key",
        "password",
        "pword",
        "passwd",
        "secret",
        "token",
    ];
    let lower = name.to_lowercase();
    let has = |words: &[&str]| lower.split('_').any(|part| words.contains(&part));
    has(&TELL) && !has(&["public", "file", "version"])
}
