//! A list of pods as protobuf, taken apart while it arrives: what is kept is the part of one pod that has not come yet.

use super::{
    pod::Pod,
    protobuf,
    wire::{self, Malformed},
};

/// `k8s\0` begins every protobuf body of the API server (apimachinery, pkg/runtime/serializer/protobuf).
const MAGIC: [u8; 4] = *b"k8s\0";

/// No object in etcd is near this; a length above it is not a length.
const LARGEST: u64 = 64 << 20;

/// Key and length take at most this many bytes.
const LONGEST_HEADER: usize = 20;

/// Reads the body of a list of pods, frame by frame: the magic, then a `runtime.Unknown` whose field 2 holds the
/// `PodList`, whose field 2 holds the pods one after another.
#[derive(Debug, Default)]
pub struct PodList {
    stage: Stage,
    carry: Vec<u8>,
    pods: u64,
    complete: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum Stage {
    #[default]
    Magic,
    /// Between the fields of the envelope.
    Envelope,
    /// Within the list, so many bytes before its end.
    List(u64),
}

/// Why a list cannot be read to its end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It is not a list of pods.
    #[error("the API server's list of pods cannot be understood: {0}")]
    Malformed(#[from] Malformed),
    /// It ended before its end.
    #[error("the list of pods ended early, after {pods} pods")]
    Early {
        /// How many had come.
        pods: u64,
    },
}

impl PodList {
    /// Takes the next piece of the body and gives each pod that is whole with it to `each`.
    ///
    /// # Errors
    /// When the bytes are no list of pods.
    pub fn feed(&mut self, frame: &[u8], each: &mut impl FnMut(&Pod<'_>)) -> Result<(), Broken> {
        if self.carry.is_empty() {
            let used = self.consume(frame, each)?;
            self.carry.extend_from_slice(&frame[used..]);
            return Ok(());
        }
        let mut carry = std::mem::take(&mut self.carry);
        carry.extend_from_slice(frame);
        let used = self.consume(&carry, each)?;
        carry.drain(..used);
        self.carry = carry;
        Ok(())
    }

    /// Says whether the body was whole; answers how many pods it held.
    ///
    /// # Errors
    /// When it was not.
    pub fn finish(&self) -> Result<u64, Broken> {
        let whole = self.complete && self.carry.is_empty() && matches!(self.stage, Stage::Envelope);
        if whole { Ok(self.pods) } else { Err(Broken::Early { pods: self.pods }) }
    }

    /// How many pods have come.
    pub fn pods(&self) -> u64 {
        self.pods
    }

    /// Reads what is whole in `bytes` and answers how many of them that was.
    fn consume(&mut self, bytes: &[u8], each: &mut impl FnMut(&Pod<'_>)) -> Result<usize, Broken> {
        let mut used = 0;
        while let Some(step) = self.step(&bytes[used..], each)? {
            used += step;
        }
        Ok(used)
    }

    /// Reads one thing, where it is whole.
    fn step(&mut self, bytes: &[u8], each: &mut impl FnMut(&Pod<'_>)) -> Result<Option<usize>, Malformed> {
        if let Stage::Magic = self.stage {
            let Some(magic) = bytes.first_chunk() else { return Ok(None) };
            self.stage = Stage::Envelope;
            return if *magic == MAGIC { Ok(Some(MAGIC.len())) } else { Err(Malformed) };
        }
        if let Stage::List(0) = self.stage {
            self.stage = Stage::Envelope;
            self.complete = true;
            return Ok(Some(0));
        }
        let Some(header) = Header::read(bytes)? else { return Ok(None) };
        if let (Stage::Envelope, 2) = (self.stage, header.number) {
            self.stage = Stage::List(header.length);
            return Ok(Some(header.size));
        }
        if header.length > LARGEST {
            return Err(Malformed);
        }
        let whole = header.size + usize::try_from(header.length).map_err(|_| Malformed)?;
        if let Stage::List(left) = self.stage {
            let left = left.checked_sub(whole as u64).ok_or(Malformed)?;
            let Some(field) = bytes.get(header.size..whole) else { return Ok(None) };
            if header.number == 2 {
                each(&protobuf::pod(field)?);
                self.pods += 1;
            }
            self.stage = Stage::List(left);
        } else if bytes.len() < whole {
            return Ok(None);
        }
        Ok(Some(whole))
    }
}

/// A field's number and length. Envelope and list hold nothing but fields with a length.
struct Header {
    number: u64,
    length: u64,
    size: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let parsed = wire::varint(bytes).and_then(|(key, rest)| Some((key, wire::varint(rest)?)));
        let Some((key, (length, rest))) = parsed else {
            return if bytes.len() < LONGEST_HEADER { Ok(None) } else { Err(Malformed) };
        };
        if key & 7 != 2 {
            return Err(Malformed);
        }
        Ok(Some(Self { number: key >> 3, length, size: bytes.len() - rest.len() }))
    }
}
