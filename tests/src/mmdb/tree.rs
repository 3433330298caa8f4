//! The search tree: a node for each bit, and in it a record for 0 and one for 1.

/// A tree under construction. Node 0 is the root.
pub(super) struct Tree {
    nodes: Vec<[Record; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Record {
    Empty,
    Node(u32),
    /// A place in the data section.
    Data(u32),
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: vec![[Record::Empty; 2]] }
    }
}

impl Tree {
    /// Lays data over a network. Larger networks must have come before.
    pub(super) fn lay(&mut self, bits: u128, prefix: u8, place: u32) {
        // A network of everything is both halves.
        if prefix == 0 {
            self.nodes = vec![[Record::Data(place); 2]];
            return;
        }
        self.set(bits, prefix, Record::Data(place));
    }

    /// Has a network lead where the first node below `depth` zeros leads.
    pub(super) fn alias(&mut self, bits: u128, prefix: u8, depth: u8) {
        let mut target = Record::Node(0);
        for _ in 0..depth {
            let Record::Node(node) = target else { break };
            target = self.record(node, 0);
        }
        self.set(bits, prefix, target);
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    /// Puts any record anywhere: for trees that are not in order.
    pub(super) fn spoil(&mut self, node: u32, side: usize, record: Record) {
        if let Some(slot) = self.slot(node, side) {
            *slot = record;
        }
    }

    pub(super) fn to_bytes(&self, record_bits: u8) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.nodes.len() * usize::from(record_bits) / 4);
        for [zero, one] in &self.nodes {
            let [a, b, c, d] = self.number(*zero).to_be_bytes();
            let [e, f, g, h] = self.number(*one).to_be_bytes();
            match record_bits {
                24 => out.extend([b, c, d, f, g, h]),
                // The middle byte has the highest four bits of both.
                28 => out.extend([b, c, d, a << 4 | e & 0x0f, f, g, h]),
                _ => out.extend([a, b, c, d, e, f, g, h]),
            }
        }
        out
    }

    fn set(&mut self, bits: u128, prefix: u8, record: Record) {
        let mut node = 0;
        for depth in 0..prefix - 1 {
            let side = side(bits, depth);
            let next = match self.record(node, side) {
                Record::Node(next) => next,
                // What held for the whole network holds for both halves of it.
                whole @ (Record::Data(_) | Record::Empty) => {
                    let next = self.count();
                    self.nodes.push([whole; 2]);
                    self.spoil(node, side, Record::Node(next));
                    next
                }
            };
            node = next;
        }
        self.spoil(node, side(bits, prefix - 1), record);
    }

    fn record(&self, node: u32, side: usize) -> Record {
        let node = usize::try_from(node).ok().and_then(|node| self.nodes.get(node));
        node.and_then(|records| records.get(side)).copied().unwrap_or(Record::Empty)
    }

    fn slot(&mut self, node: u32, side: usize) -> Option<&mut Record> {
        self.nodes.get_mut(usize::try_from(node).ok()?)?.get_mut(side)
    }

    fn number(&self, record: Record) -> u32 {
        match record {
            Record::Empty => self.count(),
            Record::Node(node) => node,
            // Sixteen bytes of zeros lie between tree and data, and count.
            Record::Data(place) => (self.count() + 16).saturating_add(place),
        }
    }
}

fn side(bits: u128, depth: u8) -> usize {
    usize::from(bits >> (127 - depth) & 1 == 1)
}
