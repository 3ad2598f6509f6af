use ring::rand::{SecureRandom as _, SystemRandom};

use super::private_key::NotGenerated;

/// A certificate's serial number: 128 bits, passed in wherever a certificate is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serial([u8; 16]);

impl Serial {
    /// A random number from the system.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn random() -> Result<Self, NotGenerated> {
        let mut bytes = [0; 16];
        SystemRandom::new().fill(&mut bytes).map_err(|_| NotGenerated::randomness())?;
        Ok(Self::from_bytes(bytes))
    }

    /// The number with these bytes, the highest first. It is made odd where it would be zero, which X.509 forbids.
    pub fn from_bytes(mut bytes: [u8; 16]) -> Self {
        if bytes == [0; 16] {
            bytes[15] = 1;
        }
        Self(bytes)
    }

    /// Its bytes, the highest first.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its first eight hexadecimal digits: what makes an authority's name its own.
    pub fn short(&self) -> String {
        format!("{:08x}", u128::from_be_bytes(self.0) >> 96)
    }
}
