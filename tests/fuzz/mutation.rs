//! Inputs that are nearly right.

/// An endless row of inputs; the same for the same seed.
pub(crate) struct Mutations {
    state: u64,
    input: Vec<u8>,
}

impl Mutations {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, input: Vec::new() }
    }

    /// One of the seeds after some changes.
    pub(crate) fn next(&mut self, seeds: &[&[u8]], words: &[&[u8]]) -> &[u8] {
        self.input.clear();
        let seed = seeds[self.below(seeds.len())];
        self.input.extend_from_slice(seed);
        for _ in 0..self.below(6) {
            self.change(seeds, words);
        }
        &self.input
    }

    fn change(&mut self, seeds: &[&[u8]], words: &[&[u8]]) {
        let at = self.below(self.input.len() + 1);
        let end = (at + self.below(16)).min(self.input.len());
        match self.below(7) {
            0 if at < self.input.len() => self.input[at] ^= 1 << self.below(8),
            1 => {
                let byte = u8::try_from(self.below(256)).expect("under 256");
                self.input.insert(at, byte);
            }
            2 => drop(self.input.drain(at..end)),
            3 => {
                let again = self.input[at..end].to_vec();
                self.input.splice(at..at, again);
            }
            4 => self.input.truncate(at),
            5 => {
                let other = seeds[self.below(seeds.len())];
                let from = self.below(other.len());
                self.input.truncate(at);
                self.input.extend_from_slice(&other[from..]);
            }
            _ => {
                let word = words[self.below(words.len())];
                self.input.splice(at..end, word.iter().copied());
            }
        }
    }

    /// Xorshift (Marsaglia 2003): good enough for dice, and the same everywhere.
    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let limit = u64::try_from(limit).expect("64 bits").max(1);
        usize::try_from((self.state >> 11) % limit).expect("under the limit")
    }
}
