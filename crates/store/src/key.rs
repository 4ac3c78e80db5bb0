//! What a key may be, the same for every store: a key that one of them would normalise could name
//! two objects in another.

/// Checks an object's key.
///
/// # Errors
/// What is wrong with it.
pub fn check_key(key: &str) -> Result<(), &'static str> {
    if key.is_empty() {
        return Err("the key is empty");
    }
    check_prefix(key)
}

/// Checks the prefix of a listing, which may be empty.
///
/// # Errors
/// What is wrong with it.
pub fn check_prefix(prefix: &str) -> Result<(), &'static str> {
    if prefix.is_empty() {
        return Ok(());
    }
    if prefix.len() > 1024 {
        return Err("a key has at most 1024 bytes");
    }
    if prefix.chars().any(char::is_control) {
        return Err("a key holds no control characters");
    }
    if prefix.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err("a key has no empty parts, no '.' and no '..'");
    }
    Ok(())
}
