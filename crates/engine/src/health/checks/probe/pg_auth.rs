//! Signing in to PostgreSQL: MD5, and SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding. A
//! password is taken as it is written; for those in ASCII that is what SASLprep makes of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use md5::Digest as _;
use sha2::Sha256;

/// The name of the way.
pub(super) const SCRAM: &str = "SCRAM-SHA-256";
/// Iterations that a server may ask for; each takes about half a microsecond.
const ITERATIONS_MAX: u32 = 5_000_000;

/// The answer to a question for a password with MD5.
pub(super) fn md5(user: &str, password: &str, salt: [u8; 4]) -> String {
    let inner = hex(&md5::Md5::digest(format!("{password}{user}").as_bytes()));
    let mut outer = md5::Md5::new();
    outer.update(inner.as_bytes());
    outer.update(salt);
    format!("md5{}", hex(&outer.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A conversation.
pub(super) struct Scram {
    password: String,
    nonce: String,
    /// What the server must prove that it knows, once it is known.
    server: Option<[u8; 32]>,
}

impl Scram {
    pub(super) fn begin(password: &str) -> Result<Self, String> {
        let mut bytes = [0; 18];
        let random = rustls::crypto::ring::default_provider().secure_random;
        random.fill(&mut bytes).map_err(|_| "there are no random numbers".to_owned())?;
        Ok(Self::with_nonce(password, &STANDARD.encode(bytes)))
    }

    fn with_nonce(password: &str, nonce: &str) -> Self {
        Self { password: password.to_owned(), nonce: nonce.to_owned(), server: None }
    }

    fn bare(&self) -> String {
        // PostgreSQL knows the user from before.
        format!("n=,r={}", self.nonce)
    }

    /// The client's first message.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.bare())
    }

    /// The client's last message, which answers the server's first.
    pub(super) async fn answer(&mut self, first: &[u8]) -> Result<String, String> {
        let strange = || "the server's part of SCRAM is wrong".to_owned();
        let first = std::str::from_utf8(first).map_err(|_| strange())?;
        let field = |name: &str| first.split(',').find_map(|part| part.strip_prefix(name));
        let nonce =
            field("r=").filter(|nonce| nonce.starts_with(&self.nonce)).ok_or_else(strange)?;
        let salt = STANDARD.decode(field("s=").ok_or_else(strange)?).map_err(|_| strange())?;
        let iterations: u32 = field("i=").and_then(|text| text.parse().ok()).ok_or_else(strange)?;
        if iterations == 0 || iterations > ITERATIONS_MAX {
            return Err(strange());
        }
        let password = self.password.clone().into_bytes();
        let salted = tokio::task::spawn_blocking(move || derive(&password, &salt, iterations));
        let salted = salted.await.map_err(|error| error.to_string())?;
        let client_key = hmac(&salted, b"Client Key");
        let stored_key: [u8; 32] = Sha256::digest(client_key).into();
        let last = format!("c=biws,r={nonce}");
        let signed = format!("{},{first},{last}", self.bare());
        let signature = hmac(&stored_key, signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        self.server = Some(hmac(&hmac(&salted, b"Server Key"), signed.as_bytes()));
        Ok(format!("{last},p={}", STANDARD.encode(proof)))
    }

    /// Whether the server knows the password too.
    pub(super) fn verify(&self, last: &[u8]) -> Result<(), String> {
        let proof = last.strip_prefix(b"v=").and_then(|text| {
            STANDARD.decode(text.split(|byte| *byte == b',').next().unwrap_or_default()).ok()
        });
        if proof.is_some() && proof.as_deref() == self.server.as_ref().map(<[u8; 32]>::as_slice) {
            Ok(())
        } else {
            Err("the server does not prove that it knows the password".to_owned())
        }
    }
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("keys of HMAC may have any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// PBKDF2 with HMAC-SHA-256, one block.
fn derive(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let keyed = Hmac::<Sha256>::new_from_slice(password).expect("keys of HMAC may have any length");
    let round = |text: &[&[u8]]| -> [u8; 32] {
        let mut mac = keyed.clone();
        for part in text {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    };
    let mut block = round(&[salt, &[0, 0, 0, 1]]);
    let mut sum = block;
    for _ in 1..iterations {
        block = round(&[&block]);
        sum.iter_mut().zip(block).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The conversation of RFC 7677, section 3; there the user's name is sent.
    #[tokio::test]
    async fn the_example_of_the_rfc_holds() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let salted = derive(b"pencil", &salt, 4096);
        let client_key = hmac(&salted, b"Client Key");
        let stored: [u8; 32] = Sha256::digest(client_key).into();
        let first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let signed = format!(
            "n=user,r=rOprNGfwEbeRWgbNEkqO,{first},\
             c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
        );
        let signature = hmac(&stored, signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        assert_eq!(STANDARD.encode(proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let server = hmac(&hmac(&salted, b"Server Key"), signed.as_bytes());
        assert_eq!(STANDARD.encode(server), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[tokio::test]
    async fn a_server_that_is_not_the_right_one_is_found_out() {
        let mut scram = Scram::with_nonce("pencil", "abc");
        for wrong in [
            "",
            "r=xyz,s=W22Z,i=1",
            "r=abcd,s=*,i=1",
            "r=abcd,s=W22Z,i=0",
            "r=abcd,i=1",
            "r=abcd,s=W22Z,i=4000000000",
        ] {
            assert!(scram.answer(wrong.as_bytes()).await.is_err(), "{wrong}");
        }
        scram.answer(b"r=abcd,s=W22Z,i=2").await.unwrap();
        assert!(scram.verify(b"v=W22Z").is_err());
        assert!(scram.verify(b"e=other-error").is_err());
    }

    #[test]
    fn the_answer_with_md5_is_that_of_postgresql() {
        // md5(md5("secret" + "alice") + salt), worked out with coreutils.
        assert_eq!(md5("alice", "secret", *b"abcd"), MD5);
    }

    const MD5: &str = "md5c90bcafc0a2b54511742383e34d5dc9d";
}
