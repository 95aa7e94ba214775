//! Webhooks' secrets at rest: ChaCha20-Poly1305 under a key in a file of its own, so that neither the database nor a
//! copy of it tells them. Servers that share a database share the file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use metria_core::{ErrorKind, Kinded};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind as Io, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of a key.
const KEY_LENGTH: usize = 32;
/// What sealed texts begin with.
const VERSION: &str = "v1:";
/// What they are for, so that nothing else that is sealed under the key passes for one.
const PURPOSE: &[u8] = b"metria webhook secret";

/// Why a secret could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// The key file cannot be read or made.
    #[error("the webhooks' key file {} cannot be used: {reason}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// It was sealed under another key, or is damaged.
    #[error("the webhook's secret cannot be opened with the present key; set the secret anew")]
    OtherKey,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
}

impl Kinded for SecretError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Internal
    }
}

/// Seals a secret.
pub(super) fn seal(key_file: &Path, secret: &SecretString) -> Result<String, SecretError> {
    let key = cipher(key_file)?;
    let mut nonce = [0_u8; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).map_err(|_| SecretError::NoRandom)?;
    let mut text = secret.expose_secret().as_bytes().to_vec();
    let nonce_of = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce_of, Aad::from(PURPOSE), &mut text).map_err(|_| SecretError::NoRandom)?;
    Ok(format!("{VERSION}{}", STANDARD.encode([&nonce[..], &text].concat())))
}

/// Opens a sealed secret.
pub(super) fn open(key_file: &Path, sealed: &str) -> Result<SecretString, SecretError> {
    let key = cipher(key_file)?;
    let bytes =
        sealed.strip_prefix(VERSION).and_then(|text| STANDARD.decode(text).ok()).ok_or(SecretError::OtherKey)?;
    let (nonce, text) = bytes.split_at_checked(NONCE_LEN).ok_or(SecretError::OtherKey)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SecretError::OtherKey)?;
    let mut text = text.to_vec();
    let opened = key.open_in_place(nonce, Aad::from(PURPOSE), &mut text).map_err(|_| SecretError::OtherKey)?;
    let secret = std::str::from_utf8(opened).map_err(|_| SecretError::OtherKey)?;
    Ok(SecretString::from(secret))
}

fn cipher(key_file: &Path) -> Result<LessSafeKey, SecretError> {
    let key = key(key_file)?;
    let unbound = UnboundKey::new(&CHACHA20_POLY1305, key.expose_secret()).map_err(|_| SecretError::OtherKey)?;
    Ok(LessSafeKey::new(unbound))
}

/// The key: 32 bytes in base64. One is made where there is none.
fn key(path: &Path) -> Result<SecretBox<[u8; KEY_LENGTH]>, SecretError> {
    let failed = |reason: String| SecretError::KeyFile { path: path.to_path_buf(), reason };
    let mut text = String::new();
    match File::open(path).and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == Io::NotFound => text = make_key(path, failed)?,
        Err(error) => return Err(failed(error.to_string())),
    }
    let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
    let bytes: [u8; KEY_LENGTH] = bytes.ok_or_else(|| failed("it must hold 32 bytes in base64".to_owned()))?;
    Ok(SecretBox::new(Box::new(bytes)))
}

/// Makes a key that only this user reads. A whole file takes its place at once, and one that is there stays.
fn make_key(path: &Path, failed: impl Fn(String) -> SecretError) -> Result<String, SecretError> {
    let mut bytes = [0_u8; KEY_LENGTH];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SecretError::NoRandom)?;
    let part = PathBuf::from(format!("{}.{}.part", path.display(), std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let io = |error: std::io::Error| failed(error.to_string());
    let mut file = options.open(&part).map_err(io)?;
    file.write_all(format!("{}\n", STANDARD.encode(bytes)).as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)?;
    let linked = std::fs::hard_link(&part, path);
    let _ = std::fs::remove_file(&part);
    match linked {
        Err(error) if error.kind() != Io::AlreadyExists => Err(io(error)),
        _ => std::fs::read_to_string(path).map_err(io),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_come_back_under_their_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("webhooks.key"), folder.path().join("other.key"));
        let secret = SecretString::from("geheim 🦀");
        let sealed = seal(&file, &secret).unwrap();
        assert!(sealed.starts_with(VERSION) && !sealed.contains("geheim"));
        assert_ne!(sealed, seal(&file, &secret).unwrap(), "each time under another nonce");
        assert_eq!(open(&file, &sealed).unwrap().expose_secret(), "geheim 🦀");
        assert!(matches!(open(&other, &sealed), Err(SecretError::OtherKey)));
        let mut damaged = sealed.into_bytes();
        let last = damaged.len() - 3;
        damaged[last] ^= 1;
        assert!(open(&file, &String::from_utf8(damaged).unwrap()).is_err());
        for broken in ["", "v1:", "v1:AAAA", "v2:AAAA", "geheim"] {
            assert!(open(&file, broken).is_err(), "{broken}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing but the two keys is left");
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_for_its_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("webhooks.key");
        seal(&file, &SecretString::from("s")).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&file, "short").unwrap();
        let message = seal(&file, &SecretString::from("s")).unwrap_err().to_string();
        assert!(message.contains("32 bytes"), "{message}");
    }
}
